"""What is asked of the daemon itself when its service changes: whether it answers, and whether it has let go."""

import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

from workspaced_client import DaemonStatus, UnusableSocketPath, WorkspacedError
from workspaced_client.cli.base import data_lock
from workspaced_client.cli.base.connecting import connect
from workspaced_client.cli.base.data_lock import Held
from workspaced_client.cli.base.failures import EXIT_UNREACHABLE, Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.service.manager import Manager, State
from workspaced_client.cli.service.steps import Step, wait

START_SECONDS: Final = 60.0
"""For a start to come to an answer, unless the user chose otherwise: recovery reads files of up to 256 MiB."""

END_SECONDS: Final = 30.0
"""For the lock, once the manager has stopped the daemon, unless the user chose otherwise: its last commit may take 10 s."""

_TRY_SECONDS: Final = 5.0  # a manager that listens for a daemon takes connections, and answers nothing
_POLL_SECONDS: Final = 0.1


def ask(socket: Path, seconds: float = _TRY_SECONDS) -> DaemonStatus | None:
    """The status of the daemon there; None where none answers in time. Raises UnusableSocketPath."""
    try:
        with connect(Options(str(socket), seconds)) as client:
            return client.daemon.status()
    except UnusableSocketPath:
        raise
    except WorkspacedError:  # also one of another release that refuses this client
        return None


def wait_until_it_answers(socket: Path, seconds: float, state: Callable[[], State]) -> DaemonStatus:
    """Waits until the daemon answers, unless the manager gives up before. Raises Failure."""
    deadline = monotonic() + seconds
    while True:
        left_seconds = max(deadline - monotonic(), _POLL_SECONDS)
        status = ask(socket, min(left_seconds, _TRY_SECONDS))
        if status is not None:
            return status
        found = state()
        if not found.has_failed and monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            continue
        within = "" if found.has_failed else f" within {seconds:g} s"
        raise Failure(
            f"Nobody answered at {socket}{within}; of the service its manager says: {found.told}.",
            kind="notAnswering",
            exit_code=EXIT_UNREACHABLE,
            hint="The log tells more: workspacectl service logs",
        )


def data_directory(socket: Path, state: State) -> Path:
    """The one that the service's daemon owns; where none runs, the default one. Starts none."""
    status = ask(socket) if state.is_running else None
    if status is not None:
        return Path(status.data_dir)
    from workspaced_protocol import paths  # only here, because it loads a library that finds directories

    return paths.default_data_dir()


def wait_until_it_let_go(data_dir: Path, seconds: float) -> Step:
    """Waits until nobody holds the lock on the data."""

    def too_late() -> str:
        held = _held(data_dir)
        who = held.who if held else "a process"
        return (
            f"The service is stopped, but {who} still held {data_dir} after {seconds:g} s: it is a daemon that the "
            "service manager did not start, or one whose disk hangs. End it if you want the data free."
        )

    return wait(f"until {data_dir} is free", lambda: _held(data_dir) is None, seconds, too_late)


def another_daemon(manager: Manager, socket: Path, state: State) -> Failure | None:
    """What to raise where a daemon that is not the service's would be in its way, or lose its socket to it."""
    if state.is_running:
        return None
    held = _held(data_directory(socket, state))
    if held is not None:
        who = held.who
    else:
        # Where the manager listens, to ask would start the service.
        status = None if state.is_listening else ask(socket)
        if status is None:
            return None
        who = f"pid {status.pid}"
    return Failure(
        f"A daemon runs already ({who}), and {manager.name} did not start it: end that one first, then run this again.",
        kind="anotherDaemon",
    )


def _held(data_dir: Path) -> Held | None:
    try:
        return data_lock.look(data_dir)
    except OSError as error:
        raise Failure(f"The lock in {data_dir} can't be looked at: {error.strerror}.") from error
