"""A tour of a document, run as it is printed, in an empty home of its own.

A `console` block holds commands, each after `$ `, and below each what it prints on a terminal. A command may go on in the
next line, after a backslash. `workspaced run` goes on in the background; `…` alone in a line stands for the rest of the
output. What differs from one machine and moment to the next is levelled on both sides: ids, times, durations, versions
and the width of tables. A pid that was printed stands for the real one in the commands that follow.
"""

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from support.daemon_process import new_home
from support.waiting import PATIENCE_SECONDS

RUN_DAEMON = "workspaced run"
REST = "…"
HOME, RUNTIME_DIR = "/home/ada", "/run/user/1000"  # as the documents print them
_COLUMNS = 120  # of the terminal, as wide as the documents
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PID = re.compile(r"\bpid (\d+)")
_PORT = re.compile(r"(?<=:)\d{4,5}\b")
_VARYING = (
    (re.compile(r"\b(ws|proj|ss|cor|st)_[0-9A-Z]{26}\b"), r"\1_ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\bsince \d\d:\d\d\b"), "since TIME"),
    (re.compile(r"\b\d{8}T\d{6}(\.\d{6})?Z"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|µs|s)\b"), "DURATION"),
    (re.compile(r"\b\d+\.\d of [\d,]+ MiB\b"), "SIZE"),
    (re.compile(r"\betcd \d+\.\d+\.\d+"), "etcd VERSION"),
    (re.compile(r"\bworkspaced \d+\.\d+\.\d+\S*"), "workspaced VERSION"),
    (_PID, "pid PID"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
    (re.compile(r"(workspacectl(?:, on \w+)?)  \d+$"), r"\1  PID"),
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
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), []))
            else:
                steps[-1].expected.append(line)
    return steps


@dataclass
class Tour:
    """A user's home, and what is running in it."""

    root: Path
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    """The real port of each one that is printed."""
    exported: dict[str, str] = field(default_factory=dict[str, str])
    """The variables that the tour has set for all commands that follow."""
    pids: dict[str, str] = field(default_factory=dict[str, str])
    """The real pid of each one that is printed."""
    _daemons: dict[str, tuple[subprocess.Popen[bytes], int]] = field(
        default_factory=dict[str, tuple[subprocess.Popen[bytes], int]]
    )
    """The daemons by their commands, each with its terminal."""

    @property
    def runtime_dir(self) -> Path:
        return self.root / "run"

    def take(self, step: Step, *, looks_again: bool = False) -> None:
        """Runs one command, and compares its output.

        `looks_again`: it is repeated until it prints what is expected, because what it shows takes a moment to come.
        """
        command = self._localised(step.command)
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.exported[name] = value
            return
        is_daemon = command.split(" #")[0].startswith(RUN_DAEMON)
        lines = self._start_daemon(command, step) if is_daemon else self._output_of(command)
        expected = [level(line) for line in _compared(step.expected)]
        deadline = monotonic() + PATIENCE_SECONDS
        while looks_again and self._levelled(lines, step) != expected and monotonic() < deadline:
            lines = self._output_of(command)
        assert self._levelled(lines, step) == expected, step.command
        pids = _PID.findall("\n".join(lines))
        self.pids.update(zip(_PID.findall("\n".join(step.expected)), pids, strict=False))

    def _levelled(self, lines: list[str], step: Step) -> list[str]:
        """Return what was printed, as far as it is compared, in the document's words."""
        compared = lines[: len(step.expected) - 1] if step.expected[-1:] == [REST] else lines
        return [level(line) for line in self._published(compared)]

    def end(self) -> None:
        for process, terminal in self._daemons.values():
            process.kill()
            process.wait()
            os.close(terminal)
        for pid in processes_at(self.root):  # members of etcd, and daemons that a command has started
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _localised(self, command: str) -> str:
        if command.startswith("kill"):
            _, *flags, printed = command.split()
            return " ".join(["kill", *flags, self.pids[printed]])  # never a process of somebody else
        command = command.replace(RUNTIME_DIR, str(self.runtime_dir)).replace(HOME, str(self.root))
        return _PORT.sub(lambda port: str(self.ports.get(port[0], port[0])), command)

    def _published(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        for runtime_dir in (str(self.runtime_dir), f"~/{self.runtime_dir.name}"):
            text = text.replace(f"{runtime_dir}/", f"{RUNTIME_DIR}/")
        text = text.replace(str(self.root), HOME)
        printed = {str(real): port for port, real in self.ports.items()}
        text = _PORT.sub(lambda port: printed.get(port[0], port[0]), text)
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

    def _start_daemon(self, command: str, step: Step) -> list[str]:
        """Starts a daemon on a terminal, and reads as many lines as are printed: it answers by then."""
        if command in self._daemons:
            earlier, terminal = self._daemons.pop(command)
            earlier.wait(PATIENCE_SECONDS)  # the tour has ended it
            os.close(terminal)
        # The shell expands what `~` stands for.
        started = self._started("bash", "-c", f"exec {command}")
        self._daemons[command] = started
        wanted = len(_compared(step.expected))
        text = read_until(started[1], lambda so_far: so_far.count(b"\n") >= wanted)
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
        environment |= {name: value for name, value in os.environ.items() if name.startswith(kept)}
        return environment | self.exported


def _compared(expected: list[str]) -> list[str]:
    """Return the lines that are compared: without the sign for the rest."""
    return expected[:-1] if expected[-1:] == [REST] else expected


def processes_at(home: Path) -> Iterator[int]:
    """Yield the processes whose HOME this is."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if f"HOME={home}".encode() in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)


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
def new_tour(ports: Mapping[str, int] | None = None) -> Iterator[Tour]:
    """A tour that begins in an empty home."""
    with new_home() as home:
        tour = Tour(home.root, ports or {})
        tour.runtime_dir.mkdir(mode=0o700)
        try:
            yield tour
        finally:
            tour.end()
