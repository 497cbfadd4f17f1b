"""The layout of a data directory: file names, limits and the lock's owner record, for daemon and client."""

from __future__ import annotations

TYPE_CHECKING = (
    False  # `workspacectl status` loads this: msgspec takes three times as long to load as Python to start
)
if TYPE_CHECKING:
    from typing import Final

PRIMARY: Final = "workspaces.json"
SNAPSHOT: Final = "workspaces.snapshot.json"
LOCK: Final = "workspaced.lock"
LOCK_HELD: Final = "stop it first, or choose another data directory."
"""The end of the daemon's last words where another one holds the lock."""
BACKUPS: Final = "backups"
QUARANTINE: Final = "quarantine"
HISTORY: Final = "history.jsonl"
EARLIER_HISTORY: Final = "history.1.jsonl"
USAGE: Final = "usage.json"
"""When workspaces were used. It is no part of the data."""
DATABASE: Final = "workspaces.db"
DATABASE_LOG: Final = "workspaces.db-wal"
"""The database of a SQLite store, and its write-ahead log."""
DATABASE_JOURNAL: Final = "workspaces.db-journal"
"""SQLite reads it with the database where it is there; this store never makes one."""
ANSWERED: Final = "workspaces.answered"
"""The last answered revision of a SQLite store."""
DAMAGED_DATABASE: Final = "workspaces.damaged.db"
"""A database that was set aside, until a new one is in its place."""
JOINED: Final = "workspaces.store"
"""The store in etcd that a data directory belongs to. No file of the directory holds that store's data."""
MIGRATION: Final = "workspaces.migration"
"""Which of two stores serves, while a migration is under way."""
SIGNS: Final = {
    "json": (PRIMARY, SNAPSHOT),
    # The database may be lost, and what is beside it then tells of the loss.
    "sqlite": (DATABASE, DATABASE_LOG, ANSWERED, DAMAGED_DATABASE),
    "etcd": (JOINED,),
}
"""The files that tell which kind of store lies in a data directory, where no migration is under way."""
FILES: Final = (
    PRIMARY,
    SNAPSHOT,
    LOCK,
    HISTORY,
    EARLIER_HISTORY,
    USAGE,
    DATABASE,
    DATABASE_LOG,
    ANSWERED,
    DAMAGED_DATABASE,
    JOINED,
    MIGRATION,
)
"""All files of a data directory beside the copies in its directories, and temporary files."""

FORMAT_VERSION: Final = 3
"""The format version that this release writes. It also reads versions 1 and 2, which have no `storeId`."""

DATABASE_VERSION: Final = 1
"""The version of the database that this release writes: its `user_version`."""

DATABASE_APPLICATION_ID: Final = 0x77737064
"""The `application_id` of the database: “wspd”."""

DATABASE_PAGE_BYTES: Final = 8192
"""The size of the database's pages: three workspaces of ten projects fit in one."""

MANY_WORKSPACES: Final = 2000
"""With more of them in a JSON store, a SQLite store is advised: a write of the JSON store takes longer with each."""

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""The maximum size of a store's file."""

MAX_HISTORY_BYTES: Final = 4 * 1024 * 1024
"""The size at which `history.jsonl` becomes `history.1.jsonl`."""

MAX_USAGE_BYTES: Final = 16 * 1024 * 1024
"""The maximum size of `USAGE`: enough for 150,000 workspaces."""

MAX_OWNER_BYTES: Final = 8192
"""The number of bytes to read from the lock's file: more than enough for a pid and a path."""

_TEMP_PREFIX: Final = ".workspaces"
_TEMP_SUFFIXES: Final = (".tmp", ".tmp-wal", ".tmp-journal")


class LockOwner:
    """The record in the lock's file: the pid of its owner, and its socket, empty if it does not listen."""

    __slots__ = ("pid", "socket")

    def __init__(self, pid: int, socket: str) -> None:
        self.pid = pid
        self.socket = socket


def owner_text(owner: LockOwner) -> bytes:
    """Return the owner record as it is written to the lock's file."""
    import json

    return json.dumps(
        {"pid": owner.pid, "socket": owner.socket}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def parse_owner(text: bytes) -> LockOwner | None:
    """Return the owner record in a lock's file, or None if it is not written yet."""
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"pid": int(pid), "socket": str(socket)} if pid is not True and pid is not False:
            return LockOwner(pid, socket)
        case _:
            return None


def temp_name(unique: str) -> str:
    """Return the name of a temporary file. `unique` must differ for each file."""
    return f"{_TEMP_PREFIX}-{unique}{_TEMP_SUFFIXES[0]}"


def is_temp(name: str) -> bool:
    """Return whether the name is that of a temporary file, or of what SQLite keeps beside one.

    A killed daemon may leave one behind.
    """
    return name.startswith(_TEMP_PREFIX) and name.endswith(_TEMP_SUFFIXES)
