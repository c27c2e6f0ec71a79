"""The commands around the configuration, called as people call them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.cli import COMMANDS
from agent.config.load import TEXT_MAX_BYTES, demo_text


def test_a_right_file_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(demo_text())
    assert main(["check-config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"


def test_every_mistake_has_its_line_and_the_exit_code_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(demo_text() + "[web]\nprt = 1\nport = 70000\n")
    assert main(["check-config", str(file)]) == 1
    out = capsys.readouterr().out.splitlines()
    end = demo_text().count("\n")
    assert out[0] == f"{file}:{end + 2}: web.prt: unknown key; did you mean port?"
    assert out[1].startswith(f"{file}:{end + 3}: web.port: 70000 is not allowed; allowed is a whole number from 0")
    assert out[2] == f"{file}: 2 errors"


def test_a_warning_alone_is_printed_and_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(demo_text().replace("evses = [1, 2, 5, 6]", "evses = [1, 5, 6]"))
    assert main(["check-config", str(file)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("warning: ")
    assert "EVSE 2 is in no pool" in out[0]
    assert out[1] == f"{file}: 1 warning"


def test_problems_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(demo_text() + "[web]\nprt = 1\n")
    assert main(["check-config", "--json", str(file)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    (problem,) = found["problems"]
    assert (problem["path"], problem["kind"], problem["nearest"]) == ("web.prt", "unknown_key", "port")


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a = " + b"9" * (TEXT_MAX_BYTES + 1), b"\x00"])
def test_a_file_that_is_no_text_is_one_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes) -> None:
    file = tmp_path / "site.toml"
    file.write_bytes(raw)
    assert main(["check-config", str(file)]) == 1
    assert "this is not a TOML file" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(tmp_path / "none.toml")]) == 2
    assert main(["check-config", str(tmp_path)]) == 2
    assert "No such file" in capsys.readouterr().err


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["nonsense"], ["check-config"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage: stationmaster" in capsys.readouterr().err


def test_every_command_has_a_parser_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, command in COMMANDS.items():
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert command.help[1:20] in capsys.readouterr().out


def test_help_loads_no_command() -> None:
    code = "import sys; from agent.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name.startswith(('agent.c', 'drivers', 'msgspec'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['agent.cli']"


def test_the_example_can_be_piped_and_cut_off(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m agent example-config | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("# Configuration of Stationmaster")
    assert done.stderr == ""
