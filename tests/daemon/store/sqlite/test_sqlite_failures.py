"""A statement of a SQLite store that fails: what its commit, its check and its next start make of that."""

import errno
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from support.logs import capture_logs
from support.samples import project, workspace
from workspaced.store import StorageFailure
from workspaced.store.contract import Commit, CommitUnknown
from workspaced.store.sqlite import SqliteWorkspaceStore, create_sqlite_store, serving
from workspaced.store.sqlite.database import Database
from workspaced_protocol.datadir import ANSWERED, DATABASE, DATABASE_PAGE_BYTES, QUARANTINE

pytestmark = pytest.mark.requirement("FR-005", "T015")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path) -> Iterator[SqliteWorkspaceStore]:
    """An open store with three workspaces."""
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(3):
            store.save(workspace(number))
        yield store


class Failing:
    """Statements that fail, each by its first word, with SQLite's code; with `after`, once they are carried out."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.codes: dict[str, int] = {}
        self.after: set[str] = set()
        execute = Database.execute

        def fail(database: Database, statement: str, values: Sequence[object] = ()) -> list[object]:
            code = self.codes.get(statement.partition(" ")[0])
            if code is None:
                return execute(database, statement, values)
            if statement in self.after:
                execute(database, statement, values)
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = code
            raise error

        patch.setattr(Database, "execute", fail)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(monkeypatch)


def repair(store: SqliteWorkspaceStore) -> None:
    """Commit the last answered state again, as the writer does after a commit of unknown outcome."""
    store.commit(Commit(replace(store.state, revision=store.state.revision + 2), is_whole=True))


def check_lasts(store: SqliteWorkspaceStore, data_dir: Path) -> None:
    """The store takes writes, and a start finds them."""
    store.save(workspace(7))
    assert store.check().primary.reason is None
    before = store.state
    store.close()
    with closing(create_sqlite_store(data_dir)) as again:
        assert again.recovery.outcome == "clean"
        assert again.state == before


@pytest.mark.parametrize("is_carried_out", [False, True])
def test_a_commit_of_unknown_outcome_is_repaired(
    store: SqliteWorkspaceStore, data_dir: Path, failing: Failing, is_carried_out: bool
) -> None:
    failing.codes = {"COMMIT": sqlite3.SQLITE_IOERR_FSYNC}
    failing.after = {"COMMIT"} if is_carried_out else set()
    before = store.state
    with pytest.raises(CommitUnknown) as caught:
        store.save(workspace(0, name="Perhaps"))
    assert caught.value.errno == errno.EIO
    assert store.state is before
    failing.codes = {}
    told = store.check().primary
    assert (told.corrupted, told.reason) == (False, None)  # it may have the one state or the other
    repair(store)
    assert [each.name for each in store.get_all()] == [f"Workspace {number}" for number in range(3)]
    check_lasts(store, data_dir)


def test_a_commit_that_finds_no_room_is_not_applied(
    store: SqliteWorkspaceStore, data_dir: Path, failing: Failing
) -> None:
    failing.codes = {"COMMIT": sqlite3.SQLITE_FULL}
    with pytest.raises(StorageFailure, match="No space left") as caught:
        store.save(workspace(5))
    assert caught.value.errno == errno.ENOSPC
    failing.codes = {"INSERT": sqlite3.SQLITE_IOERR_READ, "BEGIN": sqlite3.SQLITE_IOERR_READ}
    with pytest.raises(StorageFailure):
        store.save(workspace(5))
    failing.codes = {}
    check_lasts(store, data_dir)


def test_a_transaction_that_can_not_be_ended_is_of_unknown_outcome(
    store: SqliteWorkspaceStore, data_dir: Path, failing: Failing
) -> None:
    failing.codes = {"COMMIT": sqlite3.SQLITE_FULL, "ROLLBACK": sqlite3.SQLITE_IOERR_WRITE}
    with pytest.raises(CommitUnknown):
        store.save(workspace(5))
    failing.codes = {}
    repair(store)
    check_lasts(store, data_dir)


def damaged(data_dir: Path) -> None:
    """Flip the bytes of a page in the middle."""
    content = bytearray((data_dir / DATABASE).read_bytes())
    middle = len(content) // DATABASE_PAGE_BYTES // 2 * DATABASE_PAGE_BYTES
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    (data_dir / DATABASE).write_bytes(content)


def edited(data_dir: Path) -> None:
    """Put the rows of another revision in the same file."""
    with closing(create_sqlite_store(data_dir.with_name("other"))) as other:
        other.save(workspace(9))
    (data_dir / DATABASE).write_bytes((data_dir.with_name("other") / DATABASE).read_bytes())


@pytest.mark.parametrize("harm", [damaged, edited])
def test_what_is_harmed_in_doubt_goes_to_quarantine(
    data_dir: Path, failing: Failing, harm: Callable[[Path], None]
) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        for number in range(3):
            store.save(workspace(number))
    store = create_sqlite_store(data_dir)
    failing.codes = {"COMMIT": sqlite3.SQLITE_IOERR_FSYNC}
    with pytest.raises(CommitUnknown):
        store.save(workspace(5))
    failing.codes = {}
    harm(data_dir)
    repair(store)
    assert len(store.get_all()) == 3
    (copy,) = (path for path in (data_dir / QUARANTINE).iterdir() if path.name.endswith(DATABASE))
    assert f"-{harm.__name__}-" in copy.name
    assert store.recovery.quarantined == (str(copy),)
    check_lasts(store, data_dir)


def test_a_log_that_can_not_be_written_back_is_kept(
    store: SqliteWorkspaceStore, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOG_BYTES", 1)

    def fail(_: Database) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(Database, "checkpoint", fail)
        store.save(workspace(5))
        store.tidy()
        assert [entry["event"] for entry in logs] == ["The database's log can't be written back."]
        told = store.check().primary
        assert (told.corrupted, told.reason) == (False, "unreadable: disk I/O error")
        patched.setattr(Database, "checkpoint", lambda _: False)
        assert store.check().primary.reason == "unreadable: its log can't be written back"
    check_lasts(store, data_dir)


def test_a_side_file_that_can_not_be_written_is_told_once_and_fails_no_commit(
    store: SqliteWorkspaceStore, data_dir: Path
) -> None:
    (data_dir / ANSWERED).unlink()
    (data_dir / ANSWERED).mkdir()
    with capture_logs() as logs:
        for number in range(3, 6):
            store.tidy()
            store.save(workspace(number))
        assert [entry["event"].partition(" can't be noted")[0] for entry in logs] == [
            "The last answered revision"
        ]
    (data_dir / ANSWERED).rmdir()
    check_lasts(store, data_dir)
    assert (data_dir / ANSWERED).is_file()


def test_a_workspace_of_many_pages_is_recovered(data_dir: Path) -> None:
    projects = tuple(project(number, "ws_00") for number in range(300))
    with closing(create_sqlite_store(data_dir)) as store:
        large = store.save(structs.replace(workspace(0), projects=projects))
        small = store.save(workspace(1))
    content = bytearray((data_dir / DATABASE).read_bytes())
    content[100:108] = bytes(8)  # the header of the page of the schema
    (data_dir / DATABASE).write_bytes(content)
    with closing(create_sqlite_store(data_dir)) as store:
        assert store.recovery.outcome == "recovered"
        assert store.get_all() == [large, small]
