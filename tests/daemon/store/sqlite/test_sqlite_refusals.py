"""What a SQLite store does not open: another program's, a newer release's, a locked one, one on a network."""

import errno
import os
import pwd
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import files_below
from support.obstacles import a_socket, dangling_link, directory, link
from support.samples import workspace
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.disk import Disk
from workspaced.store.lock import LockHeld
from workspaced.store.sqlite import SqliteWorkspaceStore, create_sqlite_store
from workspaced_protocol import mounts
from workspaced_protocol.datadir import ANSWERED, DATABASE, LOCK

pytestmark = pytest.mark.requirement("FR-007")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A directory whose store holds a workspace."""
    with closing(create_sqlite_store(tmp_path / "data")) as store:
        store.save(workspace(1))
    return tmp_path / "data"


def refused(data_dir: Path) -> StoreUnusable:
    """The error of a start that touches nothing."""
    before = files_below(data_dir)
    with pytest.raises(StoreUnusable) as caught:
        create_sqlite_store(data_dir)
    assert {**files_below(data_dir), LOCK: b""} == {**before, LOCK: b""}
    assert caught.value.message.endswith(".")
    return caught.value


def with_setting(data_dir: Path, setting: str) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        connection.execute(f"PRAGMA {setting}")


def anew(data_dir: Path) -> None:
    (data_dir / DATABASE).unlink()
    (data_dir / ANSWERED).unlink()


def test_a_newer_release_made_it(data_dir: Path) -> None:
    anew(data_dir)
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        connection.execute(f"PRAGMA application_id={0x77737064}")
        connection.execute("PRAGMA user_version=2")
        connection.execute("CREATE TABLE another (a)")
    error = refused(data_dir)
    assert isinstance(error, WrittenByNewerRelease)
    assert "version 2" in error.message
    assert "start a newer release" in error.message


def test_another_program_made_it(data_dir: Path) -> None:
    anew(data_dir)
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute("INSERT INTO bookmarks VALUES ('https://example.com')")
        connection.commit()
    error = refused(data_dir)
    assert "is a database of another program: move it away" in error.message


@pytest.mark.parametrize("setting", ["application_id=0", "user_version=900"])
def test_a_damaged_number_makes_no_stranger_of_it(data_dir: Path, setting: str) -> None:
    with_setting(data_dir, setting)
    with closing(create_sqlite_store(data_dir)) as store:
        assert store.recovery.outcome == "recovered"
        assert [each.id for each in store.get_all()] == ["ws_01"]


def test_another_program_has_locked_it(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM workspace").fetchall()
        with pytest.raises(StoreUnusable) as caught:
            create_sqlite_store(data_dir)
        assert "is locked by another program: end that program" in caught.value.message
        assert caught.value.errno == errno.EWOULDBLOCK
        assert [*other.execute("SELECT id FROM workspace")] == [("ws_01",)]
    create_sqlite_store(data_dir).close()


def test_no_other_program_reads_or_changes_it_meanwhile(data_dir: Path) -> None:
    with closing(create_sqlite_store(data_dir)) as store:
        with closing(sqlite3.connect(data_dir / DATABASE, timeout=0)) as other:
            for statement in ("SELECT * FROM workspace", "DELETE FROM workspace"):
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute(statement)
        with pytest.raises(LockHeld):
            create_sqlite_store(data_dir)
        store.save(workspace(2))


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"36 35 0:3 / {data_dir} rw shared:1 - {kind} server:/home rw\n")
    monkeypatch.setattr(mounts, "TABLE", str(table))
    error = refused(data_dir)
    assert f"lies on {kind}, a network file system" in error.message
    assert "--store json" in error.message


def told_to_another_user(data_dir: Path) -> str:
    """The error of a start by a user who owns the files: root may write to everything."""
    nobody = pwd.getpwnam("nobody")
    for each in (data_dir, *data_dir.rglob("*")):
        os.chown(each, nobody.pw_uid, nobody.pw_gid)
    for parent in data_dir.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            create_sqlite_store(data_dir)
        except StoreUnusable as error:
            os.write(writing, error.message.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as pipe:
        return pipe.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    ("name", "mode", "told"),
    [
        (DATABASE, 0o400, f"{DATABASE} can't be read and written (Permission denied): check its owner"),
        (DATABASE, 0o000, f"{DATABASE} can't be read and written (Permission denied): check its owner"),
        (".", 0o500, "the database, its log or their directory can't be written to"),
    ],
)
def test_what_is_read_only_is_named(data_dir: Path, name: str, mode: int, told: str) -> None:
    (data_dir / name).chmod(mode)
    before = (data_dir / DATABASE).read_bytes()
    assert told in told_to_another_user(data_dir)
    assert (data_dir / DATABASE).read_bytes() == before


@pytest.mark.parametrize("put", [directory, link, dangling_link, os.mkfifo, a_socket])
@pytest.mark.parametrize("name", [DATABASE, ANSWERED])
def test_what_is_no_file_in_a_files_place(
    data_dir: Path, put: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    shutil.move(data_dir / name, tmp_path / "away")
    put(data_dir / name)
    with pytest.raises(StoreUnusable) as caught:
        create_sqlite_store(data_dir)
    assert str(data_dir / name) in caught.value.message
    assert (data_dir / name).is_symlink() or not (data_dir / name).is_file()


def test_files_that_can_not_be_looked_at_are_no_defect(data_dir: Path) -> None:
    class FailingDisk(Disk):
        looks = 0
        fails_at = 0

        def stat_in(self, name: str, dir_fd: int) -> os.stat_result:
            self.looks += 1
            if self.looks == self.fails_at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().stat_in(name, dir_fd)

    disk = FailingDisk()
    SqliteWorkspaceStore(data_dir, disk=disk).close()
    disk.looks, disk.fails_at = 0, disk.looks  # the last look of a start
    with pytest.raises(StoreUnusable, match="can't be used"):
        SqliteWorkspaceStore(data_dir, disk=disk)
