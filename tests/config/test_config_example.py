"""The example is complete, works, and is what lies in docs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config.devices import options_of
from agent.config.example import example_toml
from agent.config.forms import Form, form_of, keys_of
from agent.config.load import check
from agent.config.problems import ProblemKind
from agent.config.types import Config
from drivers.registry import Port, names

DOCS = Path(__file__).parents[2] / "docs" / "stationmaster.example.toml"
EXAMPLE = example_toml()


def _keys(kind: Any, path: str = "") -> Iterator[tuple[str, Form]]:
    for key in keys_of(kind):
        form = key.form.of or key.form
        yield f"{path}{key.name}", key.form
        if form.is_table:
            yield from _keys(form.kind, f"{path}{key.name}.")


ALL_KEYS = tuple(_keys(Config))
SWITCHED_OFF = re.compile(r"^#(?=\[|[a-z0-9_]+ = )", re.MULTILINE)


def test_example_loads_without_problems_or_warnings() -> None:
    assert check(EXAMPLE) == ()


def test_example_in_docs_is_the_generated_one() -> None:
    assert DOCS.read_text("utf-8") == EXAMPLE, "run: stationmaster example-config > docs/stationmaster.example.toml"


@pytest.mark.parametrize(("path", "form"), ALL_KEYS, ids=[path for path, _ in ALL_KEYS])
def test_every_key_has_help_and_stands_in_the_example(path: str, form: Form) -> None:
    assert len(form.meta.description or "") >= 5
    name = path.rpartition(".")[2]
    section = path.rpartition(".")[0]
    assert re.search(rf"^#?({name} = |\[+([a-z]+\.)*{name}\]+$)", EXAMPLE, re.MULTILINE), path
    assert not section or f"[{section}]" in EXAMPLE


@pytest.mark.parametrize(("path", "form"), ALL_KEYS, ids=[path for path, _ in ALL_KEYS])
def test_every_number_has_bounds_and_every_text_a_length_or_form(path: str, form: Form) -> None:
    bare = form.of if form.of is not None and not form.is_open else form
    if bare.kind in (int, float) and bare is form:
        assert form.meta.ge is not None
        assert form.meta.le is not None
    if bare.kind is str and not bare.choices:
        assert form.meta.max_length is not None or form.meta.pattern is not None


def _keys_of_working_tables() -> Iterator[int]:
    """Yield where keys are switched off in tables that are not switched off themselves."""
    for match in SWITCHED_OFF.finditer(EXAMPLE):
        before = EXAMPLE[: match.start()]
        if EXAMPLE[match.end()] != "[" and before.rfind("\n#[") < before.rfind("\n["):
            yield match.start()


@pytest.mark.parametrize("at", tuple(_keys_of_working_tables()))
def test_every_key_that_is_switched_off_is_right_when_switched_on(at: int) -> None:
    found = check(EXAMPLE[:at] + EXAMPLE[at + 1 :])
    # A key may need another one beside it, but must be known and have a value that is allowed.
    assert {problem.kind for problem in found} <= {ProblemKind.CONFLICT, ProblemKind.MISSING}


def test_partner_and_device_of_the_example_are_right_when_switched_on() -> None:
    begin = EXAMPLE.index("#[[partner]]")
    end = EXAMPLE.index("# The keys of [device.options]")
    switched_on = EXAMPLE[:begin] + SWITCHED_OFF.sub("", EXAMPLE[begin:end]).replace("#pin", "pin") + EXAMPLE[end:]
    # Two ways to say one thing stand side by side in the example.
    assert [problem.path for problem in check(switched_on)] == ["partner[1].token_sha256"]


@pytest.mark.parametrize(("port", "driver"), [(port, driver) for port in Port for driver in names(port)])
def test_every_built_in_driver_says_what_it_wants_to_know(port: Port, driver: str) -> None:
    options = options_of(port, driver)
    assert options is not None
    assert f'# port = "{port.value}", driver = "{driver}"' in EXAMPLE
    for key in keys_of(options):
        assert f"#     {key.name}: " in EXAMPLE


@pytest.mark.parametrize("annotation", [bytes, int | str, dict[int, str], set[str], tuple[int, int], object])
def test_a_type_no_configuration_is_made_of_is_refused(annotation: object) -> None:
    with pytest.raises(TypeError):
        form_of(annotation)
