"""Drivers of others: loaded only if named, their options checked like ours, their crashes told like mistakes."""

from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.problems import Problem
from agent.config.types import Config

DRIVER = """\
from dataclasses import dataclass
from typing import Annotated
import msgspec
from drivers.ports import DeviceError


@dataclass(frozen=True, kw_only=True)
class Options:
    address: Annotated[int, msgspec.Meta(ge=1, le=9, description="Bus address")]
    label: str = ""


class Odd(msgspec.Struct, forbid_unknown_fields=True):
    names: set[str] = set()


def bay(order, workshop):
    return order.read(Options)


def odd(order, workshop):
    return order.read(Odd)


def refusing(order, workshop):
    raise DeviceError(f"{order.name}: bay {order.evse} has no acme: use another")


def crashing(order, workshop):
    return 1 / 0
"""
ENTRY_POINTS = """\
[stationmaster.drivers]
bay_sensor.acme = acme_driver:bay
bay_sensor.odd = acme_driver:odd
bay_sensor.refusing = acme_driver:refusing
bay_sensor.crashing = acme_driver:crashing
bay_sensor.missing = no_such_module:bay
"""


@pytest.fixture(autouse=True)
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_driver.py").write_text(DRIVER)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)


def device(driver: str, evse: int = 1, options: str = "{}") -> str:
    return f'[[device]]\nevse = {evse}\nport = "bay_sensor"\ndriver = "{driver}"\noptions = {options}\n'


def problems(text: str) -> list[tuple[str, str]]:
    found = load(text)
    assert not isinstance(found, Config)
    assert all(isinstance(problem, Problem) for problem in found)
    return [(problem.path, problem.text()) for problem in found]


def test_a_named_driver_of_others_is_built_with_its_options(site: str) -> None:
    assert isinstance(load(site + device("acme", options="{ address = 3 }")), Config)


def test_options_of_others_are_checked_by_their_types(site: str) -> None:
    (one, two) = problems(site + device("acme", options="{ address = 12, lable = 1 }"))
    assert one[0] == "device[1].options.address"
    assert "12 is not allowed; allowed is a whole number from 1 to 9" in one[1]
    assert two[0] == "device[1].options.lable"
    assert "did you mean label?" in two[1]


def test_options_of_a_kind_we_do_not_read_are_checked_by_the_driver(site: str) -> None:
    assert isinstance(load(site + device("odd", options='{ names = ["a"] }')), Config)
    ((path, said),) = problems(site + device("odd", options="{ nmes = 1 }"))
    assert path == "device[1]"
    assert "nmes" in said


def test_each_device_a_driver_refuses_is_told_with_its_reason(site: str) -> None:
    found = problems(site + device("refusing") + device("refusing", evse=2))
    assert [path for path, _ in found] == ["device[1]", "device[2]"]
    assert [said.split("bay ")[1][0] for _, said in found] == ["1", "2"]


def test_a_driver_that_crashes_is_a_problem_among_others(site: str) -> None:
    found = problems(site + device("crashing") + "[web]\nport = -1\n")
    assert [path for path, _ in found] == ["device[1]", "web.port"]
    assert "ZeroDivisionError: ask the maker" in found[0][1]


def test_a_driver_that_does_not_load_is_a_problem(site: str) -> None:
    ((path, said),) = problems(site + device("missing"))
    assert path == "device[1]"
    assert "does not load" in said


def test_every_device_of_an_unknown_driver_is_told(site: str) -> None:
    found = problems(site + device("nobody") + device("nobody", evse=2))
    assert [path for path, _ in found] == ["device[1].driver", "device[2].driver"]
    assert "no installed package offers the driver 'nobody'" in found[1][1]
