"""The control API of the twin: deeds, refusals and the state it shows."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ports import Face, LampSignal, Screen, Waveform
from drivers.twin.clock import ManualClock
from drivers.twin.control import Ev
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec, TwinRefused

SPECS = (
    EvseSpec(
        evse=1,
        connectors=(
            ConnectorSpec(connector=1, standard="IEC_62196_T2_COMBO", power_w=150_000),
            ConnectorSpec(connector=2, standard="IEC_62196_T2", power_w=22_000),
        ),
    ),
    EvseSpec(evse=2, connectors=(ConnectorSpec(connector=1, standard="CHADEMO", power_w=50_000),), has_bay=False),
)


def site() -> TwinSite:
    return TwinSite(SPECS, ManualClock())


def test_plugging_in_occupies_the_bay_and_takes_the_parked_car() -> None:
    control = site().control
    control.drive_in(1, Ev(soc_percent=33))
    control.plug_in(1, 2)
    control.plug_out(1)
    evse = control.state()["evses"][0]
    assert evse["bay"] == {"present": True, "occupied": True, "sensor_mode": "honest"}
    assert evse["car"]["soc_percent"] == 33.0
    assert evse["plug"] is None
    control.plug_in(1)
    assert control.state()["evses"][0]["plug"] == {"connector": 1}


def test_the_connector_is_found_by_the_cars_inlet() -> None:
    control = site().control
    control.plug_in(1, ev=Ev(standard="IEC_62196_T2"))
    assert control.state()["evses"][0]["plug"] == {"connector": 2}
    control.plug_in(2)
    assert control.state()["evses"][1]["car"]["standard"] == "CHADEMO"


def test_who_comes_nearly_full_wants_it_full() -> None:
    control = site().control
    control.plug_in(1, 1, Ev(soc_percent=85))
    assert control.state()["evses"][0]["car"]["target_soc_percent"] == 100.0


def test_driving_off_leaves_an_empty_bay() -> None:
    control = site().control
    control.drive_in(1)
    control.drive_off(1)
    assert control.state()["evses"][0]["car"] is None
    assert not control.state()["evses"][0]["bay"]["occupied"]


REFUSALS = [
    ("plug_in", {}, "plugged in already: plug out first", 1),
    ("drive_off", {}, "plugged in: plug out first", 1),
    ("bay", {"occupied": False}, "plugged in: plug out first", 1),
    ("drive_in", {}, "occupied: drive off first", 1),
    ("plug_out", {"connector": 2}, "connector 1 is", 1),
    ("plug_out", {}, "nothing is plugged in", 2),
    ("plug_in", {"connector": 3}, "has no connector 3; it has 1", 2),
    ("plug_in", {"connector": 1, "ev": {"standard": "IEC_62196_T2"}}, "does not fit a car with IEC_62196_T2", 2),
    ("plug_in", {"ev": {"standard": "IEC_62196_T2"}}, "no connector of EVSE 2 fits", 2),
    ("bay", {"occupied": True}, "EVSE 2 has no bay", 2),
    ("sensor_mode", {"mode": "flutter"}, "no bay sensor", 2),
    ("sensor_mode", {"mode": "moody"}, r"\$.mode", 1),
    ("clear", {"code": "UnderVoltage"}, "not active at EVSE 1; active: none", 1),
    ("fault", {"code": ""}, "fault code needs", 1),
    ("swipe", {"id_token": ""}, "a token needs", 1),
    ("plug_in", {"connector": 1, "ev": {"soc_percent": 400}}, "soc_percent must be from 0 to 100", 2),
    ("plug_in", {"connector": "one"}, r"plug_in: Expected `int \| null`, got `str` - at `\$.connector`", 2),
    ("plug_in", {"conector": 1}, "unknown field `conector`", 2),
    ("explode", {}, "there is no deed 'explode'", 1),
    ("plug_in", {}, "there is no EVSE 3 in this twin; it has 1, 2", 3),
]


@pytest.mark.parametrize(("deed", "body", "reason", "evse"), REFUSALS)
def test_an_impossible_deed_is_refused_with_its_reason_and_changes_nothing(
    deed: str, body: dict[str, object], reason: str, evse: int
) -> None:
    control = site().control
    control.plug_in(1, 1)
    before = control.state()
    with pytest.raises(TwinRefused, match=reason):
        control.do(evse, deed, json.dumps(body).encode())
    assert control.state() == before


def test_a_fault_twice_is_refused_and_a_broken_reader_reads_nothing() -> None:
    control = site().control
    control.fault(1, "ReaderFailure")
    with pytest.raises(TwinRefused, match="ReaderFailure is active already"):
        control.fault(1, "ReaderFailure")
    with pytest.raises(TwinRefused, match="clear ReaderFailure first"):
        control.swipe(1, "DEADBEEF")


def test_every_deed_of_the_api_works_as_json() -> None:
    control = site().control
    control.do(1, "drive_in", b"")
    control.do(1, "plug_in", b'{"connector": 1, "ev": {"soc_percent": 40, "power_w": 50000}}')
    control.do(1, "swipe", b'{"id_token": "DEADBEEF", "type": "ISO14443"}')
    control.do(1, "fault", b'{"code": "UnderVoltage"}')
    assert control.state()["evses"][0]["vehicle"] == "F"
    control.do(1, "clear", b'{"code": "UnderVoltage"}')
    control.do(1, "sensor_mode", b'{"mode": "stuck_free"}')
    control.do(1, "plug_out", b'{"connector": 1}')
    control.do(1, "drive_off", b"{}")
    control.do(1, "bay", b'{"occupied": true}')
    evse = control.state()["evses"][0]
    assert evse["bay"] == {"present": True, "occupied": True, "sensor_mode": "stuck_free"}
    assert evse["faults"] == []


@given(deed=st.sampled_from(["plug_in", "plug_out", "swipe", "bay", "fault"]), body=st.binary(max_size=200))
def test_noise_in_a_body_is_refused_or_done_and_never_crashes(deed: str, body: bytes) -> None:
    control = site().control
    with contextlib.suppress(TwinRefused):
        control.do(1, deed, body)
    assert len(control.state()["evses"]) == 2


def test_a_body_of_deep_brackets_or_great_length_is_refused() -> None:
    control = site().control
    with pytest.raises(TwinRefused, match="plug_in"):
        control.do(1, "plug_in", b'{"ev":' * 600)
    with pytest.raises(TwinRefused, match="longer than 4096 bytes"):
        control.do(1, "plug_in", b" " * 5000)


async def test_the_state_shows_lamp_and_screen_as_plain_data() -> None:
    twin = site()
    lamp = LampSignal(colour="#ff9600", second_colour="#c828ff", waveform=Waveform.ALTERNATE)
    await twin.status_light(1).show(lamp, lease_s=5)
    faces = (Face(big="K7", lines=("held 3:00", "bay 1"), qr="http://x/1"), Face(big="", lines=("frei",)))
    await twin.display(1).show(Screen(faces=faces), lease_s=5)
    shown, other = twin.control.state()["evses"]
    assert shown["lamp"] == {"colour": "#ff9600", "second_colour": "#c828ff", "waveform": "alternate"}
    assert [face["text"] for face in shown["screen"]["faces"]] == [["K7", "held 3:00", "bay 1"], ["frei"]]
    assert other["lamp"]["waveform"] == "off"
    assert other["screen"] is None
    assert json.loads(json.dumps(twin.control.state())) == twin.control.state()


async def test_a_power_cut_darkens_lamps_and_keeps_cars() -> None:
    twin = site()
    twin.control.plug_in(1)
    await twin.charge_controller(1).energise(lease_s=60)
    await twin.status_light(1).show(LampSignal(colour="#0040ff", waveform=Waveform.BREATHE), lease_s=60)
    twin.control.power_cut()
    evse = twin.control.state()["evses"][0]
    assert (evse["lamp"]["waveform"], evse["energised"], evse["plug"]) == ("off", False, {"connector": 1})
