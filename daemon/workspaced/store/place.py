"""The data directory as a place for the store, in sentences: why it can't be used, and what makes it doubtful."""

import os
import stat
from pathlib import Path
from typing import Final

from workspaced.store.contract import StorageFailure, StoreUnusable
from workspaced.store.disk import CannotSyncDirectory, NotOwnDirectory
from workspaced_protocol import mounts

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def unusable(data_dir: Path, error: OSError) -> StoreUnusable:
    """Return the error for a directory that can't be opened or written to, or for the file in it that is in the way."""
    number = error.errno or 0
    if isinstance(error, (CannotSyncDirectory, NotOwnDirectory)):
        return StoreUnusable(f"The data directory {data_dir} can't be used", str(error.strerror), number)
    if isinstance(error, NotADirectoryError):
        return StoreUnusable(
            f"The data directory {data_dir} is not a directory", "choose another with --data-dir", number
        )
    told = error.strerror or str(error)
    at = error.filename
    if isinstance(at, str) and at.startswith(f"{data_dir}/"):
        advice = "move it away, or check its owner and its mode, then start again"
        return StoreUnusable(f"{at} can't be used ({told})", advice, number)
    advice = "check its owner, its mode and the free space, or choose another with --data-dir"
    return StoreUnusable(f"The data directory {data_dir} can't be used ({told})", advice, number)


def blocked(error: StoreUnusable) -> StorageFailure:
    """Return the failure of a write for what stands in the place of a file."""
    return StorageFailure(f"{error.reason}: fix that or move it away, then try again.", error.errno)


def refuse_network(data_dir: Path) -> None:
    """Raise StoreUnusable for a directory on a network file system, where a database can't be kept."""
    kind = _file_system(data_dir)
    if mounts.is_network(kind):
        reason = (
            f"{data_dir} lies on {kind}, a network file system: the log of a SQLite database does not work there, and locks "
            "and synced writes may be unreliable"
        )
        raise StoreUnusable(
            reason, "move it to a local disk and name that with --data-dir, or use --store json"
        )


def warnings_about(data_dir: Path) -> list[str]:
    """Return what is doubtful about the directory: other users who may write to it, or its file system."""
    return [*_about_others(data_dir), *_about_file_system(data_dir)]


def _about_others(data_dir: Path) -> list[str]:
    try:
        status = data_dir.stat()
    except OSError:
        return []
    threat = "can put other files in the place of the store's"
    if status.st_uid not in (os.geteuid(), 0):
        return [
            f"{data_dir} belongs to another user (uid {status.st_uid}), who {threat}: choose another with --data-dir."
        ]
    if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return [f"{data_dir} has mode {mode}: other users {threat}. Run: chmod 700 '{data_dir}'"]
    return []


def _about_file_system(data_dir: Path) -> list[str]:
    kind = _file_system(data_dir)
    doubt = mounts.doubt_about(kind)
    return [f"{data_dir} lies on {kind}: {doubt}. {mounts.ADVICE}"] if doubt else []


def _file_system(data_dir: Path) -> str:
    """Return the type of the directory's file system; empty where the system does not tell it."""
    try:
        table = Path(mounts.TABLE).read_bytes()
    except OSError:
        return ""
    return mounts.file_system_of(os.fsencode(os.path.realpath(data_dir)), table)
