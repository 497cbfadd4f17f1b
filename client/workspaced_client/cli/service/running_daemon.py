"""The daemon itself while its service changes: whether it answers, and whether its data is free."""

import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

from workspaced_client import DaemonStatus, UnusableSocketPath, WorkspacedError
from workspaced_client._core import data_lock
from workspaced_client._core.data_lock import Held
from workspaced_client.cli.base.connecting import connect
from workspaced_client.cli.base.failures import EXIT_UNREACHABLE, Failure, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.service.manager import Manager, State
from workspaced_client.cli.service.steps import Step, wait
from workspaced_protocol import paths

START_SECONDS: Final = 60.0
"""The default time from a start to an answer: a recovery reads files of up to 256 MiB."""

END_SECONDS: Final = 30.0
"""The default time from a stop to a free lock: the last commit may take 10 s."""

_TRY_SECONDS: Final = 5.0  # a manager that listens for a daemon accepts connections, but does not answer
_POLL_SECONDS: Final = 0.1


def ask(socket: Path, seconds: float = _TRY_SECONDS) -> DaemonStatus | None:
    """Return the status of the daemon there, or None if none answers in time. Raise UnusableSocketPath."""
    try:
        with connect(Options(str(socket), seconds)) as client:
            return client.daemon.status()
    except UnusableSocketPath:
        raise
    except WorkspacedError:  # also from a daemon of another release that refuses this client
        return None


def wait_until_it_answers(socket: Path, seconds: float, state: Callable[[], State]) -> DaemonStatus:
    """Wait until the daemon answers. Raise Failure if time is up, or the manager has given up."""
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
            f"No answer at {socket}{within}. The service manager reports: {found.told}.",
            kind="notAnswering",
            exit_code=EXIT_UNREACHABLE,
            hint="See the log: workspacectl service logs",
        )


def data_directory(socket: Path, state: State) -> Path:
    """Return the directory of the service's daemon, or the default one if none runs. Start none."""
    status = ask(socket) if state.is_running else None
    if status is not None:
        return Path(status.data_dir)
    return Path(paths.default_data_dir())


def wait_until_data_is_free(data_dir: Path, seconds: float) -> Step:
    """Return the step that waits until the lock on the data is free."""

    def too_late() -> str:
        held = _held(data_dir)
        who = held.who if held else "a process"
        return (
            f"The service is stopped, but {who} still held {data_dir} after {seconds:g} s: the service manager did "
            "not start that daemon, or its disk hangs. Stop it yourself to free the data."
        )

    return wait(f"until {data_dir} is free", lambda: _held(data_dir) is None, seconds, too_late)


def another_daemon(manager: Manager, socket: Path, state: State) -> Failure | None:
    """Return the failure for a daemon outside the service: it would be in the way, or lose its socket."""
    if state.is_running:
        return None
    held = _held(data_directory(socket, state))
    if held is not None:
        who = held.who
    else:
        # While the manager listens, a question would start the service.
        status = None if state.is_listening else ask(socket)
        if status is None:
            return None
        who = f"pid {status.pid}"
    return Failure(
        f"A daemon already runs ({who}), and {manager.name} did not start it: stop that one, then run this again.",
        kind="anotherDaemon",
    )


def _held(data_dir: Path) -> Held | None:
    try:
        return data_lock.look(data_dir)
    except OSError as error:
        raise Failure(f"The lock in {data_dir} can't be read: {reason(error)}.") from error
