"""Starting, asking and stopping an agent as an operator does; and everything an operator gets wrong."""

import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agent_process import TIMEOUT_S, demo, stationmaster

from agent.cli.log_lines import LogLines
from agent.cli.serving import SWITCH_INTERVAL_S


def test_a_demo_announces_itself_answers_and_stops_cleanly(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with demo(state) as running:
        assert running.get("/") == 200
        assert stationmaster("status", "--address", running.base).returncode == 0
        second = stationmaster("demo", "--port", "0", "--state-dir", state)
        assert second.returncode == 1
        assert re.search(r"another agent \(process \d+\) writes here: stop it first", second.stderr)
        assert "Traceback" not in second.stderr
        code, errors = running.stop()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert len(list((state / "snapshots").iterdir())) == 1
    with demo(state) as running:
        code, errors = running.stop(signal.SIGINT)
    assert code == 0
    assert "recovered" not in errors, "the first stop left its mark"
    assert _journal_in_words(state) == 0


_WHO_ASKS_THE_INTERPRETER = """
import os, pathlib, signal, sys
from agent.cli.serving import run_until_stopped
from agent.config.load import demo_text, load
from agent.opening import Options

async def started(_):
    print(sys.getswitchinterval())
    os.kill(os.getpid(), signal.SIGTERM)

options = Options(config=load(demo_text() + "\\n[web]\\nport = 0\\n"), state_dir=pathlib.Path(sys.argv[1]), demo=True)
sys.exit(run_until_stopped(options, started))
"""


def test_a_busy_thread_gives_the_interpreter_back_within_half_a_millisecond(tmp_path: Path) -> None:
    command = (sys.executable, "-c", _WHO_ASKS_THE_INTERPRETER, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(SWITCH_INTERVAL_S)), done.stderr


def _journal_in_words(state: Path) -> int:
    verified = stationmaster("journal", "verify", "--state-dir", state)
    assert ": ok, " in verified.stdout
    kinds = [line.split()[3] for line in stationmaster("journal", "list", "--state-dir", state).stdout.splitlines()]
    assert kinds[:2] == ["Restarted", "LayoutAdopted"]
    assert kinds.count("Restarted") == 2
    rows = stationmaster("journal", "export", "--state-dir", state).stdout.splitlines()
    assert [json.loads(row)["kind"] for row in rows] == kinds
    return verified.returncode


def test_what_the_state_folder_holds_is_for_its_account_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with demo(state) as running:
        running.stop()
    open_to_others = [p for p in (state, *state.rglob("*")) if p.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_stop_during_the_start_ends_the_agent_without_a_stack_trace(tmp_path: Path) -> None:
    with demo(tmp_path / "state") as running:
        running.process.send_signal(signal.SIGTERM)
        code, errors = running.stop()
    assert (code, "Traceback" in errors) == (0, False), errors


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = stationmaster("demo", "--port", port, "--state-dir", tmp_path / "state")
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in result.stderr
    assert "Traceback" not in result.stderr
    assert ": ok, " in stationmaster("journal", "verify", "--state-dir", tmp_path / "state").stdout


def test_a_state_folder_that_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = stationmaster("demo", "--port", "0", "--state-dir", tmp_path / "file" / "state")
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert "Not a directory" in result.stderr


def test_a_site_key_that_was_cut_short_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "site.key").write_bytes(b"short")
    result = stationmaster("demo", "--port", "0", "--state-dir", tmp_path)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert "restore it from the backup" in result.stderr


@pytest.mark.parametrize("arguments", [("--port", "70000"), ("--port", "x"), ("--speed", "0"), ("--speed", "nan")])
def test_impossible_options_are_wrong_usage(arguments: tuple[str, str]) -> None:
    result = stationmaster("demo", *arguments)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False)


def test_a_journal_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    for deed in ("list", "verify", "export"):
        result = stationmaster("journal", deed, "--state-dir", tmp_path / "nowhere")
        assert result.returncode == 1
        assert result.stderr == f"stationmaster: {tmp_path / 'nowhere'}: no journal here\n"
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "journal.db").mkdir()
    result = stationmaster("journal", "list", "--state-dir", tmp_path)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)


@contextmanager
def _answers(said: bytes) -> Iterator[str]:
    """Something else that listens where an agent is looked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _http(body: str) -> bytes:
    return f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n", _http("<html>"), b""])
def test_status_says_when_something_else_answers(said: bytes) -> None:
    with _answers(said) as address:
        result = stationmaster("status", "--address", address)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert address in result.stderr


def test_status_without_an_agent_or_with_a_broken_address_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for where in (address, "127.0.0.1:8080", "http://[", "http://127.0.0.1:x"):
        for command in (("status",), ("explain", "K7")):
            result = stationmaster(*command, "--address", where)
            assert (result.returncode, "Traceback" in result.stderr) == (1, False)
            assert where in result.stderr


def test_what_an_agent_says_cannot_move_the_cursor_of_a_terminal() -> None:
    evil = json.dumps({"hint": "\x1b[2J\r\u202egone", "list": []})
    with _answers(_http(evil)) as address:
        result = stationmaster("status", "--address", address)
    assert result.returncode == 0
    assert "\\x1b[2J\\r\\u202egone" in result.stdout
    sentences = json.dumps({"sentences": ["Bay 3\n\x1b[31mfree"]})
    with _answers(_http(sentences)) as address:
        result = stationmaster("explain", "K7", "--address", address)
    assert result.stdout == "Bay 3\\n\\x1b[31mfree\n"


def test_a_log_line_is_one_line_whatever_it_is_about() -> None:
    def logged(message: str, error: Exception | None = None) -> str:
        record = logging.LogRecord("stationmaster", logging.ERROR, "file", 1, "%s", (message,), None)
        record.exc_info = None if error is None else (type(error), error, error.__traceback__)
        return LogLines().format(record)

    assert "\n" not in logged("device=x hint=a\nlevel=INFO part=y state=fine \x1b[2K")
    first, *trace = logged("mishap=1", ValueError("evil\nlevel=INFO")).split("\n")
    assert first.endswith("level=ERROR part=stationmaster mishap=1")
    assert trace
    assert all(line.startswith("    ") for line in trace)
