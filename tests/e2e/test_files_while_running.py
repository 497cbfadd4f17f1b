"""The files under a running daemon: deleted, edited, taken over by another daemon, on a disk that is full."""

import errno
import os
import resource
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from e2e.conftest import NewName, StartDaemon
from support.daemon_process import DaemonProcess, Home, running_daemon
from support.documents import quarantined, verified
from support.raw_connection import RawConnection

CLEAN = {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}
Write = Callable[[RawConnection, str], object]


def flush(connection: RawConnection, _name: str) -> object:
    return connection.call("store.flush")


def commit(connection: RawConnection, name: str) -> object:
    return connection.create(name)


def assert_whole(home: Home, connection: RawConnection) -> None:
    """Both files hold what the daemon answers, and the store is as it was before any trouble."""
    stored, status = connection.call("store.getAll"), connection.call("daemon.status")
    for path in (home.primary, home.snapshot):
        document = verified(path)
        assert sorted(document["workspaces"], key=lambda each: str(each["id"])) == sorted(
            stored, key=lambda each: str(each["id"])
        )
        assert document["revision"] == status["revision"]
    assert status["store"] == {"state": "ok"}
    assert list(home.data_dir.glob(".workspaces*.tmp")) == []
    assert connection.call("store.check") == CLEAN


@pytest.mark.requirement("FR-005", "T011", "T015")
@pytest.mark.parametrize("write", [flush, commit])
@pytest.mark.parametrize("deleted", [("primary",), ("snapshot",), ("primary", "snapshot")])
def test_deleted_files_are_made_again(
    shared_home: Home, connection: RawConnection, new_name: NewName, write: Write, deleted: tuple[str, ...]
) -> None:
    connection.create(new_name())
    for name in deleted:
        getattr(shared_home, name).unlink()
    write(connection, new_name())
    assert_whole(shared_home, connection)


def in_place(home: Home, text: bytes) -> None:
    home.primary.write_bytes(text)


def by_rename(home: Home, text: bytes) -> None:
    other = home.root / "edited"
    other.write_bytes(text)
    other.rename(home.primary)


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize("write", [flush, commit])
@pytest.mark.parametrize("edit", [in_place, by_rename])
@pytest.mark.parametrize("valid", [True, False], ids=["valid", "broken"])
def test_an_edited_file_is_kept_in_quarantine_and_written_anew(
    shared_home: Home,
    connection: RawConnection,
    new_name: NewName,
    write: Write,
    edit: Callable[[Home, bytes], None],
    valid: bool,
) -> None:
    connection.create(new_name())
    mine = f"edited for {new_name()}".encode()
    text = shared_home.primary.read_bytes()
    edited = text.replace(b"/srv/code", mine, 1) if valid else text[:-20] + mine
    edit(shared_home, edited)
    write(connection, new_name())
    assert edited in quarantined(shared_home.data_dir).values()
    assert mine not in shared_home.primary.read_bytes()
    assert_whole(shared_home, connection)


def test_the_newest_16_files_are_kept_in_quarantine(
    shared_home: Home, connection: RawConnection, new_name: NewName
) -> None:
    connection.create(new_name())
    edited: list[bytes] = []
    for number in range(20):
        edited.append(shared_home.primary.read_bytes() + b" " * number + b"edited")
        in_place(shared_home, edited[-1])
        connection.call("store.flush")
    assert sorted(quarantined(shared_home.data_dir).values()) == sorted(edited[-16:])


@pytest.mark.requirement("FR-006", "T012")
def test_check_tells_of_the_files_as_they_are_now(
    shared_home: Home, connection: RawConnection, new_name: NewName
) -> None:
    connection.create(new_name())
    for path, name, other in (
        (shared_home.primary, "primary", "snapshot"),
        (shared_home.snapshot, "snapshot", "primary"),
    ):
        sound = path.read_bytes()
        reasons: set[str] = set()
        for damaged in (
            b"",
            sound[:-10],
            sound + b"{",
            b"\xff" + sound,
            sound.replace(b"/srv/code", b"/srv/c0de", 1),
        ):
            path.write_bytes(damaged)
            check = connection.call("store.check")
            assert check[other] == {"corrupted": False}
            assert set(check[name]) == {"corrupted", "reason"}
            assert check[name]["corrupted"] is True
            reasons.add(check[name]["reason"])
        assert len(reasons) >= 4, "empty, incomplete, not UTF-8, checksum: each has a reason of its own"
        assert path.read_bytes() == damaged, "a check changes nothing"
        path.write_bytes(sound)
        assert connection.call("store.check") == CLEAN


@pytest.mark.requirement("T011")
def test_a_data_directory_that_is_gone_is_made_and_locked_again(
    shared_home: Home, shared_daemon: DaemonProcess, connection: RawConnection, new_name: NewName
) -> None:
    connection.create(new_name())
    shutil.rmtree(shared_home.data_dir)
    assert connection.call("daemon.ping") == "pong"
    connection.create(new_name())
    assert_whole(shared_home, connection)
    root = shared_home.root
    other = Home(root, data_dir=shared_home.data_dir, socket=root / "o" / "d.sock")
    ended = DaemonProcess(other).run_to_end()
    assert ended.code == 75
    assert str(shared_daemon.pid) in ended.stderr


@pytest.mark.requirement("T011")
def test_a_data_directory_that_another_daemon_owns_by_now_is_left_to_it(
    home: Home, start: StartDaemon
) -> None:
    start()
    with RawConnection(home.socket) as first:
        kept = first.create("Alpha")
        before = first.revision()
        home.data_dir.rename(home.root / "moved")
        other = home.root / "other" / "d.sock"
        with running_daemon(Home(home.root, data_dir=home.data_dir, socket=other)) as second:
            data = first.refused(2003, "workspace.create", name="Beta", rootPath="/x")
            assert str(second.pid) in data["message"]
            assert first.call("store.getAll") == [kept], "not applied; reads go on"
            assert first.revision() == before
            with RawConnection(other) as theirs:
                assert theirs.call("store.getAll") == []
                assert theirs.create("Theirs")["name"] == "Theirs"
                assert verified(home.primary)["workspaces"] == theirs.call("store.getAll")


if sys.platform == "linux":

    @contextmanager
    def limited(daemon: DaemonProcess, which: int, limit: int) -> Generator[None]:
        """The running daemon with another soft limit."""
        soft, hard = resource.prlimit(daemon.pid, which)
        resource.prlimit(daemon.pid, which, (limit, hard))
        try:
            yield
        finally:
            resource.prlimit(daemon.pid, which, (soft, hard))

    @pytest.mark.requirement("T011", "T014")
    @pytest.mark.parametrize(
        ("which", "limit", "number"),
        [(resource.RLIMIT_FSIZE, 100, errno.EFBIG), (resource.RLIMIT_NOFILE, 3, errno.EMFILE)],
        ids=["no room", "no descriptor"],
    )
    def test_a_write_that_fails_is_not_applied_and_the_next_one_works(
        shared_home: Home,
        shared_daemon: DaemonProcess,
        connection: RawConnection,
        new_name: NewName,
        which: int,
        limit: int,
        number: int,
    ) -> None:
        kept = connection.create(new_name())
        before = connection.call("store.getAll"), connection.revision()
        files = [path.read_bytes() for path in (shared_home.primary, shared_home.snapshot)]
        with limited(shared_daemon, which, limit):
            for method, params in (
                ("workspace.create", {"name": new_name(), "rootPath": "/x"}),
                ("workspace.close", {"id": kept["id"]}),
                ("workspace.delete", {"id": kept["id"]}),
                ("store.apply", {"changes": [{"remove": kept["id"]}]}),
            ):
                data = connection.refused(2003, method, **params)
                assert data["errno"] == number, f"{os.strerror(data['errno'])}: {data['message']}"
                assert (connection.call("store.getAll"), connection.revision()) == before
            assert [path.read_bytes() for path in (shared_home.primary, shared_home.snapshot)] == files
            assert list(shared_home.data_dir.glob(".workspaces*.tmp")) == []
        closed = connection.call("workspace.close", id=kept["id"])
        assert closed["revision"] > before[1]
        assert_whole(shared_home, connection)
