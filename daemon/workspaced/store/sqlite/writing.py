"""Writing rows: those that a commit changes, and all of a new database."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workspaced.domain.entries import Entry
from workspaced.domain.history import KEPT_ENTRIES
from workspaced.domain.records import Record, encode
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.contract import Commit
from workspaced.store.sqlite import rows
from workspaced.store.sqlite.database import Database
from workspaced.store.sqlite.reading import Contents
from workspaced.store.sqlite.rows import STATE_KEY, Meta
from workspaced.store.sqlite.schema import IDENTITY, TABLES
from workspaced_protocol import __version__
from workspaced_protocol.datadir import DATABASE_PAGE_BYTES, DATABASE_VERSION

_PRUNED_AT_ONCE: Final = 64
"""The entries that one commit takes out of the history: each commit with one would read and write more pages."""

_PAGES_OF_A_COMMIT: Final = 2
"""Those of the row `state`, and of the history's tree."""

_PUT: Final = (
    "INSERT INTO workspace VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET document = excluded.document, sha256 = excluded.sha256"
)
_PUT_ENTRY: Final = "INSERT INTO history VALUES (?, ?, ?)"
_PUT_META: Final = (
    "INSERT INTO meta VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, sha256 = excluded.sha256"
)


@dataclass(frozen=True)
class Totals:
    """What is known of all rows of the database, so that no commit has to read them."""

    digest: int
    """The XOR of the hashes of all workspaces."""
    keys_digest: int
    history_since: int
    """The revision after which the history is whole."""
    history_count: int

    def meta(self, state: State) -> Meta:
        """Return what the row `state` tells of this state."""
        return Meta(
            version=DATABASE_VERSION,
            release=__version__,
            store_id=state.store_id,
            revision=state.revision,
            workspaces=len(state.records),
            digest=stored_texts.digest_text(self.digest),
            keys_digest=stored_texts.digest_text(self.keys_digest),
            history_since=self.history_since,
            recovery=state.recovery,
        )


def write_changes(
    database: Database,
    held: State,
    totals: Totals,
    commit: Commit,
    lacking: Mapping[str, Record | None] | None = None,
) -> Totals:
    """Write what makes the state of `commit` of the `held` one, within a transaction; return the new totals.

    With `lacking`, what the database lacks of `held` is written too, and the small tables are written whole. Raises
    sqlite3.Error.
    """
    _put_workspaces(database, {**(lacking or {}), **commit.changed})
    state, count = commit.state, totals.history_count
    keys_digest = totals.keys_digest ^ _digest_of_keys(held, commit)
    if lacking is None:
        _drop_keys(database, commit.dropped_keys)
        _put_keys(database, commit.new_keys)
    else:
        database.execute("DELETE FROM request_key")
        _put_keys(database, state.request_keys)
        keys_digest = rows.keys_digest(state.request_keys)
        database.execute("DELETE FROM history WHERE revision > ?", (held.revision,))
        (count,) = database.execute("SELECT count(*) FROM history")[0]
    database.execute_each(_PUT_ENTRY, map(_entry_row, commit.entries))
    pruned, pruned_up_to = _prune_history(database, count + len(commit.entries))
    changed_after = Totals(
        digest=totals.digest ^ _digest_of_changes(held, commit.changed),
        keys_digest=keys_digest,
        history_since=max(totals.history_since, pruned_up_to),
        history_count=count + len(commit.entries) - pruned,
    )
    text = encode(changed_after.meta(state))
    database.execute(_PUT_META, (STATE_KEY, text.decode(), stored_texts.sha256(text)))
    return changed_after


def _digest_of_changes(held: State, changed: Mapping[str, Record | None]) -> int:
    before = (held.records.get(id_) for id_ in changed)
    return stored_texts.xor(
        stored_texts.hash_of(each.json) for each in (*before, *changed.values()) if each is not None
    )


def _digest_of_keys(held: State, commit: Commit) -> int:
    dropped = {key: held.request_keys[key] for key in commit.dropped_keys if key in held.request_keys}
    return rows.keys_digest(dropped) ^ rows.keys_digest(commit.new_keys)


def _put_workspaces(database: Database, changed: Mapping[str, Record | None]) -> None:
    for id_, record in changed.items():
        if record is None:
            database.execute("DELETE FROM workspace WHERE id = ?", (id_,))
        else:
            database.execute(_PUT, (id_, record.json.decode(), stored_texts.sha256(record.json)))


def _drop_keys(database: Database, dropped: Iterable[str]) -> None:
    database.execute_each("DELETE FROM request_key WHERE key = ?", ((key,) for key in dropped))


def _put_keys(database: Database, new: Mapping[str, str | None]) -> None:
    database.execute_each("INSERT INTO request_key (key, workspace_id) VALUES (?, ?)", new.items())


def _prune_history(database: Database, count: int) -> tuple[int, int]:
    """Take the oldest of `count` entries out, a portion at a time; return how many, and the newest revision of them.

    Until there is a portion too many, nothing is taken out: 0 and 0.
    """
    excess = count - KEPT_ENTRIES
    if excess < _PRUNED_AT_ONCE:
        return 0, 0
    oldest = "SELECT revision FROM history ORDER BY revision LIMIT 1 OFFSET ?"
    (last,) = database.execute(oldest, (excess - 1,))[0]
    database.execute("DELETE FROM history WHERE revision <= ?", (last,))
    return excess, last


def make_database(path: Path, state: State) -> None:
    """Fill the empty file at `path` with a database of this state and its history; the caller syncs it.

    Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        # The file is no store yet, so nothing in it need survive.
        for statement in (
            *IDENTITY,
            "PRAGMA locking_mode=EXCLUSIVE",
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "BEGIN",
            *TABLES.values(),
        ):
            connection.execute(statement)
        records = [*state.records.values()]
        connection.executemany(
            "INSERT INTO workspace VALUES (?, ?, ?)",
            ((each.outline.id, each.json.decode(), stored_texts.sha256(each.json)) for each in records),
        )
        connection.executemany(_PUT_ENTRY, map(_entry_row, state.history.entries))
        connection.executemany(
            "INSERT INTO request_key (key, workspace_id) VALUES (?, ?)", state.request_keys.items()
        )
        text = encode(totals_of(state).meta(state))
        connection.execute(_PUT_META, (STATE_KEY, text.decode(), stored_texts.sha256(text)))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")


def totals_in(contents: Contents) -> Totals:
    """Return the totals of a database that was read."""
    return Totals(contents.digest, contents.keys_digest, contents.meta.history_since, contents.history_count)


def logged_bytes(commit: Commit) -> int:
    """Return about how much a commit adds to the log: whole pages."""
    pages = _PAGES_OF_A_COMMIT
    for record in commit.changed.values():
        text_pages = 1 + (len(record.json) if record is not None else 0) // DATABASE_PAGE_BYTES
        pages += 3 * text_pages  # the workspace, and twice in the history
    return pages * DATABASE_PAGE_BYTES


def totals_of(state: State) -> Totals:
    """Return the totals of a database that holds this state and its history alone."""
    return Totals(
        digest=stored_texts.xor(stored_texts.hash_of(each.json) for each in state.records.values()),
        keys_digest=rows.keys_digest(state.request_keys),
        history_since=state.history.complete_since,
        history_count=len(state.history),
    )


def _entry_row(entry: Entry) -> tuple[int, str, bytes]:
    text = stored_texts.entry_text(entry)
    return entry.revision, text.decode(), stored_texts.sha256(text)
