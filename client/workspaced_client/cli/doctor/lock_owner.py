"""Doctor's check of the lock on the data directory: the daemon that owns the data."""

from pathlib import Path

from workspaced_client import DaemonStatus
from workspaced_client._core import data_lock
from workspaced_client._core.data_lock import Held
from workspaced_client.cli.base.failures import reason
from workspaced_client.cli.doctor.finding import Finding, ok, problem, warning
from workspaced_protocol import paths
from workspaced_protocol.datadir import LOCK

_NAME = "lock"


def check_lock(data_dir: Path, socket: str, status: DaemonStatus | None) -> Finding:
    """Check that the running daemon holds the lock, or that it is free if none runs.

    `socket` is the socket that was asked; `status` is None unless the daemon that answered owns this data
    directory.
    """
    path = data_dir / LOCK
    try:
        held = data_lock.look(data_dir)
    except OSError as error:
        return problem(
            _NAME, f"{path} can't be accessed: {reason(error)}.", "Fix its permissions, or move it away."
        )
    return _not_held(path, status) if held is None else _held(data_dir, held, socket, status)


def _not_held(path: Path, status: DaemonStatus | None) -> Finding:
    if status is None:
        return ok(_NAME, "No daemon holds the data directory.")
    return warning(
        _NAME,
        f"The daemon (pid {status.pid}) runs, but does not hold {path}: somebody replaced the file or the directory.",
        "Make the daemon take it again: workspacectl flush",
    )


def _held(data_dir: Path, held: Held, socket: str, status: DaemonStatus | None) -> Finding:
    owner, who = held.owner, held.who
    where = owner.socket if owner else ""
    if status is not None:
        if owner is not None and owner.pid == status.pid:
            return ok(_NAME, f"The daemon holds it ({who}).")
        return problem(
            _NAME,
            f"{data_dir} is held by {who}, not by the daemon that answers (pid {status.pid}).",
            "Stop both, then start one: workspacectl start",
        )
    message = f"{data_dir} is held by {who}"
    if where and where != socket:
        return problem(_NAME, f"{message}, which listens on {where}.", f"Use that socket: --socket '{where}'")
    return problem(
        _NAME,
        f"{message}, which does not answer at {socket}.",
        "If it is just starting, or its socket has gone, wait ten seconds; else see its log, stop it, and start the "
        "daemon: workspacectl start",
    )


def check_path(socket: str, status: DaemonStatus | None) -> Finding | None:
    """Check that the daemon that answers is the one that holds the user's own data directory, if one does."""
    if status is None:
        return None  # the check of the lock reports it
    try:
        told = data_lock.stranded(paths.data_dir(), socket, status.pid)
    except paths.UnusablePath:
        return None  # the check of the configuration reports it
    return None if told is None else problem("socket path", told, "See the log of that daemon.")
