"""The marker of a migration under way: which of two stores serves, and what becomes of the other's files.

The strategy: while a data directory holds the files of two stores, a marker names the one that serves. It is replaced by
a rename, so each instant has one answer. It lists the files of the other store. Whoever finds it under the lock, the
migration itself or the next start after a kill, takes those away, then the marker: until then it can be done again.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Final, Literal

import msgspec
from msgspec import Struct

from workspaced.store.contract import StoreUnusable
from workspaced.store.files import Directory
from workspaced.store.quarantine import new_names
from workspaced_protocol.datadir import (
    ANSWERED,
    DATABASE,
    DATABASE_JOURNAL,
    DATABASE_LOG,
    EARLIER_HISTORY,
    HISTORY,
    MIGRATION,
    PRIMARY,
    QUARANTINE,
    SNAPSHOT,
)

Kind = Literal["json", "sqlite"]

NAMES: Final[Mapping[Kind, str]] = {"json": "JSON", "sqlite": "SQLite"}

FILES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "json": (PRIMARY, SNAPSHOT, HISTORY, EARLIER_HISTORY),
    "sqlite": (DATABASE, DATABASE_LOG, DATABASE_JOURNAL, ANSWERED),
}
"""All files of a whole store of each kind."""

_REASON: Final = "migrated"


class Unfinished(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the marker."""

    kind: Kind
    """The store that serves."""
    leaves: dict[str, str | None]
    """The files of the other store, each with its name in quarantine; None for one that is removed."""


def mark(directory: Directory, marker: Unfinished) -> None:
    """Put the marker durably in place of the one before. Raises StorageFailure if nothing changed, or CommitUnknown."""
    directory.replace([MIGRATION], msgspec.json.encode(marker) + b"\n")


def marked(directory: Directory) -> Unfinished | None:
    """Return what the marker tells, or None where there is none. Raises StoreUnusable."""
    content = directory.read(MIGRATION)
    if content is None:
        return None
    path = directory.path / MIGRATION
    try:
        found = msgspec.json.decode(content.data, type=Unfinished)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    for name, to in found.leaves.items():
        if found.kind not in _others(name) or (to is not None and os.path.basename(to) != to):
            raise _unusable(path, f"{name} is no file of another store")
    return found


def names_in_quarantine(directory: Directory, kind: Kind) -> dict[str, str | None]:
    """Return a new name in quarantine for each file of this kind that is there. Raises OSError."""
    there = [name for name in FILES[kind] if directory.identify(name) is not None]
    with closing(directory.open_below(QUARANTINE)) as folder:
        if os.fstat(folder.fd).st_dev != os.fstat(directory.fd).st_dev:
            raise OSError(
                errno.EXDEV,
                "it lies on another file system, so nothing can be moved there: unmount it first",
                str(folder.path),
            )
        return dict(zip(there, new_names(folder, there, _REASON), strict=True))


def finish(directory: Directory) -> Unfinished | None:
    """Take away the files that the marker lists, then the marker; return what it told, None without a marker.

    Raises StoreUnusable or OSError: then the marker stays, and the same store goes on serving.
    """
    found = marked(directory)
    if found is None:
        return None
    disk = directory.disk
    directory.settle([MIGRATION])  # the process that put it there may have been killed before its sync
    moved = {name: to for name, to in found.leaves.items() if to is not None}
    for name in found.leaves.keys() - moved.keys():
        with suppress(FileNotFoundError):
            disk.unlink(name, directory.fd)
    if moved:
        with closing(directory.open_below(QUARANTINE)) as folder:
            for name, to in moved.items():
                with suppress(FileNotFoundError):
                    os.rename(name, to, src_dir_fd=directory.fd, dst_dir_fd=folder.fd)
            disk.sync_directory(folder.fd, folder.path)
    disk.sync_directory(directory.fd, directory.path)
    disk.unlink(MIGRATION, directory.fd)
    disk.sync_directory(directory.fd, directory.path)
    return found


def _others(name: str) -> tuple[Kind, ...]:
    """Return the kinds beside which this file is another store's."""
    return tuple(kind for kind in FILES if any(name in FILES[other] for other in FILES if other != kind))


def _unusable(path: os.PathLike[str], reason: str) -> StoreUnusable:
    advice = (
        "it tells which of two stores serves after a migration that was stopped: leave the files of one store there, move "
        "this file and the other store's away, then start again"
    )
    return StoreUnusable(f"{path} can't be read ({reason})", advice, errno.EINVAL)
