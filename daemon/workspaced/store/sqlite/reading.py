"""Reading a database as a whole: what it holds, or the damage that was found in it.

The strategy: everything is verified before anything is served. SQLite checks the structure of the file, each row is
compared with its hash, and all rows together with the hash over all of them.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from workspaced.domain.entries import Entry
from workspaced.domain.history import KEPT_BYTES, KEPT_ENTRIES, History, size_of
from workspaced.domain.records import Record
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.sqlite import rows
from workspaced.store.sqlite.database import Database, is_damage
from workspaced.store.sqlite.rows import STATE_KEY, Meta
from workspaced.store.sqlite.schema import TABLES
from workspaced_protocol import __version__
from workspaced_protocol.datadir import DATABASE, DATABASE_VERSION

_SHOWN_FAULTS: Final = 3
_SHOWN_MEMBERS: Final = 10


class Damaged(Exception):
    """A database is damaged. `kind` is a word for file names, the message describes the damage."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class NewerDatabase(Exception):
    """A newer release made the database. It must not be touched."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version}, but this release knows only versions up to {DATABASE_VERSION}")
        self.version = version


@dataclass(frozen=True)
class Contents:
    """All that a verified database holds, but for the history older than what memory keeps."""

    meta: Meta
    records: Sequence[Record]
    request_keys: Mapping[str, str | None]
    """Oldest first."""
    digest: int
    """The XOR of the hashes of all workspaces."""
    keys_digest: int
    entries: Sequence[Entry]
    """The newest changes, oldest first."""
    complete_since: int
    """The revision after which all changes are among `entries`."""
    history_count: int
    """The number of rows of the history."""
    warnings: Sequence[str]

    def state(self) -> State:
        """Return the state that it holds, with its history."""
        state = State.of_records(
            self.records, self.meta.revision, self.request_keys, self.meta.recovery, self.meta.store_id
        )
        return replace(state, history=History.of(self.entries, self.complete_since))


def read(database: Database) -> Contents:
    """Lock the database, read everything from the disk and verify it. Raises Damaged, NewerDatabase or sqlite3.Error.

    SQLite takes a read that fails for damage, so damage is looked at twice.
    """
    try:
        return _read_once(database)
    except Damaged:
        return _read_once(database)


def _read_once(database: Database) -> Contents:
    try:
        database.lock()
        database.forget()
        return _read(database)
    except sqlite3.Error as error:
        if is_damage(error):
            raise Damaged("damaged", f"SQLite finds it damaged ({error})") from error
        raise


def legible_keys(database: Database) -> Mapping[str, str | None]:
    """Return the request keys of a damaged database, none if they can't be read."""
    with suppress(sqlite3.Error):
        return _read_keys(database)
    return {}


def _read(database: Database) -> Contents:
    _check_structure(database)
    meta = _read_meta(database)
    texts, digest = _read_workspaces(database)
    if len(texts) != meta.workspaces or stored_texts.digest_text(digest) != meta.digest:
        raise Damaged(
            "damaged",
            f"its {len(texts)} workspaces are not the {meta.workspaces} of revision {meta.revision}",
        )
    try:
        if meta.release == __version__:
            records, unknown_members = stored_texts.outlined_records_of(texts), list[str]()
        else:
            records, unknown_members = stored_texts.records_of(texts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("schema", f"a workspace in it is wrong: {error}") from error
    keys = _read_keys(database)
    keys_digest = rows.keys_digest(keys)
    if stored_texts.digest_text(keys_digest) != meta.keys_digest:
        raise Damaged("damaged", "its request keys are not those that were stored")
    entries, complete_since, warnings = _read_history(database, meta)
    if unknown_members:
        told = ", ".join(unknown_members[:_SHOWN_MEMBERS])
        warnings.append(
            f"{DATABASE} holds members that this release does not know ({told}): a change of such a workspace leaves them out."
        )
    (history_count,) = database.execute("SELECT count(*) FROM history")[0]
    return Contents(
        meta, records, keys, digest, keys_digest, entries, complete_since, history_count, warnings
    )


def _check_structure(database: Database) -> None:
    (version,) = database.execute("PRAGMA user_version")[0]
    if version > DATABASE_VERSION:
        raise NewerDatabase(version)
    # The quick one passes over the indexes: a write that follows a damaged one goes over another row.
    faults = [_words(row[0]) for row in database.execute(f"PRAGMA integrity_check({_SHOWN_FAULTS})")]
    if faults != ["ok"]:
        raise Damaged("damaged", f"SQLite finds it damaged ({'; '.join(faults)})")
    found = {
        _words(name): _words(statement)
        for name, statement in database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    }
    for name, statement in TABLES.items():
        if found.get(name) != statement:
            raise Damaged("schema", f"its table `{name}` is {'another one' if name in found else 'missing'}")


def _read_meta(database: Database) -> Meta:
    found = database.execute("SELECT value, sha256 FROM meta WHERE key = ?", (STATE_KEY,))
    if len(found) != 1:
        raise Damaged("damaged", f"its row `{STATE_KEY}` is missing")
    text, proof = found[0]
    if stored_texts.sha256(text) != proof:
        raise Damaged("damaged", f"its row `{STATE_KEY}` does not match its hash")
    try:
        meta = rows.meta_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("schema", f"its row `{STATE_KEY}` is wrong: {error}") from error
    if meta.version > DATABASE_VERSION:
        raise NewerDatabase(meta.version)
    return meta


def _read_workspaces(database: Database) -> tuple[list[bytes], int]:
    """Return the texts of all workspaces, and the XOR of their hashes."""
    texts: list[bytes] = []
    digest = 0
    for id_, text, proof in database.rows("SELECT id, document, sha256 FROM workspace"):
        if stored_texts.sha256(text) != proof:
            raise Damaged("damaged", f"the workspace {_words(id_)} does not match its hash")
        digest ^= int.from_bytes(proof, "big")
        texts.append(text)
    return texts, digest


def _read_keys(database: Database) -> dict[str, str | None]:
    found = database.execute("SELECT key, workspace_id FROM request_key ORDER BY number")
    return {_words(key): None if id_ is None else _words(id_) for key, id_ in found}


def _read_history(database: Database, meta: Meta) -> tuple[list[Entry], int, list[str]]:
    """Return the newest entries, oldest first, the revision after which they are whole, and warnings.

    A damaged entry ends the history there: no workspace depends on it.
    """
    entries: list[Entry] = []
    room, since, warnings = KEPT_BYTES, meta.history_since, list[str]()
    newest_first = "SELECT revision, entry, sha256 FROM history ORDER BY revision DESC"
    for revision, text, proof in database.rows(newest_first):
        entry = stored_texts.entry_of(text) if stored_texts.sha256(text) == proof else None
        if entry is not None and entry.revision != revision:
            entry = None
        if entry is None:
            warnings.append(
                f"The history has a damaged entry at revision {revision}: it is told from there on."
            )
        else:
            room -= size_of(entry)
        if entry is None or room < 0 or len(entries) == KEPT_ENTRIES:
            since = max(since, revision)
            break
        entries.append(entry)
    return entries[::-1], since, warnings


def _words(value: object) -> str:
    """Return a text as words; in a damaged row its column may hold any value."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
