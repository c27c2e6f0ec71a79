"""The code is as tidy as the house style says: floors, purity, order, sizes, words and docstrings, checked by syntax.

The rules are in `tidy_rules.py`. Each has snippets here that it must refuse and let pass: a check that cannot fail is
no check.
"""

from itertools import chain
from pathlib import Path

import pytest
import tidy_rules as rules
from tidy_source import ROOT, Module, modules

# Files and functions above the limits of tidy_rules.py with their lines today, `path` or `path:Class.function`. Only
# for what there is: a number may go down and has to follow, a new entry needs a reason in its commit.
TOO_LONG: dict[str, int] = {}

# Text that is not Python but ours; caches and what others made stay out.
OTHER_TEXT = frozenset({".css", ".html", ".js", ".md", ".service", ".sh", ".sql", ".sysusers", ".toml"})
OUR_FOLDERS = ("agent", "drivers", "docs", "images", "systemd", "tools", ".ci")


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_whole_tree_obeys(rule: rules.Rule) -> None:
    complaints = list(chain.from_iterable(map(rule, modules())))
    assert not complaints, "\n" + "\n".join(complaints)


def test_sizes_only_shrink() -> None:
    found: dict[str, int] = {}
    for module in modules():
        found |= rules.oversized(module)
    complaints = list(rules.ratchet(found, TOO_LONG))
    assert not complaints, "\n" + "\n".join(complaints)


def test_nothing_unfinished_in_other_text() -> None:
    paths = chain.from_iterable((ROOT / folder).rglob("*") for folder in OUR_FOLDERS)
    complaints = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in paths
        if path.is_file()
        and (path.suffix in OTHER_TEXT or path.parent.name in {"tools", ".ci"})
        and (found := rules.UNFINISHED.search(path.read_text("utf-8")))
    ]
    assert not complaints


# Each rule with a path, a snippet it must refuse and a part of what it then says.
BAD = [
    # Floors
    (rules.floors, "agent/core/site.py", "from agent.journal import store", "imports go down"),
    (rules.floors, "agent/core/site.py", "import agent.ocpp.frames", "neighbours"),
    (rules.floors, "agent/core/site.py", "from ..kernel import runner", "imports go down"),
    (rules.floors, "agent/core/__init__.py", "from ..web import pages", "imports go down"),
    (rules.floors, "agent/core/site.py", "def f():\n    from agent import app", "imports go down"),
    (rules.floors, "agent/core/site.py", "import importlib\nimportlib.import_module('agent.app')", "imports go down"),
    (rules.floors, "agent/web/pages.py", "from agent.csms import link", "neighbours"),
    (rules.floors, "agent/journal/store.py", "from agent.kernel import clock", "imports go down"),
    (rules.floors, "agent/app.py", "from agent.cli import doctor", "imports go down"),
    (rules.floors, "agent/texts/__init__.py", "from agent import config", "neighbours"),
    (rules.floors, "drivers/bay/gpio.py", "from agent.core import layout", "neighbours"),
    (rules.floors, "agent/core/site.py", "import drivers.ports", "neighbours"),
    (rules.floors, "agent/web/pages.py", "from tests import peers", "does not know its tests"),
    (rules.floors, "agent/newcomer/thing.py", "", "has no floor"),
    # Purity
    (rules.purity, "agent/core/site.py", "import time", "hand it in"),
    (rules.purity, "agent/core/site.py", "from os import path", "hand it in"),
    (rules.purity, "agent/core/site.py", "def f():\n    import random", "hand it in"),
    (rules.purity, "agent/core/site.py", "import msgspec", "not among the libraries"),
    (rules.purity, "agent/ocpp/rpc.py", "import aiohttp", "not among the libraries"),
    (rules.purity, "agent/ocpp/rpc.py", "import asyncio", "hand it in"),
    (rules.purity, "agent/ocpp/rpc.py", "from ocpp.charge_point import remove_nones", "messages and schemas only"),
    (rules.purity, "agent/core/site.py", "open('journal')", "no function of the input"),
    (rules.purity, "agent/core/site.py", "import datetime\ndatetime.datetime.now()", "no function of the input"),
    (rules.purity, "agent/core/site.py", "from datetime import datetime as d\nd.utcnow()", "no function of the input"),
    (rules.purity, "agent/core/site.py", "from datetime import date\ndate.today()", "no function of the input"),
    (rules.purity, "agent/core/site.py", "from datetime import datetime\nf = datetime.now", "no function of the input"),
    (rules.purity, "agent/core/site.py", "def f(x):\n    return hash(x)", "no function of the input"),
    (rules.purity, "agent/ocpp/rpc.py", "import uuid\nuuid.uuid4()", "no function of the input"),
    # No order from hashing
    (rules.no_order_from_hashing, "agent/core/queue.py", "for x in {1, 2}: pass", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "for x in set(y): pass", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "[x for x in frozenset(y)]", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "f(x for x in {1, 2})", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "tuple({1, 2})", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "(*{1, 2}, 3)", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "s = {1}\nfor x in s: pass", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "s = {1}\nt = s\nfirst, second = t", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "def f(s: frozenset[int]):\n    return list(s)", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "class A:\n    ids: set[int]\nnext(iter(a.ids))", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "for x in a.keys() - b.keys(): pass", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "for x in a.union(b): pass", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "x = {1, 2}.pop()", "iterates"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "','.join({'a', 'b'})", "iterates"),
    # The small ones
    (rules.no_xml, "drivers/meter.py", "from xml.etree import ElementTree", "no XML parser"),
    (rules.no_xml, "tests/web/test_pages.py", "import lxml.html", "no XML parser"),
    (rules.no_print, "agent/web/pages.py", "print('here')", "log it"),
    (rules.no_print, "drivers/bay/gpio.py", "from sys import stdout\nstdout.write('here')", "log it"),
    (rules.docstrings, "tests/test_a.py", "x = 1", "has no docstring"),
    (rules.docstrings, "agent/app.py", '"""A."""\ndef start(): pass', "start has no docstring"),
    (rules.docstrings, "agent/app.py", '"""A."""\nasync def start(): pass', "start has no docstring"),
    (rules.docstrings, "agent/app.py", '"""A."""\nclass App: pass', "App has no docstring"),
    (rules.docstrings, "agent/app.py", '"""A."""\nclass A:\n    """A."""\n    def go(self): pass', "A.go has no"),
    (rules.docstrings, "drivers/ports.py", '"""A."""\nclass P(Protocol):\n    """A."""\n    def go(self): ...', "P.go"),
    (rules.nothing_unfinished, "agent/app.py", "x = 1  # TODO later", "open an issue"),
    (rules.nothing_unfinished, "agent/app.py", '"""FIXME: all of it."""', "open an issue"),
    (rules.no_sleeping, "tests/test_a.py", "import time\ntime.sleep(0.1)", "sleeps 0.1 s"),
    (
        rules.no_sleeping,
        "tests/test_a.py",
        "from asyncio import sleep\nasync def f():\n    await sleep(1)",
        "sleeps 1 s",
    ),
    (rules.vocabulary, "agent/core/queue.py", "ticket_id = 1", "say CheckIn"),
    (rules.vocabulary, "agent/core/queue.py", "class TicketQueue: pass", "say CheckIn"),
    (rules.vocabulary, "agent/web/tickets.py", "", "say CheckIn"),
    (rules.vocabulary, "agent/devices/loop.py", "def f(idTag): pass", "say IdToken"),
    (rules.vocabulary, "agent/devices/loop.py", "f(id_tag=1)", "say IdToken"),
    (rules.vocabulary, "agent/devices/loop.py", "class ChargePoint: pass", "say ChargingStation"),
]

# What stands near to a rule's border, on the good side.
GOOD = [
    (rules.floors, "agent/kernel/runner.py", "from agent.core import site\nfrom agent.journal.store import Journal"),
    (rules.floors, "agent/core/site.py", "from . import queue\nfrom .layout import Evse\nimport agent\nimport json"),
    (rules.floors, "agent/__main__.py", "from agent.cli import run"),
    (rules.floors, "tests/core/test_site.py", "from agent.core import site\nfrom agent.web import pages"),
    (rules.purity, "agent/core/site.py", "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, tz=UTC)"),
    (rules.purity, "agent/core/site.py", "def f(id: int) -> int:\n    return id"),
    (rules.purity, "agent/ocpp/rpc.py", "import msgspec\nfrom ocpp.v16 import call\nfrom uuid import UUID"),
    (rules.purity, "agent/kernel/clock.py", "import time\nimport aiohttp\ntime.monotonic()"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "s = {1, 2}\nfor x in sorted(s): pass\n3 in s\nlen(s)"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "s = {1, 2}\nany(x > 1 for x in s)\nt = {x + 1 for x in s}"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "d = {1: 2}\nfor x in d: pass\nfor y in d.items(): pass"),
    (rules.no_order_from_hashing, "agent/core/queue.py", "n = a - b\nfor x in range(n): pass\nstack.pop()"),
    (rules.no_xml, "agent/web/pages.py", "import html\nimport json"),
    (rules.no_print, "agent/cli/doctor.py", "print('all is well')"),
    (rules.docstrings, "agent/app.py", '"""A."""\ndef _hidden(): pass\nclass _Hidden: pass'),
    (rules.docstrings, "drivers/bay/gpio.py", '"""A."""\nclass B(Port):\n    """A."""\n    def read(self): pass'),
    (rules.docstrings, "tests/test_a.py", '"""A."""\ndef test_a_sentence_needs_no_other(): pass'),
    (rules.nothing_unfinished, "agent/app.py", "x = 'TODO'  # the word itself"),
    (rules.no_sleeping, "tests/test_a.py", "import asyncio\nasync def f():\n    await asyncio.sleep(0)"),
    (rules.no_sleeping, "agent/kernel/clock.py", "import time\ntime.sleep(1)"),
    (rules.vocabulary, "agent/ocpp/v16/translate.py", "id_tag = payload.idTag\nclass ChargePoint: pass"),
    (rules.vocabulary, "agent/ocpp/v2/translate.py", "def on_customer_information(): pass"),
    (rules.vocabulary, "agent/web/pages.py", "begun = gunicorn = charge_pointer = 1"),
]


@pytest.mark.parametrize(("rule", "path", "snippet", "said"), BAD)
def test_rule_refuses(rule: rules.Rule, path: str, snippet: str, said: str) -> None:
    complaints = list(rule(Module(path=path, text=snippet)))
    assert complaints
    assert said in complaints[0]
    assert complaints[0].startswith(path)


@pytest.mark.parametrize(("rule", "path", "snippet"), GOOD)
def test_rule_lets_pass(rule: rules.Rule, path: str, snippet: str) -> None:
    assert list(rule(Module(path=path, text=snippet))) == []


def test_every_rule_is_proven_both_ways() -> None:
    assert {rule for rule, *_ in BAD} == {rule for rule, *_ in GOOD} == set(rules.RULES)


def test_long_file_and_long_function_are_found() -> None:
    lines = "\n    x = 1" * rules.FUNCTION_LINES_MAX
    text = f"class A:\n  def fits(self):{lines[10:]}\n  def long(self):{lines}\n" + "\n" * rules.FILE_LINES_MAX
    found = rules.oversized(Module(path="agent/app.py", text=text))
    assert found.keys() == {"agent/app.py", "agent/app.py:A.long"}
    assert found["agent/app.py:A.long"] == rules.FUNCTION_LINES_MAX + 1


@pytest.mark.parametrize(
    ("found", "known", "said"),
    [
        ({"a.py": 500}, {}, "split it by"),
        ({"a.py": 500}, {"a.py": 450}, "may shrink only"),
        ({"a.py": 430}, {"a.py": 450}, "lower its number"),
        ({}, {"a.py": 450}, "take it out"),
        ({"a.py": 450}, {"a.py": 450}, None),
    ],
)
def test_exceptions_to_sizes_may_only_shrink(found: dict[str, int], known: dict[str, int], said: str | None) -> None:
    complaints = list(rules.ratchet(found, known))
    assert (said in complaints[0]) if said else not complaints


def test_floors_are_those_of_the_tree() -> None:
    folders = {path.parent.name for path in Path(ROOT, "agent").glob("*/__init__.py")}
    assert all(f"agent.{folder}" in rules.FLOOR_OF for folder in folders)
