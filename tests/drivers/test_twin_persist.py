"""The world between two runs of the agent."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.twin.clock import ManualClock
from drivers.twin.control import Ev
from drivers.twin.persist import WorldFile
from drivers.twin.site import TwinSite
from drivers.twin.state import SensorMode
from drivers.twin.world import ConnectorSpec, EvseSpec, World

CCS = ConnectorSpec(connector=1, standard="IEC_62196_T2_COMBO", power_w=150_000)
SPECS = (EvseSpec(evse=1, connectors=(CCS,)), EvseSpec(evse=2, connectors=(CCS,)))


async def test_cars_stay_parked_and_registers_keep_over_a_power_cut(tmp_path: Path) -> None:
    path, clock = tmp_path / "state" / "twin.json", ManualClock()
    twin = TwinSite(SPECS, clock, path)
    keeping = asyncio.create_task(twin.run())
    await clock.settle()
    twin.control.plug_in(1, 1, Ev(soc_percent=20, power_w=100_000))
    twin.control.fault(2, "GroundFailure")
    twin.control.sensor_mode(2, SensorMode.STUCK_FREE)
    await twin.charge_controller(1).energise(lease_s=3600)
    await clock.advance(605)
    keeping.cancel()  # a power cut: nothing is said, nothing is flushed

    again = TwinSite(SPECS, ManualClock(), path)
    assert again.problems == ()
    one, two = again.control.state()["evses"]
    assert one["plug"] == {"connector": 1}
    assert one["energised"] is False
    lost_wh = twin.control.state()["evses"][0]["meter"]["register_wh"] - one["meter"]["register_wh"]
    assert 0 <= lost_wh <= 100_000 * 10 / 3600 + 1  # no more than flows between two checkpoints
    assert one["car"]["soc_percent"] > 40
    assert two["faults"] == ["GroundFailure"]
    assert two["bay"]["sensor_mode"] == "stuck_free"


def test_the_first_run_starts_empty_without_a_word(tmp_path: Path) -> None:
    twin = TwinSite(SPECS, ManualClock(), tmp_path / "twin.json")
    assert twin.problems == ()
    assert [evse["plug"] for evse in twin.control.state()["evses"]] == [None, None]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"version": 2, "evses": []}',
        b"[" * 5000,
        b'{"version":1,"evses":[{"evse":1,"occupied":false,"car":null,"plugged":null,"register_wh":-1,"faults":[],"sensor":"honest"}]}',
    ],
)
def test_a_damaged_file_means_empty_bays_is_kept_aside_and_said(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "twin.json"
    path.write_bytes(raw)
    twin = TwinSite(SPECS, ManualClock(), path)
    assert len(twin.problems) == 1
    assert "is damaged" in twin.problems[0]
    assert "bays start empty and registers at 0" in twin.problems[0]
    assert (tmp_path / "twin.json.damaged").read_bytes() == raw


@given(cut=st.integers(0, 700), noise=st.binary(max_size=20))
def test_no_torn_file_stops_the_start(tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("torn") / "twin.json"
    whole = World(SPECS)
    WorldFile(path).save(whole, 0.0)
    raw = path.read_bytes()
    path.write_bytes(raw[:cut] + noise + raw[cut + len(noise) :])
    loaded = WorldFile(path).load(SPECS)
    assert sorted(loaded.world.specs) == [1, 2]


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "twin.json"
    file, world = WorldFile(path), World(SPECS)
    file.save(world, 0.0)
    path.unlink()
    file.save(world, 100.0)
    assert not path.exists()


def test_a_changed_layout_drops_what_does_not_fit_and_says_it(tmp_path: Path) -> None:
    path = tmp_path / "twin.json"
    twin = TwinSite(SPECS, ManualClock(), path)
    twin.control.plug_in(1)
    WorldFile(path).save(twin.world, 0.0)
    chademo = EvseSpec(evse=1, connectors=(ConnectorSpec(connector=1, standard="CHADEMO", power_w=50_000),))
    again = TwinSite((chademo,), ManualClock(), path)
    assert [problem.split(":")[1].strip() for problem in again.problems] == [
        "the plug at EVSE 1 does not fit the layout any more",
        "EVSE 2 is not in the layout any more",
    ]
    assert again.control.state()["evses"][0]["plug"] is None
    assert again.control.state()["evses"][0]["bay"]["occupied"]


def test_a_disk_that_refuses_does_not_stop_the_world_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    file = WorldFile(tmp_path / "file" / "twin.json")  # its folder is a file
    world = World(SPECS)
    file.follow(world)
    world.set_bay(1, occupied=True, now_s=0.0)
    world.set_bay(1, occupied=False, now_s=1.0)
    assert file.problem is not None
    assert len(caplog.records) == 1


def test_the_file_is_readable_by_people(tmp_path: Path) -> None:
    path = tmp_path / "twin.json"
    WorldFile(path).save(World(SPECS), 0.0)
    text = path.read_text()
    assert json.loads(text)["evses"][0]["register_wh"] == 0
    assert text.count("\n") > 10


def test_a_file_that_cannot_be_opened_means_empty_bays_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "twin.json").mkdir()
    twin = TwinSite(SPECS, ManualClock(), tmp_path / "twin.json")
    assert "cannot read" in twin.problems[0]
    assert "bays start empty" in twin.problems[0]


def test_a_car_plugged_into_what_does_not_exist_any_more_is_unplugged_but_parked(tmp_path: Path) -> None:
    path = tmp_path / "twin.json"
    twin = TwinSite(SPECS, ManualClock(), path)
    twin.control.plug_in(1)
    WorldFile(path).save(twin.world, 0.0)
    renumbered = ConnectorSpec(connector=2, standard=CCS.standard, power_w=50_000)
    again = TwinSite((EvseSpec(evse=1, connectors=(renumbered,)), SPECS[1]), ManualClock(), path)
    evse = again.control.state()["evses"][0]
    assert (evse["plug"], evse["bay"]["occupied"]) == (None, True)
    assert len(again.problems) == 1
