"""The SQLite store as a whole: its files, what a restart finds, and what a commit writes."""

import errno
import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from support.samples import commit, workspace
from workspaced.domain import bulk, commands, workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.state import State
from workspaced.store import StorageFailure, stored_texts
from workspaced.store.contract import Commit, commit_of
from workspaced.store.document import parse_document
from workspaced.store.sqlite import SqliteWorkspaceStore, create_sqlite_store
from workspaced_protocol.datadir import ANSWERED, DATABASE, DATABASE_LOG, LOCK, QUARANTINE
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.models import Change, Peer

pytestmark = pytest.mark.requirement("FR-005", "T011")


CAUSE = Cause("cor_1", Peer(1, 1), "store.apply")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def again(data_dir: Path) -> SqliteWorkspaceStore:
    """A start that finds all in order."""
    store = create_sqlite_store(data_dir)
    assert (store.recovery.outcome, store.recovery.reason, store.warnings) == ("clean", None, [])
    return store


def rows(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    """What any program sees in the database of a store that is closed."""
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        return connection.execute(statement).fetchall()


def test_a_new_store_makes_its_files_for_its_user_alone(data_dir: Path) -> None:
    store = create_sqlite_store(data_dir)
    assert store.recovery.outcome == "fresh"
    store.save(workspace(1))
    store.tidy()
    assert {each.name for each in data_dir.iterdir()} == {ANSWERED, DATABASE, DATABASE_LOG, LOCK, QUARANTINE}
    for each in data_dir.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each
    store.close()
    assert not (data_dir / DATABASE_LOG).exists()


def test_a_restart_finds_workspaces_history_keys_and_identity(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        first = store.save(workspace(1))
        commit(store, commands.once("key 1", workspaces.save(workspace(2), None)))
        commit(store, commands.once("key 2", workspaces.remove("ws_02")))
        store.save(structs.replace(first, name="Größe"))
        before = store.state
    with closing(again(data_dir)) as store:
        assert store.get_all() == before.workspaces()
        assert (store.state.revision, store.state.store_id) == (before.revision, before.store_id)
        assert [*store.state.request_keys.items()] == [("key 1", "ws_02"), ("key 2", "ws_02")]
        assert [*store.state.history.entries] == [*before.history.entries]
        assert store.state.history.complete_since == 0


def test_keys_beyond_those_that_a_start_holds_go_with_the_next_commit(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(4):
            commit(store, commands.once(f"key {number}", workspaces.save(workspace(number), None)))
    monkeypatch.setattr("workspaced.domain.request_keys.MAX_HELD_KEYS", 2)
    with closing(again(data_dir)) as store:
        commit(store, commands.once("key 0", workspaces.save(workspace(5), None)))
    assert rows(data_dir, "SELECT key FROM request_key ORDER BY number") == [
        ("key 2",),
        ("key 3",),
        ("key 0",),
    ]
    monkeypatch.undo()
    with closing(again(data_dir)) as store:
        assert [*store.state.request_keys] == ["key 2", "key 3", "key 0"]


def test_a_commit_writes_what_changed_and_nothing_else(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(30):
            store.save(workspace(number))
        store.tidy()
        before = (data_dir / DATABASE_LOG).stat().st_size
        store.save(workspace(3, name="Changed"))
        assert (data_dir / DATABASE_LOG).stat().st_size < before + 8 * 8192
    assert rows(data_dir, "SELECT count(*) FROM workspace") == [(30,)]
    named = "SELECT id FROM workspace WHERE json_extract(document, '$.name') = 'Changed'"
    assert rows(data_dir, named) == [("ws_03",)]


def test_the_log_is_written_back_once_it_is_full(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaced.store.sqlite.serving.LOG_BYTES", 64 * 1024)
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(12):
            store.save(workspace(number))
            store.tidy()
        assert (data_dir / DATABASE_LOG).stat().st_size < 256 * 1024
    with closing(again(data_dir)) as store:
        assert len(store.get_all()) == 12


def test_the_history_in_the_database_is_bounded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("domain.history", "store.sqlite.reading", "store.sqlite.writing"):
        monkeypatch.setattr(f"workspaced.{module}.KEPT_ENTRIES", 100)
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(10):
            changes = [
                Change(save=workspace(each, name=f"{number} {each}")) for each in range(20 + number % 3)
            ]
            draft = Draft(store.state)
            draft.apply(bulk.apply(changes, None)(draft), CAUSE, 1)
            store.commit(commit_of(draft))
        known = store.state.history
    ((count,),) = rows(data_dir, "SELECT count(*) FROM history")
    assert 100 <= int(str(count)) < 100 + 64
    with closing(again(data_dir)) as store:
        assert [*store.state.history.entries] == [*known.entries]
        assert store.state.history.complete_since == known.complete_since > 0


def test_a_restore_keeps_the_previous_content_as_a_document(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        kept = [store.save(workspace(number)) for number in (1, 2)]
        commit(store, bulk.restore([workspace(3)], None))
        assert [each.id for each in store.get_all()] == ["ws_03"]
        (copy,) = (data_dir / QUARANTINE).iterdir()
        assert copy.name.endswith("-before-restore-workspaces.json")
        document = parse_document(copy.read_bytes())
        assert document.state.workspaces() == kept
        assert document.state.store_id == store.state.store_id


def test_a_flush_makes_the_database_anew(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(5):
            store.save(workspace(number))
        before = (data_dir / DATABASE).stat().st_ino
        assert store.flush() == 5
        assert (data_dir / DATABASE).stat().st_ino != before
        assert store.check().primary.reason is None
        store.save(workspace(6))
        state = store.state
    with closing(again(data_dir)) as store:
        assert store.get_all() == state.workspaces()
        assert [*store.state.history.entries] == [*state.history.entries]
    assert not [*(data_dir / QUARANTINE).iterdir()]


def test_a_revision_that_could_not_be_read_again_is_refused(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        state = replace(store.state, revision=MAX_SAFE_INTEGER + 1)
        with pytest.raises(StorageFailure) as refused:
            store.commit(Commit(state))
        assert refused.value.errno == errno.EOVERFLOW
        store.save(workspace(1))


def test_no_commit_changes_whose_store_it_is(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        own = store.state.store_id
        other = State.of([workspace(1)], 7, store_id="st_01KJQ3AX4MZZZZZZZZZZZZZZZZ")
        store.commit(Commit(other, is_whole=True))
        assert store.state.store_id == own
    with closing(again(data_dir)) as store:
        assert (store.state.store_id, store.state.revision) == (own, 7)


def rewritten(data_dir: Path, release: str, document: str) -> None:
    """Let another release of the same format have written the workspace and the state."""
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection, connection:
        ((text,),) = connection.execute("SELECT value FROM meta")
        digest = f"{stored_texts.hash_of(document.encode()):064x}"
        meta = json.dumps({**json.loads(text), "release": release, "digest": digest})
        proof = stored_texts.sha256(document.encode())
        connection.execute("UPDATE workspace SET document = ?, sha256 = ?", (document, proof))
        connection.execute(
            "UPDATE meta SET value = ?, sha256 = ?", (meta, stored_texts.sha256(meta.encode()))
        )
    (data_dir / ANSWERED).unlink()


def test_members_of_another_release_are_kept_until_their_workspace_changes(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        saved = store.save(workspace(1))
        document = store.state.records["ws_01"].json.decode()
    rewritten(data_dir, "99.0", document[:-1] + ',"colour":"blue"}')
    for warnings in (1, 0):  # the first commit has noted this release
        with closing(create_sqlite_store(data_dir)) as store:
            assert store.recovery.outcome == "clean"
            assert ["ws_01.colour" in warning for warning in store.warnings] == [True] * warnings
            assert store.get_all() == [saved]
            store.save(workspace(2))
            store.remove("ws_02")
    with closing(again(data_dir)) as store:
        store.save(saved)
        assert b"colour" not in store.state.records["ws_01"].json


def test_a_workspace_that_is_none_is_damage_whatever_its_hash(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        store.save(workspace(1))
    rewritten(data_dir, "99.0", '{"id":"ws_01","name":5}')
    with closing(create_sqlite_store(data_dir)) as store:
        assert store.recovery.outcome == "dataLoss"
        assert store.recovery.reason is not None
        assert "a workspace in it is wrong" in store.recovery.reason
        assert [each.name for each in store.get_all()] == ["Workspace 1"]  # as the history has it
