"""The files of the history at a start: what can be read of them, and in words what can't.

The strategy: nothing here stops a start. Only regular files are read, and no more than their newest megabytes.
"""

import errno
import os
import stat
from typing import Final, NamedTuple

from workspaced.store.disk import close_quietly
from workspaced.store.files import Content, Directory, Identity
from workspaced.store.json.history_lines import Parsed, parse
from workspaced_protocol.datadir import MAX_HISTORY_BYTES

_READ_BYTES: Final = 2 * MAX_HISTORY_BYTES  # more than a file of this release has

_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ReadFile(NamedTuple):
    """A file of the history."""

    content: Content
    parsed: Parsed


def read_file(directory: Directory, name: str, seed: int, warnings: list[str]) -> ReadFile | None:
    """Return what a file holds, or None if it is missing or can't be read; `warnings` gets sentences for the log."""
    path = directory.path / name
    try:
        content = newest_of(directory, name)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        warnings.append(f"{path} can't be read ({reason}): the history in it is not shown.")
        return None
    parsed = parse(content.data, seed)
    if parsed.damaged:
        count = "1 line" if parsed.damaged == 1 else f"{parsed.damaged} lines"
        warnings.append(
            f"{path} has {count} that can't be read: damaged, another store's, or of another release. There the history "
            "has a gap."
        )
    return ReadFile(content, parsed)


def newest_of(directory: Directory, name: str) -> Content:
    """Return the newest megabytes of a file. Raises OSError."""
    disk = directory.disk
    fd = disk.open(name, _OPEN_FILE, dir_fd=directory.fd)
    try:
        status = disk.stat_open(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        end = start = max(0, status.st_size - _READ_BYTES)
        chunks: list[bytes] = []
        while chunk := disk.read_at(fd, start + _READ_BYTES - end, end):
            chunks.append(chunk)
            end += len(chunk)
    finally:
        close_quietly(disk, fd)
    return Content(b"".join(chunks), Identity.of(status))
