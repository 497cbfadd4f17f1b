"""The schema of the database, and its header: whose the file is, as its first bytes tell.

The strategy: the header is read as bytes, before SQLite opens the file. SQLite would change a file by opening it, and
another program's database is never touched.
"""

import struct
from dataclasses import dataclass
from typing import Final

from workspaced_protocol.datadir import DATABASE_APPLICATION_ID, DATABASE_PAGE_BYTES, DATABASE_VERSION

MAGIC: Final = b"SQLite format 3\0"

TABLES: Final = {
    "workspace": "CREATE TABLE workspace (id TEXT PRIMARY KEY, document TEXT NOT NULL, sha256 BLOB NOT NULL)",
    "history": "CREATE TABLE history (revision INTEGER PRIMARY KEY, entry TEXT NOT NULL, sha256 BLOB NOT NULL)",
    "request_key": "CREATE TABLE request_key (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, workspace_id TEXT)",
    "meta": "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, sha256 BLOB NOT NULL)",
}
"""The statement that makes each table: SQLite keeps it as it stands, so a start compares the text.

`workspace.document` is a workspace as on the wire, `history.entry` a `HistoryEntry`, `meta.value` a `rows.Meta`; `sha256` is
the hash of that text.
"""

_HEADER_BYTES: Final = 100
_MODES_AT: Final = slice(18, 20)  # of the journal: 1, or 2 for WAL
_VERSION_AT: Final = 60  # of `user_version`; SQLite's file format, “The Database Header”
_APPLICATION_ID_AT: Final = 68


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file tell."""

    is_database: bool
    application_id: int = 0
    version: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether this program made the file."""
        return self.is_database and self.application_id == DATABASE_APPLICATION_ID

    @classmethod
    def of(cls, data: bytes) -> "Header":
        """Return the header in the first bytes of a file."""
        # With another number there, SQLite would refuse to write, or to read.
        if len(data) < _HEADER_BYTES or not data.startswith(MAGIC) or set(data[_MODES_AT]) - {1, 2}:
            return cls(is_database=False)
        (version,) = struct.unpack_from(">i", data, _VERSION_AT)
        (application_id,) = struct.unpack_from(">I", data, _APPLICATION_ID_AT)
        return cls(True, application_id, version)


HEADER_BYTES: Final = _HEADER_BYTES

IDENTITY: Final = (
    f"PRAGMA page_size={DATABASE_PAGE_BYTES}",
    f"PRAGMA application_id={DATABASE_APPLICATION_ID}",
    f"PRAGMA user_version={DATABASE_VERSION}",
)
"""What a new database is given before its tables."""
