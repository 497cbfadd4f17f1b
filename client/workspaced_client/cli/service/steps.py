"""The steps of a plan: done one after the other, each with its own deadline, or only shown (`--dry-run`)."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from workspaced_client._core.service_manager import environment_of_calls
from workspaced_client.cli.base.failures import Failure, reason
from workspaced_client.cli.base.programs import Done, run_program
from workspaced_protocol.paths import make_private_directory

PROGRAM_SECONDS: Final = 120.0
"""For one call of a service manager: systemd gives a service up to 90 s to stop (TimeoutStopSec=)."""

Kind = Literal["make", "write", "remove", "run", "wait"]

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Step:
    """One action; `what` is its path or its command, `text` the content of a file."""

    kind: Kind
    what: str
    act: Callable[[], object]
    text: str | None = None


def make_directory(path: Path) -> Step:
    """Return the step that creates a directory for this user only, unless it exists."""

    def act() -> None:
        try:
            make_private_directory(path)
        except OSError as error:
            raise Failure(f"{path} can't be created: {reason(error)}.") from error

    return Step("make", str(path), act)


def write(path: Path, text: str) -> Step:
    """Return the step that writes a whole file, and creates its directory if need be."""

    def act() -> None:
        from workspaced_client.exchange import regular_files  # only here: few need it

        try:
            make_private_directory(path.parent)
            regular_files.write(str(path), text.encode(), over=True)
        except OSError as error:
            raise Failure(f"{path} can't be written: {reason(error)}.") from error

    return Step("write", str(path), act, text)


def remove(path: Path) -> Step:
    """Return the step that removes a file, unless it is gone by then."""

    def act() -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Failure(f"{path} can't be removed: {reason(error)}.") from error

    return Step("remove", str(path), act)


def run(*command: str, also_fine: Sequence[int] = ()) -> Step:
    """Return the step that runs a program; it has to end with 0, or a code in `also_fine`."""

    def act() -> None:
        done = call(*command)
        if done.code != 0 and done.code not in also_fine:
            told = " ".join((done.err or done.out).split()) or "no reason given"
            raise Failure(
                f"`{shlex.join(command)}` failed with exit code {done.code}: {told}",
                hint="See the log: workspacectl service logs",
            )

    return Step("run", shlex.join(command), act)


def wait(what: str, is_over: Callable[[], bool], seconds: float, too_late: Callable[[], str]) -> Step:
    """Return the step that waits until `is_over`, for up to `seconds`; then `too_late` gives the error."""

    def act() -> None:
        deadline = monotonic() + seconds
        while not is_over():
            if monotonic() >= deadline:
                raise Failure(too_late())
            time.sleep(_POLL_SECONDS)

    return Step("wait", f"{what} ({seconds:g} s at most)", act)


def call(*command: str) -> Done:
    """Call a service manager. Raise Failure if the program can't be run, or takes more than PROGRAM_SECONDS."""
    return run_program(*command, seconds=PROGRAM_SECONDS, environment=environment_of_calls())
