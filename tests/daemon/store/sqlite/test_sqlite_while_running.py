"""The database of a running store is removed, replaced, damaged or moved: memory equals the disk again, or it is told."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.documents import files_below
from support.obstacles import a_socket, directory, link
from support.samples import workspace
from support.waiting import PATIENCE_SECONDS
from workspaced.store import StorageFailure
from workspaced.store.contract import Commit, CommitUnknown
from workspaced.store.disk import Disk
from workspaced.store.sqlite import SqliteWorkspaceStore, create_sqlite_store, serving
from workspaced.store.sqlite.database import Database
from workspaced.store.sqlite.reading import Contents, read
from workspaced_protocol.datadir import ANSWERED, DATABASE, DATABASE_LOG, LOCK, QUARANTINE
from workspaced_protocol.models import FileCheck

pytestmark = pytest.mark.requirement("FR-005", "T015")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def opened(data_dir: Path) -> SqliteWorkspaceStore:
    """An open store with three workspaces, most of it in the log."""
    store = create_sqlite_store(data_dir)
    for number in range(3):
        store.save(workspace(number))
    return store


def check_goes_on(store: SqliteWorkspaceStore, data_dir: Path) -> None:
    """The next write brings the disk to what memory has."""
    saved = store.save(workspace(7))
    assert store.check().primary.reason is None
    before = store.state
    store.close()
    with closing(create_sqlite_store(data_dir)) as again:
        assert again.recovery.outcome == "clean"
        assert again.get_all() == before.workspaces()
        assert again.get_by_id("ws_07") == saved
        assert (again.state.revision, again.state.store_id) == (before.revision, before.store_id)
        assert [*again.state.history.entries] == [*before.history.entries]


def without_database(data_dir: Path) -> None:
    (data_dir / DATABASE).unlink()


def without_log(data_dir: Path) -> None:
    (data_dir / DATABASE_LOG).unlink()


def without_both(data_dir: Path) -> None:
    without_database(data_dir)
    without_log(data_dir)


def without_side_file(data_dir: Path) -> None:
    (data_dir / ANSWERED).unlink()


def without_directory(data_dir: Path) -> None:
    shutil.rmtree(data_dir)


def moved_directory(data_dir: Path) -> None:
    data_dir.rename(data_dir.with_name("moved"))


def another_log(data_dir: Path) -> None:
    without_log(data_dir)
    (data_dir / DATABASE_LOG).write_bytes(b"\x37\x7f\x06\x82" * 3000)


@pytest.mark.parametrize(
    "harm",
    [
        without_database,
        without_log,
        without_both,
        without_side_file,
        without_directory,
        moved_directory,
        another_log,
    ],
)
def test_what_is_gone_is_written_again(data_dir: Path, harm: Callable[[Path], None]) -> None:
    store = opened(data_dir)
    harm(data_dir)
    check_goes_on(store, data_dir)
    assert (data_dir / ANSWERED).exists()


def an_older_copy(data_dir: Path, copy: Path) -> None:
    shutil.copytree(copy, data_dir, dirs_exist_ok=True)


def no_database(data_dir: Path, _copy: Path) -> None:
    (data_dir / DATABASE).unlink()
    (data_dir / DATABASE).write_text("precious")


@pytest.mark.parametrize("put", [an_older_copy, no_database])
def test_what_is_no_other_store_goes_to_quarantine_and_is_told(
    data_dir: Path, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        store.save(workspace(0))
    shutil.copytree(data_dir, tmp_path / "copy")
    store = create_sqlite_store(data_dir)
    store.save(workspace(1))
    (data_dir / DATABASE).unlink()
    shutil.copy(tmp_path / "copy" / DATABASE, data_dir / DATABASE)
    if put is no_database:
        no_database(data_dir, tmp_path)
    content = (data_dir / DATABASE).read_bytes()
    reason = store.check().primary.reason
    assert reason is not None
    assert reason.startswith("edited")
    store.save(workspace(2))
    (copy,) = (each for each in (data_dir / QUARANTINE).iterdir() if each.name.endswith(".db"))
    assert copy.name.endswith(f"-edited-{DATABASE}")
    assert copy.read_bytes() == content
    assert store.recovery.reason == f"{DATABASE} was edited by another program while the daemon ran"
    assert store.recovery.quarantined == (str(copy),)
    assert [each.id for each in store.get_all()] == ["ws_00", "ws_01", "ws_02"]
    check_goes_on(store, data_dir)


def test_a_check_holds_up_no_write(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LOG_BYTES", 1)  # each tidy would write the log back
    store = opened(data_dir)
    is_reading, is_written = threading.Event(), threading.Event()

    def slowly(database: Database) -> Contents:
        is_reading.set()
        assert is_written.wait(PATIENCE_SECONDS)
        return read(database)

    monkeypatch.setattr("workspaced.store.sqlite.sqlite_store.read", slowly)
    with ThreadPoolExecutor(1) as pool:
        check = pool.submit(store.check)
        assert is_reading.wait(PATIENCE_SECONDS)
        before = (data_dir / DATABASE).read_bytes()
        for number in range(3, 20):
            store.save(workspace(number))
            store.tidy()
        assert (data_dir / DATABASE).read_bytes() == before
        is_written.set()
        assert check.result().primary == FileCheck(corrupted=False)
    store.save(workspace(20))
    store.tidy()
    assert (data_dir / DATABASE).read_bytes() != before
    monkeypatch.undo()
    check_goes_on(store, data_dir)


def test_a_check_leaves_the_database_locked(data_dir: Path) -> None:
    with closing(opened(data_dir)) as store:
        assert store.check().primary.reason is None
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM meta')"
        command = [sys.executable, "-c", code, str(data_dir / DATABASE)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr


class FullDisk(Disk):
    """A disk without room for another file while it `is_full`."""

    is_full = False

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        """See Disk."""
        if self.is_full and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().open(path, flags, mode, dir_fd)


def test_nothing_is_set_aside_over_another_file(data_dir: Path) -> None:
    disk = FullDisk()
    store = SqliteWorkspaceStore(data_dir, disk=disk)
    store.save(workspace(0))
    contents = (b"one", b"two", b"three")
    disk.is_full = True
    for content in contents:
        for name in (DATABASE, DATABASE_LOG):
            (data_dir / name).unlink(missing_ok=True)
            (data_dir / name).write_bytes(content + name.encode())
        with pytest.raises(StorageFailure, match="No space left"):
            store.save(workspace(1))
    # No database any more, but a log beside what was set aside.
    (data_dir / DATABASE_LOG).write_bytes(b"a late log")
    disk.is_full = False
    check_goes_on(store, data_dir)
    kept = {path.read_bytes() for path in (data_dir / QUARANTINE).iterdir()}
    edited = {content + name.encode() for content in contents for name in (DATABASE, DATABASE_LOG)}
    assert kept == {*edited, b"a late log"}
    assert len(store.recovery.quarantined) == len(contents) + 1


def test_another_store_is_never_touched(data_dir: Path, tmp_path: Path) -> None:
    with closing(create_sqlite_store(tmp_path / "other")) as other:
        other.save(workspace(5))
    store = opened(data_dir)
    for name in (DATABASE, DATABASE_LOG):
        (data_dir / name).unlink()
    shutil.copy(tmp_path / "other" / DATABASE, data_dir / DATABASE)
    before = files_below(data_dir)
    for write in (store.flush, lambda: store.save(workspace(2)), lambda: store.remove("ws_00")):
        with pytest.raises(StorageFailure, match=r"is now another store: it has the id st_.*restart") as no:
            write()
        assert no.value.errno == errno.ESTALE
        assert {**files_below(data_dir), LOCK: b""} == {**before, LOCK: b""}
    reason = store.check().primary.reason
    assert reason is not None
    assert reason.startswith("another store's")
    assert len(store.get_all()) == 3
    (data_dir / DATABASE).unlink()
    check_goes_on(store, data_dir)


def test_the_own_database_is_taken_again_once_another_store_is_moved_away(
    data_dir: Path, tmp_path: Path
) -> None:
    with closing(create_sqlite_store(tmp_path / "other")) as other:
        other.save(workspace(5))
    store = opened(data_dir)
    for name in (DATABASE, DATABASE_LOG):
        (data_dir / name).rename(tmp_path / name)
    shutil.copy(tmp_path / "other" / DATABASE, data_dir / DATABASE)
    with pytest.raises(StorageFailure, match="move it away to go on with this one"):
        store.save(workspace(2))
    for name in (DATABASE, DATABASE_LOG):
        (data_dir / name).unlink(missing_ok=True)
        (tmp_path / name).rename(data_dir / name)
    store.save(workspace(3))
    assert store.recovery.quarantined == ()
    check_goes_on(store, data_dir)


def test_another_programs_database_is_never_touched(data_dir: Path) -> None:
    store = opened(data_dir)
    (data_dir / DATABASE).unlink()
    with closing(sqlite3.connect(data_dir / "new")) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    (data_dir / "new").rename(data_dir / DATABASE)
    before = (data_dir / DATABASE).read_bytes()
    with pytest.raises(StorageFailure, match="is a database of another program: nothing is written over it"):
        store.save(workspace(4))
    assert (data_dir / DATABASE).read_bytes() == before
    (data_dir / DATABASE).unlink()
    check_goes_on(store, data_dir)


@pytest.mark.parametrize("put", [directory, link, a_socket])
def test_what_is_no_file_in_its_place_is_named(data_dir: Path, put: Callable[[Path], None]) -> None:
    store = opened(data_dir)
    (data_dir / DATABASE).unlink()
    put(data_dir / DATABASE)
    with pytest.raises(StorageFailure, match=DATABASE):
        store.save(workspace(4))
    assert len(store.get_all()) == 3
    if put is directory:
        (data_dir / DATABASE).rmdir()
    else:
        (data_dir / DATABASE).unlink()
    check_goes_on(store, data_dir)


def test_damage_under_the_open_database_is_found_by_a_check_and_mended_by_a_flush(data_dir: Path) -> None:
    with closing(opened(data_dir)):
        pass
    store = create_sqlite_store(data_dir)
    with (data_dir / DATABASE).open("r+b") as file:
        file.seek(2 * 8192)
        file.write(b"\xff" * 8192)
    found = store.check().primary
    assert found.corrupted
    store.flush()
    copy = min((data_dir / QUARANTINE).iterdir(), key=lambda each: len(each.name))  # the other is its log
    assert copy.name.endswith(f"-damaged-{DATABASE}")
    check_goes_on(store, data_dir)


def test_a_database_that_can_not_be_opened_again_refuses_the_write(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")  # as with too many open files

    store = opened(data_dir)
    without_log(data_dir)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", refuse)
        with pytest.raises(StorageFailure, match=DATABASE):
            store.save(workspace(5))
    check_goes_on(store, data_dir)


def test_a_new_database_whose_files_can_not_be_looked_at_is_of_unknown_outcome(data_dir: Path) -> None:
    class FailingDisk(Disk):
        fails = False

        def rename(self, source: str, target: str, dir_fd: int) -> None:
            super().rename(source, target, dir_fd)
            self.fails = self.fails or target == DATABASE

        def stat_in(self, name: str, dir_fd: int) -> os.stat_result:
            if self.fails and name == DATABASE_LOG:
                self.fails = False
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().stat_in(name, dir_fd)

    opened(data_dir).close()
    store = SqliteWorkspaceStore(data_dir, disk=FailingDisk())
    with pytest.raises(CommitUnknown):
        store.flush()
    check_goes_on(store, data_dir)


def test_a_commit_of_unknown_outcome_that_took_history_out_is_a_gap(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("domain.history", "store.sqlite.reading", "store.sqlite.writing"):
        monkeypatch.setattr(f"workspaced.{module}.KEPT_ENTRIES", 8)
    monkeypatch.setattr("workspaced.store.sqlite.writing._PRUNED_AT_ONCE", 4)
    execute = Database.execute

    def commit_and_fail(database: Database, statement: str, values: Sequence[object] = ()) -> list[object]:
        found = execute(database, statement, values)
        if statement == "COMMIT":
            raise sqlite3.OperationalError("the sync failed")
        return found

    store = create_sqlite_store(data_dir)
    for number in range(11):
        store.save(workspace(1, name=str(number)))
    with monkeypatch.context() as patched:
        patched.setattr(Database, "execute", commit_and_fail)
        with pytest.raises(CommitUnknown):
            store.save(workspace(1, name="takes four out"))
    store.commit(Commit(replace(store.state, revision=13), is_whole=True))
    store.close()
    with closing(create_sqlite_store(data_dir)) as again:
        history = again.state.history
        assert [entry.revision for entry in history.entries] == [*range(5, 12)]
        assert history.complete_since == 4
