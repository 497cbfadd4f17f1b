"""The file of the socket: bound for this user alone, in the place of a dead daemon's."""

import os
import secrets
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from workspaced.process.log import Logger
from workspaced_protocol.paths import make_private_directory

_BACKLOG: Final = 1024  # clients that may connect while the daemon is busy or restarts
_PROBE_SECONDS: Final = 2.0

_log = Logger()


class SocketUnusable(Exception):
    """The socket can't be bound. The message says why and what to do."""

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self)


def listen_at(path: Path, *, replaces: bool = False) -> socket.socket:
    """Return a socket that listens on `path`; `replaces` as in `_remove_dead_socket`. Raises SocketUnusable."""
    try:
        _make_socket_directory(path.parent)
        _remove_dead_socket(path, replaces=replaces)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with suppress(OSError):  # macOS refuses it
                os.fchmod(
                    listening.fileno(), 0o600
                )  # on Linux, the file that bind(2) makes gets no other mode
            listening.bind(str(path))
            listening.listen(_BACKLOG)  # at once: who sees the file expects an answer
            path.chmod(0o600)  # until here, the check of each peer keeps other users out
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SocketUnusable(
            f"The socket {path} can't be bound ({reason}): choose another with --socket or WORKSPACED_SOCKET."
        ) from error
    return listening


def identity_of(path: Path) -> tuple[int, int]:
    """Return the device and the inode of what is at `path`, a link itself. Raises OSError."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def identity_if_there(path: Path) -> tuple[int, int] | None:
    """Return the same, or None where it can't be looked at."""
    try:
        return identity_of(path)
    except OSError:
        return None


def _make_socket_directory(directory: Path) -> None:
    make_private_directory(directory)
    status = directory.stat()
    if not status.st_mode & 0o077:
        return
    # A directory of another name is the user's own, as with --socket /srv/x.sock: its mode stays. The
    # socket's mode and the check of the peer keep other users out.
    if directory.name == "workspaced" and status.st_uid == os.geteuid():
        directory.chmod(0o700)


def _remove_dead_socket(path: Path, *, replaces: bool) -> None:
    """Remove a dead daemon's socket at `path`; raise SocketUnusable for anything else.

    With `replaces`, move anything else aside that is no live socket: the name was this daemon's.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode) and not replaces:
        raise SocketUnusable(
            f"{path} exists and is not a socket: move it away, or choose another with --socket."
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            if stat.S_ISSOCK(status.st_mode):
                path.unlink(missing_ok=True)
            else:
                aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.moved")
                path.rename(aside)
                _log.warning("Another file had taken the socket's place; it was moved.", path=str(aside))
            return
        except (TimeoutError, BlockingIOError):
            pass  # a program listens, but its backlog is full (connect(2), EAGAIN)
    raise SocketUnusable(
        f"Another program listens on {path}: stop it first, or choose another socket with --socket."
    )
