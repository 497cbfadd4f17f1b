"""What the command line's tests share: a real daemon, and three ways to run `workspacectl`.

In this process it is fastest; in a process of its own it has real streams; on a terminal it has the
width and the colours that a person sees.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from e2e.daemon_process import listens
from workspaced_client import Client
from workspaced_client.cli import main

PATIENCE_SECONDS = 30.0
"""How long a test waits for what must come; never reached where the code is right."""

_COMMANDS = Path(sys.executable).parent
WORKSPACECTL = str(_COMMANDS / "workspacectl")


@dataclass(frozen=True)
class RunningDaemon:
    """A daemon of the test's own."""

    data_dir: Path
    socket: Path
    process: subprocess.Popen[bytes]

    def client(self) -> Client:
        """Another program's connection to it."""
        return Client.connect(self.socket, timeout_seconds=PATIENCE_SECONDS)

    def stop(self) -> None:
        """Ends it as a service manager does."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def running_daemon(directory: Path, socket: Path | None = None) -> Iterator[RunningDaemon]:
    """Starts the daemon with its data below `directory`, waits until it answers, and stops it in the end."""
    socket = socket or directory / "run" / "wsd.sock"
    data_dir = directory / "data"
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [_COMMANDS / "workspaced", "run", "--data-dir", data_dir, "--socket", socket],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(directory),
        )
    daemon = RunningDaemon(data_dir, socket, process)
    try:
        _wait_until_it_answers(daemon, directory / "log")
        yield daemon
    finally:
        daemon.stop()


def _wait_until_it_answers(daemon: RunningDaemon, log: Path) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not listens(daemon.socket):
        assert monotonic() < deadline, log.read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = daemon.process.wait(0.02)
            raise AssertionError(f"the daemon ended with code {code}: {log.read_text()}")


_UNWANTED = frozenset({"NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONUNBUFFERED"})


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment, less what would lead the programs elsewhere or change their output."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WORKSPACED_", "XDG_")) and name not in _UNWANTED
    }
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


@dataclass(frozen=True)
class Result:
    """What a run of `workspacectl` came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error's document, on the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])


Ctl = Callable[..., Result]
"""Runs `workspacectl` in this process with the arguments given."""


def ctl_for(socket: Path, capsys: pytest.CaptureFixture[str]) -> Ctl:
    """A `workspacectl` that looks for the daemon at `socket`."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(["--socket", str(socket), *arguments])
        told = capsys.readouterr()
        return Result(code, told.out, told.err)

    return run


def run_process(
    *arguments: str | bytes, home: Path, stdout: int = subprocess.PIPE, env: Mapping[str, str] | None = None
) -> Result:
    """Runs `workspacectl` as a process whose output is not a terminal."""
    done = subprocess.run(
        [WORKSPACECTL, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(home, **(env or {})),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def run_on_terminal(
    *arguments: str,
    home: Path,
    columns: int = 80,
    env: Mapping[str, str] | None = None,
    at_question: Callable[[subprocess.Popen[bytes], int], object] | None = None,
    question: bytes = b"[y/N]",
) -> Result:
    """Runs `workspacectl` on a terminal; `out` is all that came to its screen.

    `at_question` is called when `question` has come to the screen, with the process and the terminal to type on.
    """
    screen, terminal = pty.openpty()
    with os.fdopen(screen, "rb", buffering=0):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [WORKSPACECTL, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment(home, **(env or {})),
        )
        os.close(terminal)
        seen = b""
        while data := _read(screen):
            seen += data
            if at_question is not None and question in seen:
                at_question(process, screen)
                at_question = None
        return Result(process.wait(PATIENCE_SECONDS), seen.decode().replace("\r\n", "\n"), "")


@contextlib.contextmanager
def hanging(patch: pytest.MonkeyPatch, path: Path) -> Generator[None]:
    """A look of this process at `path` gets no answer in the `with` block, as on a dead network mount."""
    look, released = os.scandir, threading.Event()

    def hang(given: str) -> object:
        if given == str(path):
            released.wait(PATIENCE_SECONDS)
        return look(given)

    with patch.context() as scandir:
        scandir.setattr(os, "scandir", hang)
        try:
            yield
        finally:
            released.set()


def _read(screen: int) -> bytes:
    ready, _, _ = select.select([screen], [], [], PATIENCE_SECONDS)
    assert ready, "nothing came to the screen"
    try:
        return os.read(screen, 65536)
    except OSError:  # on Linux, the end of all programs on this terminal
        return b""
