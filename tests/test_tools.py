"""The scripts behind `make`: what they say to somebody whose machine lacks something.

Every machine here is made of stand-in commands in an otherwise empty search path; nothing is installed.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"
TIMEOUT_S = 30


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder that is the whole search path; tests put commands into it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("grep", "mktemp", "rm", "tail", "env"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def put(commands: Path, name: str, script: str) -> None:
    """Add a stand-in command, written in shell."""
    (commands / name).write_text(f"#!/bin/bash\n{script}\n")
    (commands / name).chmod(0o755)


def run(commands: Path, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", TOOLS / tool, *arguments],
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_python_without_ensurepip_names_the_package_to_install(commands: Path, tmp_path: Path) -> None:
    put(commands, "python3", "case $2 in *ensurepip*) exit 1;; esac")
    result = run(commands, "venv", str(tmp_path / "venv"), "dev")
    assert result.returncode != 0
    assert "apt install python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_machine_without_a_new_enough_python_is_told_which_it_needs(commands: Path, tmp_path: Path) -> None:
    # As version managers do: the command is there and only prints an error.
    put(commands, "python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    put(commands, "python3", "exit 1")
    result = run(commands, "venv", str(tmp_path / "venv"), "dev")
    assert result.returncode != 0
    assert result.stderr == "Python 3.11 or newer was not found. Install it: apt install python3 python3-venv\n"


def test_folder_that_is_no_environment_is_not_cleared(commands: Path, tmp_path: Path) -> None:
    put(commands, "python3", "")
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "dear").write_text("keep me")
    result = run(commands, "venv", str(letters), "dev")
    assert result.returncode != 0
    assert "is no virtual environment" in result.stderr
    assert (letters / "dear").read_text() == "keep me"


def test_nothing_is_said_or_asked_when_nothing_is_missing(commands: Path) -> None:
    put(commands, "gcc", "")
    result = run(commands, "system-packages", "gcc:gcc,libc6-dev")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_without_rights_the_missing_is_named_and_work_goes_on(commands: Path) -> None:
    put(commands, "id", "echo 1000")
    put(commands, "sudo", "exit 1")
    put(commands, "apt-get", "echo called >&2")
    result = run(commands, "system-packages", "gcc:gcc,libc6-dev", "chromium:chromium")
    assert result.returncode == 0
    assert result.stderr.startswith("Missing: gcc chromium (")
    assert result.stderr.endswith("skipped. To get it: apt install gcc libc6-dev chromium\n")


@pytest.mark.skipif(
    not Path("/etc/debian_version").exists() or "ubuntu" in Path("/etc/os-release").read_text().lower(),
    reason="apt is asked on Debian and Raspberry Pi OS only",
)
@pytest.mark.parametrize(
    ("outcome", "said"), [("exit 0", ""), ("echo no network; exit 100", "no network\nMissing: gcc")]
)
def test_root_installs_the_missing_and_an_apt_that_fails_stops_nothing(commands: Path, outcome: str, said: str) -> None:
    put(commands, "id", "echo 0")
    put(commands, "apt-get", outcome)
    result = run(commands, "system-packages", "gcc:gcc")
    assert result.returncode == 0
    assert result.stdout == "Installing with apt: gcc\n"
    assert result.stderr.startswith(said)
    assert bool(result.stderr) == bool(said)
