"""The tours of README.md, docs/command-line.md and docs/integrate/shell.md run as they are printed, each in an empty home of its own.

A `console` block holds commands, each after `$ `, and below each what it prints on a terminal. `workspaced run` goes on
in the background; `…` alone in a line stands for the rest of the output. What differs from one machine and
moment to the next is levelled on both sides: ids, times, durations, versions and the width of tables. A pid that was
printed stands for the real one in the commands that follow.
"""

import errno
import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest

from support.daemon_process import new_home
from support.repository import ROOT
from support.waiting import PATIENCE_SECONDS

RUN_DAEMON = "workspaced run"
REST = "…"
HOME, RUNTIME_DIR = "/home/ada", "/run/user/1000"  # as the documents print them
_COLUMNS = 120  # of the terminal, as wide as the documents
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PID = re.compile(r"\bpid (\d+)")
_VARYING = (
    (re.compile(r"\b(ws|proj|ss|cor)_[0-9A-Z]{26}\b"), r"\1_ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b\d{8}T\d{6}(\.\d{6})?Z"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "DURATION"),
    (re.compile(r"\bworkspaced \d+\.\d+\.\d+\S*"), "workspaced VERSION"),
    (_PID, "pid PID"),
    (re.compile(r"(?<=workspacectl  )\d+$"), "PID"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
)


@dataclass(frozen=True)
class Step:
    """A command of a tour, and the lines that it is printed with."""

    command: str
    expected: list[str]


def steps_of(document: Path) -> list[Step]:
    """Return the commands of a document's console blocks, in order."""
    steps: list[Step] = []
    for block in _BLOCK.findall(document.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), []))
            else:
                steps[-1].expected.append(line)
    return steps


@dataclass
class Tour:
    """A user's home, and what is running in it."""

    root: Path
    pids: dict[str, str] = field(default_factory=dict[str, str])
    """The real pid of each one that is printed."""
    _daemon: subprocess.Popen[bytes] | None = None
    _terminal: int = -1

    @property
    def runtime_dir(self) -> Path:
        return self.root / "run"

    def take(self, step: Step) -> None:
        """Runs one command, and compares its output."""
        command = self._localised(step.command)
        is_daemon = command.split(" #")[0].rstrip() == RUN_DAEMON
        lines = self._start_daemon(step) if is_daemon else self._output_of(command)
        expected = step.expected
        if expected[-1:] == [REST]:
            expected = expected[:-1]
            lines = lines[: len(expected)]
        assert [level(line) for line in self._published(lines)] == [level(line) for line in expected]
        self.pids.update(zip(_PID.findall("\n".join(expected)), _PID.findall("\n".join(lines)), strict=True))

    def end(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            os.close(self._terminal)

    def _localised(self, command: str) -> str:
        if command.startswith("kill"):
            _, *signal, printed = command.split()
            return " ".join(["kill", *signal, self.pids[printed]])  # never a process of somebody else
        return command.replace(RUNTIME_DIR, str(self.runtime_dir)).replace(HOME, str(self.root))

    def _published(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        for runtime_dir in (str(self.runtime_dir), f"~/{self.runtime_dir.name}"):
            text = text.replace(f"{runtime_dir}/", f"{RUNTIME_DIR}/")
        text = text.replace(str(self.root), HOME)
        return text.split("\n") if text else []

    def _output_of(self, command: str) -> list[str]:
        """Runs a command on a terminal, and returns what it prints."""
        process, terminal = self._started("bash", "-c", command)
        try:
            text = read_until(terminal, lambda _: False)
            process.wait(PATIENCE_SECONDS)
        finally:
            os.close(terminal)
        return text.decode().splitlines()

    def _start_daemon(self, step: Step) -> list[str]:
        """Starts the daemon on a terminal, and reads as many lines as are printed: it answers by then."""
        if self._daemon is not None:
            self._daemon.wait(PATIENCE_SECONDS)  # the tour has ended it
            os.close(self._terminal)
        self._daemon, self._terminal = self._started(*RUN_DAEMON.split())
        wanted = len(step.expected) - (step.expected[-1:] == [REST])
        text = read_until(self._terminal, lambda so_far: so_far.count(b"\n") >= wanted)
        return text.decode().splitlines()

    def _started(self, *command: str) -> tuple[subprocess.Popen[bytes], int]:
        """Start a command on a terminal of its own; return the terminal's other end, too."""
        terminal, slave = pty.openpty()
        try:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=slave,
                stderr=slave,
            )
        finally:
            os.close(slave)
        return process, terminal

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        environment = {"HOME": str(self.root), "XDG_RUNTIME_DIR": str(self.runtime_dir), "PATH": path}
        environment |= {"TERM": "dumb", "COLUMNS": str(_COLUMNS)}
        kept = ("LANG", "LC_", "COVERAGE_", "GIT_CONFIG_")
        return environment | {name: value for name, value in os.environ.items() if name.startswith(kept)}


def read_until(terminal: int, is_enough: Callable[[bytes], bool]) -> bytes:
    """Return what is printed on a terminal, until that is enough, or until nobody can print on it any more."""
    text, deadline = b"", monotonic() + PATIENCE_SECONDS
    while not is_enough(text):
        readable, _, _ = select.select([terminal], [], [], max(deadline - monotonic(), 0))
        assert readable, f"this alone was printed: {text!r}"
        try:
            more = os.read(terminal, 65536)
        except OSError as error:  # as Linux tells that no other end is open
            if error.errno != errno.EIO:
                raise
            more = b""
        if not more:
            break
        text += more
    return text


def level(line: str) -> str:
    """Return the line with a word in place of what varies."""
    for pattern, word in _VARYING:
        line = pattern.sub(word, line)
    return line.rstrip()


@contextmanager
def new_tour() -> Iterator[Tour]:
    """A tour that begins in an empty home."""
    with new_home() as home:
        tour = Tour(home.root)
        tour.runtime_dir.mkdir(mode=0o700)
        try:
            yield tour
        finally:
            tour.end()


@pytest.mark.skipif(sys.platform == "darwin", reason="the documents print the paths of Linux")
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/command-line.md",
        pytest.param(
            "docs/integrate/shell.md",
            marks=pytest.mark.skipif(shutil.which("jq") is None, reason="its examples use jq"),
        ),
    ],
)
def test_a_tour_runs_as_it_is_printed(name: str) -> None:
    steps = steps_of(ROOT / name)
    assert RUN_DAEMON in [step.command for step in steps]
    with new_tour() as tour:
        for step in steps:
            tour.take(step)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 4096
