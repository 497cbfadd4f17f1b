"""Three ways to run `workspacectl`.

In this process it is fastest; in a process of its own it has real streams; on a terminal it has the
width and the colours that a person sees.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.daemon_process import environment_at
from support.waiting import PATIENCE_SECONDS
from workspaced_client.cli import main

WORKSPACECTL = str(Path(sys.executable).with_name("workspacectl"))


_CHANGE_OUTPUT = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONUNBUFFERED")


def user_environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user at this home, on a terminal with colours; no command starts a daemon in it."""
    usual = environment_at(home, TERM="xterm-256color", LANG="C.UTF-8", WORKSPACED_AUTOSTART="0")
    return {name: value for name, value in usual.items() if name not in _CHANGE_OUTPUT} | more


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
"""Run `workspacectl` in this process with the arguments given."""


def run_here(capture: pytest.CaptureFixture[str], *arguments: str) -> Result:
    """Run `workspacectl` in this process."""
    capture.readouterr()
    code = main(arguments)
    told = capture.readouterr()
    return Result(code, told.out, told.err)


def ctl_for(socket: Path, capture: pytest.CaptureFixture[str]) -> Ctl:
    """Return a `workspacectl` that looks for the daemon at `socket`."""
    return partial(run_here, capture, "--socket", str(socket))


@contextmanager
def started(*arguments: str, home: Path) -> Generator[subprocess.Popen[str]]:
    """Yield a `workspacectl` that runs, and whose output is not a terminal; it is killed in the end."""
    process = subprocess.Popen(
        [WORKSPACECTL, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=user_environment(home),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str]) -> Result:
    """Press Ctrl-C, and return what the run came to, less what was read of it before."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Result(process.returncode, out, err)


def run_process(
    *arguments: str | bytes, home: Path, stdout: int = subprocess.PIPE, env: Mapping[str, str] | None = None
) -> Result:
    """Run `workspacectl` as a process whose output is not a terminal."""
    done = subprocess.run(
        [WORKSPACECTL, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=user_environment(home, **(env or {})),
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
    """Run `workspacectl` on a terminal; `out` is all that came to its screen.

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
            env=user_environment(home, **(env or {})),
        )
        os.close(terminal)
        seen = b""
        while data := _read(screen):
            seen += data
            if at_question is not None and question in seen:
                at_question(process, screen)
                at_question = None
        return Result(process.wait(PATIENCE_SECONDS), seen.decode().replace("\r\n", "\n"), "")


def _read(screen: int) -> bytes:
    ready, _, _ = select.select([screen], [], [], PATIENCE_SECONDS)
    assert ready, "nothing came to the screen"
    try:
        return os.read(screen, 65536)
    except OSError:  # on Linux, the end of all programs on this terminal
        return b""
