"""Doctor's check of the data directory's lock: which daemon owns the data."""

from pathlib import Path

from workspaced_client import DaemonStatus
from workspaced_client.cli.base import data_lock
from workspaced_client.cli.base.data_lock import Held
from workspaced_client.cli.doctor.finding import Check, ok, problem, reason, warning
from workspaced_protocol.datadir import LOCK

_NAME = "lock"


def check_lock(data_dir: Path, socket: str, status: DaemonStatus | None) -> Check:
    """Whether the daemon that runs holds the lock, or none does where none runs.

    `socket` is where a daemon was looked for; `status` is None where none answered that owns this
    data directory.
    """
    path = data_dir / LOCK
    try:
        held = data_lock.look(data_dir)
    except OSError as error:
        return problem(
            _NAME, f"{path} can't be looked at: {reason(error)}.", "Mend its permissions, or move it away."
        )
    return _not_held(path, status) if held is None else _held(data_dir, held, socket, status)


def _not_held(path: Path, status: DaemonStatus | None) -> Check:
    if status is None:
        return ok(_NAME, "No daemon holds the data directory.")
    return warning(
        _NAME,
        f"The daemon (pid {status.pid}) runs, but does not hold {path}: the file or the directory was replaced.",
        "Have the daemon take it again: workspacectl flush",
    )


def _held(data_dir: Path, held: Held, socket: str, status: DaemonStatus | None) -> Check:
    owner, who = held.owner, held.who
    where = owner.socket if owner else ""
    if status is not None:
        if owner is not None and owner.pid == status.pid:
            return ok(_NAME, f"The daemon holds it ({who}).")
        return problem(
            _NAME,
            f"{data_dir} is held by {who}, and not by the daemon that answers (pid {status.pid}).",
            "Stop both, then start one: workspaced run",
        )
    message = f"{data_dir} is held by {who}"
    if where and where != socket:
        return problem(_NAME, f"{message}, which listens on {where}.", f"Use that one: --socket '{where}'")
    return problem(
        _NAME,
        f"{message}, which does not answer.",
        "Wait a moment if it is just starting; else end it, and start the daemon: workspaced run",
    )
