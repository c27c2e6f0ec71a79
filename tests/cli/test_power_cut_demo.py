"""A cut of the power at the twin panel of a real demo: the process is gone at once, and comes back by itself."""

import http.client
import json
import re
import signal
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from agent_process import TIMEOUT_S, Demo, demo, stationmaster

CAR = {"ev": {"soc_percent": 33}}
LONG_S = 600


def post(running: Demo, path: str, body: object) -> None:
    """Press a button of the panel."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(running.base + path, data, headers), timeout=TIMEOUT_S):
        pass


def cut(running: Demo, dark_s: float) -> None:
    """Cut the power: nobody is left to answer."""
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(running, "/twin/power", {"dark_s": dark_s})


def car(running: Demo) -> Any:
    """Bay, plug and car at EVSE 3."""
    with urllib.request.urlopen(f"{running.base}/twin/state", timeout=TIMEOUT_S) as answer:
        row = json.load(answer)["evses"][2]
    return row["bay"]["occupied"], row["plug"], row["car"]["soc_percent"]


def check_in(running: Demo) -> str:
    """Check in on a phone; return the address of the own page."""
    with urllib.request.urlopen(running.base, timeout=TIMEOUT_S) as answer:
        request_id = re.search(r'name="request" value="([^"]+)"', answer.read().decode())
    with urllib.request.urlopen(f"{running.base}/twin/state", timeout=TIMEOUT_S) as answer:
        digits = json.load(answer)["digits"]
    assert request_id is not None
    form = urllib.parse.urlencode({"request": request_id[1], "pool": "CCS50", "digits": digits}).encode()
    with urllib.request.urlopen(f"{running.base}/check-in", form, timeout=TIMEOUT_S) as answer:
        return str(answer.url)


def heading(own_page: str) -> str:
    """What an own page says first."""
    with urllib.request.urlopen(own_page, timeout=TIMEOUT_S) as answer:
        found = re.search(r"<h1[^>]*>([^<]*)</h1>", answer.read().decode())
    assert found is not None
    return found[1]


def test_the_same_process_comes_back_to_the_same_cars_and_promises_and_stops_cleanly(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        post(running, "/twin/evse/3/plug_in", CAR)
        before, own_page = car(running), check_in(running)
        assert heading(own_page) == "Go to bay 1 now"
        head = running.said("state=running")
        cut(running, 0.2)
        assert "dark_s=0.2" in running.said("power=cut")
        again = running.said("state=running")
        assert head.partition("address=")[2].split()[0] == again.partition("address=")[2].split()[0]
        running.said("power=back")
        assert car(running) == before
        assert heading(own_page) == "Go to bay 1 now"
        code, errors = running.stop()
        assert (code, "Traceback" in errors) == (0, False), errors
    assert "/twin" not in running.rest, "the addresses are printed once"
    kinds = [line.split()[3] for line in stationmaster("journal", "list", "--state-dir", tmp_path).stdout.splitlines()]
    assert kinds.count("Restarted") == 2
    assert ": ok, " in stationmaster("journal", "verify", "--state-dir", tmp_path).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_demo_that_is_stopped_in_the_dark_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        cut(running, LONG_S)
        running.said("power=cut")
        with pytest.raises(OSError, match=r"refused|reset|closed"):
            running.get("/")
        assert not (tmp_path / "snapshots").exists(), "a clean stop would have kept one"
        code, errors = running.stop(number)
        assert (code, "Traceback" in errors) == (0, False), errors


def test_a_replayed_day_goes_on_where_the_power_was_cut(tmp_path: Path) -> None:
    with demo(tmp_path, "--replay", "dundee", "--speed", "600") as running:
        running.said("replay=began")
        cut(running, 0)
        running.said("replay=began")
        with urllib.request.urlopen(f"{running.base}/twin/state", timeout=TIMEOUT_S) as answer:
            state = json.load(answer)
        assert (state["site"]["replaying"], state["clock"]["rate"]) == ("dundee", 600)
        assert running.stop()[0] == 0
    assert "The day is over" not in running.rest
