"""What lies where in a data directory: file names, limits and the lock's owner record, for daemon and client alike."""

from typing import Final

from msgspec import DecodeError, Struct, json

PRIMARY: Final = "workspaces.json"
SNAPSHOT: Final = "workspaces.snapshot.json"
LOCK: Final = "workspaced.lock"
BACKUPS: Final = "backups"
QUARANTINE: Final = "quarantine"

FORMAT_VERSION: Final = 2
"""The version of the two files that this release writes; it reads version 1, too."""

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""The largest store's file that is read or written."""

MAX_OWNER_BYTES: Final = 8192
"""How much of the lock's file to read: a pid and a path, with room to spare."""

_TEMP_PREFIX: Final = ".workspaces"
_TEMP_SUFFIX: Final = ".tmp"


class LockOwner(Struct, frozen=True):
    """The record in the lock's file: who holds the lock. `socket` is where it listens, empty where it does not."""

    pid: int
    socket: str


def parse_owner(text: bytes) -> LockOwner | None:
    """Return the owner record of a lock's file, or None where its holder has not written it yet."""
    try:
        return json.decode(text, type=LockOwner)
    except (DecodeError, UnicodeDecodeError):
        return None


def temp_name(unique: str) -> str:
    """Return the name of a temporary file; `unique` tells it from all others."""
    return f"{_TEMP_PREFIX}-{unique}{_TEMP_SUFFIX}"


def is_temp(name: str) -> bool:
    """Return whether a file of this name is a temporary one, which a killed daemon may have left behind."""
    return name.startswith(_TEMP_PREFIX) and name.endswith(_TEMP_SUFFIX)
