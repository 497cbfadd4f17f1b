"""Quarantine: copies of damaged, edited or replaced files, made before the store overwrites them.

A damaged database is moved there instead: it may be large, and the disk full.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Final

from workspaced.store.contract import StoreUnusable
from workspaced.store.files import Content, Directory
from workspaced_protocol.datadir import QUARANTINE

DAMAGE: Final = (
    "empty",
    "not-utf-8",
    "truncated",
    "invalid-json",
    "schema",
    "duplicate-ids",
    "checksum-mismatch",
    "older",
    "another-store",
    "damaged",
    "incomplete",
)
"""The reasons of a copy that a recovery makes: its file was not served."""

KEPT_FILES: Final = 16
"""The number of copies to keep (storage.md, Quarantine): repeated damage must not fill the disk."""

# A time, a reason and the file's original name.
_NAME = re.compile(
    r"\d{8}T\d{6}\.\d{6}Z-[a-z0-9-]+-"
    r"(?:workspaces[a-z.]*\.(?:json|db|db-wal|db-journal|answered|store)|history(?:\.1)?\.jsonl)\Z"
)


def quarantine(
    directory: Directory, name: str, content: Content, reason: str, time_ns: Callable[[], int] = time.time_ns
) -> str:
    """Copy `content` of the file `name` durably into quarantine, and return the copy's path.

    `reason` is a word, or words joined by hyphens. An existing copy with the same content, reason and name
    is used again. Raises StorageFailure or OSError.
    """
    with closing(directory.open_below(QUARANTINE)) as folder:
        folder.remove_temps()
        copies = _copies_in(folder)
        # Never reuse the oldest two: a start quarantines up to two files, and the copy of the second must not
        # push out the copy that the first reuses.
        for copy in copies[2 - KEPT_FILES :]:
            identity = folder.identify(copy)
            if copy.endswith(f"Z-{reason}-{name}") and identity and identity.size == len(content.data):
                with suppress(StoreUnusable):  # one that can't be read is passed over
                    found = folder.read(copy)
                    if found is not None and found.data == content.data:
                        break
        else:
            copy = f"{_stamp(time_ns(), copies)}-{reason}-{name}"
        # Write an existing copy again too: the process that made it may have been killed before its sync.
        folder.write_copy(copy, content.data)
        remove_oldest(folder)
        return str(folder.path / copy)


def new_names(
    folder: Directory, files: Sequence[str], reason: str, time_ns: Callable[[], int] = time.time_ns
) -> list[str]:
    """Return a name in this quarantine for each of these files, which are to be moved there. Raises OSError."""
    stamp = _stamp(time_ns(), _copies_in(folder))
    return [f"{stamp}-{reason}-{name}" for name in files]


def move_in(directory: Directory, folder: Directory, names: Mapping[str, str]) -> list[str]:
    """Move files of `directory`, as far as they are there, to this quarantine, durably; return their paths in it.

    `names` gives each its name there; where such a copy is there already, it gets a new one. Raises OSError.
    """
    moved: list[str] = []
    for name, to in names.items():
        if directory.identify(name) is None:
            continue
        free = to
        while folder.identify(free) is not None:
            free = f"{_stamp(time.time_ns(), _copies_in(folder))}-{to.partition('Z-')[2] or to}"
        os.rename(name, free, src_dir_fd=directory.fd, dst_dir_fd=folder.fd)
        moved.append(str(folder.path / free))
    directory.disk.sync_directory(folder.fd, folder.path)
    directory.disk.sync_directory(directory.fd, directory.path)
    return moved


def remove_oldest(folder: Directory) -> None:
    """Remove what is too much in this quarantine. Raises OSError."""
    for old in _copies_in(folder)[:-KEPT_FILES]:
        folder.disk.unlink(old, folder.fd)


def copies_of_damage(folder: Directory) -> list[str]:
    """Return the names of the copies in this quarantine that a recovery made, oldest first. Raises OSError."""
    return sorted(
        name
        for name in folder.disk.list_names(folder.fd)
        if _NAME.match(name) and name.partition("Z-")[2].rpartition("-workspaces")[0] in DAMAGE
    )


def _copies_in(folder: Directory) -> list[str]:
    return sorted(name for name in folder.disk.list_names(folder.fd) if _NAME.match(name))


def _stamp(now_ns: int, copies: list[str]) -> str:
    """Return the UTC time in microseconds as text that sorts after the last of the sorted `copies`."""
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    digits = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds)) + f"{rest_ns // 1000:06d}"
    if copies:
        # Without this, the newest copy would be removed first after the clock was set back.
        last = copies[-1].partition("Z")[0].replace("T", "").replace(".", "")
        digits = f"{max(int(digits), int(last) + 1):020d}"
    return f"{digits[:8]}T{digits[8:14]}.{digits[14:]}Z"
