"""The files that make a service of the agent: judged by systemd's own tools, which need no running systemd.

systemd-analyze returns success for unknown keys and bad values and only warns, hence anything on stderr fails here.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.kernel.ends import GOOD_S, UNCLEAN_MAX
from agent.kernel.tasks import STOP_S, Stage

SYSTEMD = Path(__file__).parent.parent / "systemd"
UNIT = SYSTEMD / "stationmaster.service"
# Ten times the exposure that systemd-analyze prints: 2.0 of 10. With devices and a network 1.5 is what can be had.
EXPOSURE_THRESHOLD = "20"
TOOL_TIMEOUT_S = 30

needs_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt install systemd"
)
needs_systemd_sysusers = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is missing: apt install systemd"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False)


def render(folder: Path, text: str) -> Path:
    """Write a unit as it would be installed, with a program in the place of the one that is not there yet."""
    program = folder / "stationmaster"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = folder / UNIT.name
    unit.write_text(text.replace("/usr/bin/stationmaster", str(program)))
    return unit


def settings(name: str) -> list[str]:
    """Return all values of one key of the unit, in order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)


@needs_systemd_analyze
def test_unit_is_understood_without_a_warning(tmp_path: Path) -> None:
    result = run("systemd-analyze", "verify", "--man=no", render(tmp_path, UNIT.read_text()))
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd_analyze
def test_misspelt_key_would_be_noticed(tmp_path: Path) -> None:
    unit = render(tmp_path, UNIT.read_text().replace("WatchdogSec=", "WatchDogSec="))
    assert "WatchDogSec" in run("systemd-analyze", "verify", "--man=no", unit).stderr


@needs_systemd_analyze
def test_unit_is_exposed_no_more_than_devices_and_network_demand(tmp_path: Path) -> None:
    unit = render(tmp_path, UNIT.read_text())
    result = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_THRESHOLD}", unit)
    assert result.returncode == 0, result.stdout + result.stderr


@needs_systemd_analyze
def test_unit_without_hardening_would_be_noticed(tmp_path: Path) -> None:
    unit = render(tmp_path, "[Service]\nExecStart=/usr/bin/stationmaster run\n")
    result = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_THRESHOLD}", unit)
    assert result.returncode != 0


def test_hung_agent_is_restarted_and_a_leak_ends_the_agent_not_the_controller() -> None:
    assert settings("Type") == ["notify"]
    assert settings("WatchdogSec") == ["30"]
    assert settings("Restart") == ["always"]
    assert settings("StartLimitIntervalSec") == ["0"]
    assert settings("MemoryMax") == ["160M"]
    assert settings("MemorySwapMax") == ["0"]
    assert settings("OOMPolicy") == ["stop"]


def test_safe_mode_is_reached_because_systemd_never_gives_up_and_keeps_what_tells_boots_apart() -> None:
    assert settings("Restart") == ["always"]
    assert settings("StartLimitIntervalSec") == ["0"]
    assert settings("StartLimitBurst") == []
    assert float(settings("RestartSec")[0]) * UNCLEAN_MAX < GOOD_S


def test_systemd_waits_for_all_stages_of_a_stop() -> None:
    drains = 1  # what waits is taken before the runner ends
    assert float(settings("TimeoutStopSec")[0]) > (len(Stage) + drains) * STOP_S
    assert settings("StateDirectory") == settings("RuntimeDirectory") == ["stationmaster"]
    assert settings("RuntimeDirectoryPreserve") == ["restart"]


def test_devices_are_closed_but_for_those_named() -> None:
    assert settings("DevicePolicy") == ["closed"]
    allowed = [value.split()[0] for value in settings("DeviceAllow")]
    assert allowed == [f"char-{name}" for name in ("gpiochip", "i2c", "spi", "ttyAMA", "ttyS", "ttyUSB", "ttyACM")]


def test_account_and_groups_of_the_unit_are_created_and_groups_own_their_devices() -> None:
    sysusers = (SYSTEMD / "stationmaster.sysusers").read_text()
    rules = (SYSTEMD / "stationmaster.rules").read_text()
    assert re.search(rf"^u {settings('User')[0]} ", sysusers, flags=re.MULTILINE)
    for group in settings("SupplementaryGroups")[0].split():
        assert re.search(rf"^g {group} ", sysusers, flags=re.MULTILINE), group
        # Debian's own rules give serial lines to dialout.
        assert f'GROUP="{group}"' in rules or group == "dialout", group


@needs_systemd_sysusers
def test_account_file_is_understood_on_an_empty_machine(tmp_path: Path) -> None:
    result = run("systemd-sysusers", "--dry-run", f"--root={tmp_path}", SYSTEMD / "stationmaster.sysusers")
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    for name in ("gpio", "i2c", "spi", "dialout", "stationmaster"):
        assert re.search(rf"group '{name}'", said, flags=re.IGNORECASE), said
