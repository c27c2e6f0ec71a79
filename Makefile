# Stationmaster: set up, run, test. `make help` says what there is.

VENV := .venv
ARGS :=
BIN := $(VENV)/bin
# One stamp for each set of extras. A stamp older than pyproject.toml is set up again; otherwise nothing is touched and
# the network is not asked.
RUN_READY := $(VENV)/.ready-run
TEST_READY := $(VENV)/.ready-test

# The system's Python was upgraded away from under the environment: forget the stamps, so that it is made anew.
$(shell [ -x $(BIN)/python ] || rm -f $(RUN_READY) $(TEST_READY))

.DEFAULT_GOAL := help
.PHONY: help run test packages lint types coverage pytest bench soak clean
# Checks run one after another: their output stays readable and pytest's summary comes last.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="..." is passed on, for example: make pytest ARGS="tests/core -x"'

run: $(RUN_READY)  ## run a demonstration site in this terminal and on a web page
	@exec $(BIN)/stationmaster demo $(ARGS)

test: $(TEST_READY) packages lint types coverage pytest  ## run every check: ruff, mypy, coverage of the core, pytest

packages:
	@tools/system-packages gcc:gcc,libc6-dev chromium:chromium

lint: $(TEST_READY)  ## check style and format with ruff
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'Some files are not formatted: run $(BIN)/ruff format .' >&2; exit 1; }
	@echo 'ruff: ok'

types: $(TEST_READY)  ## check types with mypy --strict
	@$(BIN)/mypy --no-error-summary && echo 'mypy: ok'

# What is covered must be covered by the core's own tests, hence not the figures of the whole run.
coverage: $(TEST_READY)  ## check that tests/core alone reach every line and branch of agent/core
	@$(BIN)/python -m pytest tests/core --cov=agent/core --cov-branch --cov-fail-under=100 \
	  --cov-report=term-missing:skip-covered --no-header

pytest: $(TEST_READY)  ## run the tests alone
	@$(BIN)/python -m pytest -r s $(ARGS)

bench: $(TEST_READY)  ## measure against the budgets and print a table
	@$(BIN)/python -m tests.bench $(ARGS)

# The same campaigns as in `make test`, in full: 200 power cuts each, every bit of a journal, thousands of random days.
soak: $(TEST_READY) packages  ## run the long campaigns: power cuts, damage, random days; about an hour
	@STATIONMASTER_SOAK=1 $(BIN)/python -m pytest -r s tests/power tests/journal tests/core/test_random_days.py \
	  tests/core/test_conduct_rules.py $(ARGS)

clean:  ## remove the environment, caches and build results; keep journals and settings
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_READY): pyproject.toml tools/venv
	@tools/venv $(VENV) display
	@touch $@

$(TEST_READY): pyproject.toml tools/venv
	@tools/venv $(VENV) dev,display,gpio,modbus,serial,tls
	@touch $@ $(RUN_READY)
