"""The socket: who can reach it, what it may replace, and what is left when it is closed."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from support.logs import EventDict
from workspaced.rpc.listener import SocketListener, bind
from workspaced.rpc.socket_file import SocketUnusable


@pytest.fixture
def path(socket_dir: Path) -> Path:
    """Where to listen: in a directory that is not there yet."""
    return socket_dir / "workspaced" / "workspaced.sock"


def close(listener: SocketListener) -> None:
    """Closes it in a run of its own: trio tells the tasks that wait for the socket."""

    async def run() -> None:
        listener.close()

    trio.run(run)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_socket_and_its_directory_are_the_users_alone(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        listener = bind(path)
        assert os.umask(umask) == umask  # it was only set while binding
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    close(listener)


def test_the_daemons_own_directory_is_made_private(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    close(bind(path))
    assert mode(path.parent) == 0o700


def test_a_directory_that_the_user_chose_stays_as_it_is(socket_dir: Path) -> None:
    socket_dir.chmod(0o755)
    path = socket_dir / "x.sock"
    listener = bind(path)
    assert mode(socket_dir) == 0o755
    assert mode(path) == 0o600
    close(listener)


def test_a_directory_that_is_made_is_private_whatever_its_name(socket_dir: Path) -> None:
    path = socket_dir / "mine" / "x.sock"
    close(bind(path))
    assert mode(path.parent) == 0o700


def test_the_umask_is_restored_when_binding_fails(socket_dir: Path) -> None:
    before = os.umask(0o027)
    try:
        with pytest.raises(SocketUnusable):
            bind(socket_dir / ("x" * 200))
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_a_dead_daemons_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    path.chmod(0o777)
    listener = bind(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert mode(path) == 0o600
    close(listener)
    assert not path.exists()


def test_a_socket_that_somebody_listens_on_is_left_alone(path: Path) -> None:
    listener = bind(path)
    before = path.lstat()
    with pytest.raises(SocketUnusable) as refused:
        bind(path)
    assert "Another program listens" in str(refused.value)
    assert str(path) in str(refused.value)
    assert "--socket" in str(refused.value)
    assert path.lstat().st_ino == before.st_ino
    close(listener)


def test_a_socket_whose_listener_is_busy_is_left_alone(path: Path) -> None:
    """connect(2) gives EAGAIN where the backlog is full: somebody is there."""
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(SocketUnusable) as refused:
            bind(path)
        assert "Another program listens" in str(refused.value)
        assert path.is_socket()


def make_file(path: Path) -> None:
    path.write_text("precious")


def make_directory(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("precious")


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [make_file, make_directory, make_link, make_fifo])
def test_what_is_no_socket_is_left_alone(path: Path, make: Callable[[Path], None]) -> None:
    path.parent.mkdir()
    make(path)
    before = path.lstat()
    with pytest.raises(SocketUnusable) as refused:
        bind(path)
    assert f"{path} exists and is not a socket" in str(refused.value)
    assert path.lstat() == before


def test_a_directory_that_can_not_be_made_is_told(socket_dir: Path) -> None:
    (socket_dir / "file").write_text("")
    path = socket_dir / "file" / "workspaced" / "x.sock"
    with pytest.raises(SocketUnusable) as refused:
        bind(path)
    assert str(path) in str(refused.value)
    assert "Not a directory" in str(refused.value)


def test_close_removes_the_socket_and_a_second_close_is_no_error(path: Path, logged: list[EventDict]) -> None:
    listener = bind(path)
    close(listener)
    assert not path.exists()
    close(listener)
    assert logged == []


def test_close_leaves_the_socket_of_another(path: Path) -> None:
    mine = bind(path)
    path.unlink()
    other = bind(path)
    close(mine)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    close(other)
    assert not path.exists()


def test_close_tells_of_a_socket_that_can_not_be_removed(
    path: Path, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = bind(path)

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    close(listener)
    monkeypatch.undo()
    assert [(entry["log_level"], entry["path"]) for entry in logged] == [("warning", str(path))]
