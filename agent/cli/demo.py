"""`stationmaster demo`: a complete simulated site on this machine, to be tried out with a browser.

Keeps its journal in a folder of its own, so that a second start goes on where the first ended. With `--replay` a real
day of public charging comes to the site at a multiple of its speed.
"""

import argparse
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path

from agent.app import Options, Running
from agent.cli import COMMANDS, FAILED, Subparsers
from agent.cli.serving import configuration, run_until_stopped
from agent.config.load import demo_text, load
from agent.config.types import Config
from agent.simulation.days import SOURCES, Day, visits
from agent.simulation.replay import Replay
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
    speed = args.speed if args.speed is not None else REPLAY_SPEED if args.replay else config.twin.speed
    port = args.port or _free_port()
    address = f"http://127.0.0.1:{port}"
    config = replace(
        config,
        twin=replace(config.twin, control=True, speed=speed),
        web=replace(config.web, port=port, public_url=config.web.public_url or address),
    )
    day = Day(args.replay) if args.replay else None

    async def started(agent: Running) -> None:
        _announce(agent)
        if day is not None and agent.twin is not None:
            await _replay(agent, day, speed)

    return run_until_stopped(Options(config=config, state_dir=args.state_dir, demo=True), started)


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


async def _replay(agent: Running, day: Day, speed: float) -> None:
    assert agent.twin is not None  # noqa: S101 - the caller looked
    print(f"Replaying {speed:g} times as fast: {SOURCES[day]}\n", flush=True)
    replay = Replay(agent.runner, agent.twin.control, agent.clock, visits(day))
    await replay.run()
    tally = replay.tally
    waited = sorted(tally.waits_s)
    median_min = waited[len(waited) // 2] / 60 if waited else 0.0
    print(
        f"The day is over: {tally.arrived} came, {tally.charged} charged (half of them within {median_min:.0f} min), "
        f"{tally.gave_up} gave up, {tally.missed} missed their call, {tally.refused} were refused.",
        flush=True,
    )
