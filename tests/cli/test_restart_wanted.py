"""A restart that is wanted, by the CSMS or after safe mode: by ourselves, or an exit where systemd starts us."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from agent.app import Options, Running
from agent.cli.serving import run_until_stopped
from agent.config.load import demo_text, load
from agent.config.types import Config


def ran(tmp_path: Path) -> int:
    """Run the demonstration until its second start, or its exit; return how often it started."""
    config = load(demo_text() + "\n[web]\nport = 0\n")
    assert isinstance(config, Config)
    starts = 0

    async def started(agent: Running) -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            agent.restart.set()
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    assert run_until_stopped(Options(config=config, state_dir=tmp_path, demo=True), started) == 0
    return starts


def test_alone_it_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert ran(tmp_path) == 2


def test_under_systemd_it_ends_to_be_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert ran(tmp_path) == 1
        systemd.setblocking(False)
        heard = systemd.recv(100)
    assert heard == b"READY=1"
