"""Runs an agent until it is told to stop: logging, signals, and errors in words. Shared by `run` and `demo`."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.app import SAID, Options, Running, running
from agent.cli import FAILED, OK, USAGE
from agent.cli.log_lines import LogLines
from agent.config.load import load, read_text
from agent.config.problems import Problem
from agent.config.types import Config
from agent.kernel.mishaps import TooManyMishaps
from agent.kernel.notify import managed

STATE_DIR = Path("/var/lib/stationmaster")
# A commit lets go of the interpreter at each of its statements. With Python's 5 ms it waits that long for each beside a
# forecast: 25 ms for a commit that takes 1 ms with this.
SWITCH_INTERVAL_S = 0.0005
_SAID = (*SAID, TooManyMishaps)
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configuration(file: Path) -> Config | int:
    """Return the configuration in a file, or the exit code after saying what is wrong with it."""
    try:
        text = read_text(file)
    except OSError as error:
        print(f"{file}: {error.strerror or error}", file=sys.stderr)
        return USAGE
    config = (text,) if isinstance(text, Problem) else load(text, source=str(file))
    if isinstance(config, Config):
        return config
    for problem in config:
        print(problem.text(), file=sys.stderr)
    return FAILED


def run_until_stopped(options: Options, started: Callable[[Running], Awaitable[None]] | None = None) -> int:
    """Run an agent until SIGINT or SIGTERM, and again when it asks for that. Return the exit code.

    `started` runs beside the agent.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    os.umask(0o077)  # the journal, keys and the twin's world are for this account alone
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(LogLines())
    logging.basicConfig(level=_LEVELS[options.config.log.level], handlers=[lines])
    failed: list[BaseException] = []
    try:
        while asyncio.run(_serve(options, started)):
            logging.getLogger("stationmaster").warning("state=restarting")
            if managed():  # it was told that we stop, and would end us if we went on: it starts us again
                break
    except* _SAID as group:
        failed = _leaves(group)
    for error in failed:
        print(f"stationmaster: {_sentence(error, options)}", file=sys.stderr)
    return FAILED if failed else OK


async def _serve(options: Options, started: Callable[[Running], Awaitable[None]] | None) -> bool:
    """Run the agent once; return whether it is to start again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(options) as agent:
        beside = asyncio.ensure_future(started(agent)) if started is not None else None
        if beside is not None:
            beside.add_done_callback(lambda done: stop.set() if not done.cancelled() and done.exception() else None)
        ends = [asyncio.ensure_future(event.wait()) for event in (stop, agent.restart)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            if beside is not None:
                beside.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await beside
        return agent.restart.is_set() and not stop.is_set()


def _sentence(error: BaseException, options: Options) -> str:
    """Return what is wrong and what to do; the system's own words for an address say neither."""
    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
        web = options.config.web
        if error.filename is None:
            return f"cannot listen on {web.host} port {web.port}: {os.strerror(error.errno)}: choose another [web] port"
    return str(error)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
