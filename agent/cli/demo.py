"""`stationmaster demo`: a complete simulated site on this machine, to be tried out with a browser.

Keeps its journal in a folder of its own, so that a second start goes on where the first ended. With `--replay` a real
day of public charging comes to the site at a multiple of its speed.

A cut of the power replaces this very process by a fresh one (execve), which waits in the dark and then starts like any
other. Nothing is flushed and no thread goes on, as with SIGKILL; and since the process id stays, so do terminal, Ctrl-C
and exit code, without a supervisor that would cost a second interpreter.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agent.app import Options, Running
from agent.cli import COMMANDS, FAILED, OK, Subparsers
from agent.cli.serving import configuration, run_until_stopped
from agent.config.load import demo_text, load
from agent.config.types import Config
from agent.simulation.days import SOURCES, Day
from agent.simulation.site import Cut, SimulatedSite, Supply
from drivers.twin.clock import RATE_MAX

log = logging.getLogger("stationmaster.demo")

NAME = "demo"
PORT = 8080
PORT_MAX = 65535
REPLAY_SPEED = 60.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument("--config", metavar="FILE", type=Path, help="another simulated site than the built-in one")
    parser.add_argument("--port", type=_port, default=PORT, help=f"port of the web server; default {PORT}, 0 takes any")
    parser.add_argument("--state-dir", metavar="DIR", type=Path, default=_state_dir(), help="default %(default)s")
    parser.add_argument(
        "--replay", nargs="?", const=Day.DUNDEE.value, choices=[d.value for d in Day], help="a real day"
    )
    parser.add_argument("--speed", type=_speed, help="how many times faster than real; default 1, with --replay 60")
    # For the fresh process after a cut of the power; people have the panel.
    parser.add_argument("--dark", metavar="SECONDS", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--replay-from", metavar="MINUTE", type=int, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"a port is from 0 to {PORT_MAX}, not {port}")
    return port


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= RATE_MAX:
        raise argparse.ArgumentTypeError(f"a speed is above 0 and at most {RATE_MAX:g}, not {text}")
    return speed


def _free_port() -> int:
    """Return a port that is free now: the QR codes name it before the server listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _state_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "stationmaster-demo"


def run(args: argparse.Namespace) -> int:
    """Run the demo; return the exit code."""
    config = _built_in() if args.config is None else configuration(args.config)
    if isinstance(config, int):
        return config
    if not config.simulated:
        print(f'{args.config}: a demo needs driver = "twin" for every device; use `stationmaster run` for this site')
        return FAILED
    if args.dark is not None and _told_to_stop_within(args.dark):
        return OK
    speed = args.speed if args.speed is not None else REPLAY_SPEED if args.replay else config.twin.speed
    port = args.port or _free_port()
    address = f"http://127.0.0.1:{port}"
    config = replace(
        config,
        twin=replace(config.twin, control=True, speed=speed),
        web=replace(config.web, port=port, public_url=config.web.public_url or address),
    )

    async def started(agent: Running) -> None:
        if args.dark is None:
            _announce(agent)
        else:
            log.warning("power=back")
        if args.replay and agent.simulation is not None:
            await _replay(agent.simulation, Day(args.replay), speed, args.replay_from)

    supply = Supply(cut=lambda cut: _cut_power(cut, args, port))
    return run_until_stopped(Options(config=config, state_dir=args.state_dir, demo=True, supply=supply), started)


STOPS = frozenset({signal.SIGINT, signal.SIGTERM})


def _cut_power(cut: Cut, args: argparse.Namespace, port: int) -> None:
    """Replace this process by one that begins in the dark. Raise OSError if the system refuses."""
    log.warning("power=cut dark_s=%g", cut.dark_s)
    # Who is told to stop before the fresh process can listen has still told it: what is blocked waits.
    as_called = sys.orig_argv[1 : sys.orig_argv.index(NAME) + 1]
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        os.execv(sys.executable, [sys.executable, *as_called, *_again(cut, args, port)])  # noqa: S606
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        raise


def _again(cut: Cut, args: argparse.Namespace, port: int) -> Iterator[str]:
    """Yield the arguments with which what is outside of the controller goes on as it was: pace and people."""
    yield from ("--port", str(port), "--state-dir", str(args.state_dir))
    yield from ("--speed", repr(cut.speed), "--dark", repr(cut.dark_s))
    if args.config is not None:
        yield from ("--config", str(args.config))
    if cut.day is not None:
        yield from ("--replay", cut.day.value, "--replay-from", str(cut.minute))


def _told_to_stop_within(seconds: float) -> bool:
    """Wait without power; return whether somebody ended the demo meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    told = signal.sigtimedwait(STOPS, seconds)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    return told is not None


def _built_in() -> Config | int:
    config = load(demo_text(), source="the built-in demo site")
    if isinstance(config, Config):
        return config
    for problem in config:
        print(problem.text())
    return FAILED


def _announce(agent: Running) -> None:
    base = f"http://127.0.0.1:{agent.served.port}"
    print(
        f"""
Stationmaster runs a simulated site.

  {base}/twin     the site from above: drive cars in, plug in, hold cards to the readers
  {base}/         what a driver sees who scans the code on a display
  {base}/board    the public board

Stop with Ctrl-C; start again and every promise made is still kept.
""",
        flush=True,
    )


async def _replay(simulation: SimulatedSite, day: Day, speed: float, resume_min: int | None) -> None:
    if resume_min is None:
        print(f"Replaying {speed:g} times as fast: {SOURCES[day]}\n", flush=True)
    replay = simulation.begin(day, resume_min)
    await replay.over.wait()
    print(f"The day is over: {replay.tally.said}.", flush=True)
