"""The command line as users have it: a process, its words, its exit code."""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60  # a loaded machine starts an agent in seconds
COMMAND = (sys.executable, "-m", "agent")


def stationmaster(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run((*COMMAND, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@dataclass(slots=True)
class Demo:
    """A running demo."""

    process: "subprocess.Popen[str]"
    base: str
    rest: str = ""  # what it said on standard output after it had announced the board; known at its end

    def get(self, path: str) -> int:
        """The status of a page."""
        with urllib.request.urlopen(f"{self.base}{path}", timeout=TIMEOUT_S) as answer:
            status: int = answer.status
            return status

    def said(self, words: str) -> str:
        """Wait for the next line of the log with some words, and return it."""
        assert self.process.stderr is not None
        found = next((line for line in self.process.stderr if words in line), None)
        assert found is not None, f"it ended without saying {words}"
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; return the exit code and what it said on standard error."""
        self.process.send_signal(number)
        self.rest, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, errors


@contextmanager
def demo(state_dir: Path, *arguments: str) -> Iterator[Demo]:
    """A demo that has announced itself on a free port."""
    command = [*COMMAND, "demo", "--port", "0", "--state-dir", str(state_dir), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        base = next((line.split()[0] for line in process.stdout if "/twin" in line), "")
        if not base:
            raise AssertionError(f"the demo did not come up:\n{process.communicate(timeout=TIMEOUT_S)[1]}")
        yield Demo(process, base.removesuffix("/twin"))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


@contextmanager
def agent(config: Path, state_dir: Path, *arguments: str) -> Iterator[Demo]:
    """An agent that has said where it listens."""
    command = [*COMMAND, "run", "--config", str(config), "--state-dir", str(state_dir), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = next((line for line in process.stderr if " state=running " in line), "")
        if not said:
            raise AssertionError(f"the agent did not come up: exit code {process.wait(TIMEOUT_S)}")
        yield Demo(process, "http://" + said.partition("address=")[2].split()[0])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)
