"""The steps of a change: what is shown by `--dry-run`, or done one after the other, each with its own deadline."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from workspaced_client.cli.base.failures import Failure

PROGRAM_SECONDS: Final = 120.0
"""For one call of a service manager: systemd by itself gives a service up to 90 s to stop (TimeoutStopSec=)."""

Kind = Literal["make", "write", "remove", "run", "wait"]

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Step:
    """One thing that is done; `what` is its path or its command, `text` the content of a file."""

    kind: Kind
    what: str
    act: Callable[[], object]
    text: str | None = None


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str


def make_directory(path: Path) -> Step:
    """Makes a directory for this user alone, unless it is there."""

    def act() -> None:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"{path} can't be made: {error.strerror}.") from error

    return Step("make", str(path), act)


def write(path: Path, text: str) -> Step:
    """Writes a file whole, and makes its directory where there is none."""

    def act() -> None:
        from workspaced_client.exchange import regular_files  # only here, as most commands need none of it

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            regular_files.write(str(path), text.encode(), over=True)
        except OSError as error:
            raise Failure(f"{path} can't be written: {error.strerror}.") from error

    return Step("write", str(path), act, text)


def remove(path: Path) -> Step:
    """Removes a file, unless it is gone by then."""

    def act() -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Failure(f"{path} can't be removed: {error.strerror}.") from error

    return Step("remove", str(path), act)


def run(*command: str, also_fine: Sequence[int] = ()) -> Step:
    """Runs a program that ends with 0, or one of the codes in `also_fine`."""

    def act() -> None:
        done = call(*command)
        if done.code != 0 and done.code not in also_fine:
            told = " ".join((done.err or done.out).split()) or "it did not say why"
            raise Failure(
                f"`{shlex.join(command)}` failed with exit code {done.code}: {told}",
                hint="The log may tell more: workspacectl service logs",
            )

    return Step("run", shlex.join(command), act)


def wait(what: str, is_over: Callable[[], bool], seconds: float, too_late: Callable[[], str]) -> Step:
    """Waits for something, for `seconds` at most; then `too_late` says what is wrong."""

    def act() -> None:
        deadline = monotonic() + seconds
        while not is_over():
            if monotonic() >= deadline:
                raise Failure(too_late())
            time.sleep(_POLL_SECONDS)

    return Step("wait", f"{what} ({seconds:g} s at most)", act)


def call(*command: str) -> Done:
    """Runs a program to its end. Raises Failure where it can't be run, or takes more than PROGRAM_SECONDS."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_SECONDS,
            env=_environment(),
            check=False,
        )
    except OSError as error:
        raise Failure(f"{command[0]} can't be run: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"`{shlex.join(command)}` did not end within {PROGRAM_SECONDS:g} s.") from error
    return Done(done.returncode, done.stdout, done.stderr)


def _environment() -> dict[str, str]:
    """This process's, with the directory by which `systemctl --user` finds the user's manager.

    `su` and cron leave that out, also where a manager runs.
    """
    runtime_dir = f"/run/user/{os.getuid()}"
    found = {"XDG_RUNTIME_DIR": runtime_dir} if os.path.isdir(runtime_dir) else {}
    return {**found, **os.environ}
