"""Doctor's check of the data directory's lock: which daemon owns the data.

The lock is only looked at: opened for reading, never made, and tried as one of many readers. Where a
daemon holds it, that fails at once and changes nothing.
"""

import fcntl
import os
import stat
from pathlib import Path

import msgspec

from workspaced_client import DaemonStatus
from workspaced_client.cli.doctor.check import Check, ok, problem, reason, warning

_NAME = "lock"
_FILE = "workspaced.lock"
_MAX_OWNER_BYTES = 8192  # a pid and a path, with room to spare


class _Owner(msgspec.Struct, frozen=True):
    pid: int
    socket: str


def check_lock(data_dir: Path, socket: str, status: DaemonStatus | None) -> Check:
    """Whether the daemon that runs holds the lock, or none does where none runs.

    `socket` is where a daemon was looked for; `status` is None where none answered that owns this
    data directory.
    """
    path = data_dir / _FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _not_held(path, status)
    except OSError as error:
        return problem(
            _NAME, f"{path} can't be opened: {reason(error)}.", "Mend its permissions, or remove it."
        )
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return problem(_NAME, f"{path} is not a regular file.", "Move it away.")
        if not _is_held(descriptor):
            return _not_held(path, status)
        owner = _owner(os.pread(descriptor, _MAX_OWNER_BYTES, 0))
    except OSError as error:
        return problem(_NAME, f"{path} can't be looked at: {reason(error)}.", "Check the disk.")
    finally:
        os.close(descriptor)
    return _held(data_dir, owner, socket, status)


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _owner(text: bytes) -> _Owner | None:
    try:
        return msgspec.json.decode(text, type=_Owner)
    except msgspec.DecodeError:
        return None


def _not_held(path: Path, status: DaemonStatus | None) -> Check:
    if status is None:
        return ok(_NAME, "No daemon holds the data directory.")
    return warning(
        _NAME,
        f"The daemon (pid {status.pid}) runs, but does not hold {path}: the file or the directory was replaced.",
        "Have the daemon take it again: workspacectl flush",
    )


def _held(data_dir: Path, owner: _Owner | None, socket: str, status: DaemonStatus | None) -> Check:
    if owner is None:
        who, where = "a process that has not written its pid", ""
    else:
        who, where = f"pid {owner.pid}", owner.socket
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
