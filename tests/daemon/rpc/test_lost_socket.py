"""The path of the socket while the daemon runs: wiped, replaced, moved, or taken by another program."""

import os
import shutil
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from support.logs import capture_logs
from support.waiting import until
from workspaced.rpc.listener import SocketListener, adopt, bind
from workspaced.service.requests import Caller

LOOK_SECONDS = 5.0  # somewhat more than the pause between two looks at the path


@pytest.fixture
def path(socket_dir: Path) -> Path:
    return socket_dir / "workspaced" / "workspaced.sock"


async def greet(connected: trio.socket.SocketType, _: Caller) -> None:
    with connected, suppress(BrokenPipeError):
        await connected.send(b"hello")
        await connected.recv(1)


async def serve(nursery: trio.Nursery, listener: SocketListener) -> Callable[[], None]:
    """Serve clients, and return the function that ends it."""
    accepting = await nursery.start(listener.accept_into, nursery, greet)
    nursery.start_soon(listener.keep_path)

    def end() -> None:
        accepting.cancel()
        listener.close()

    return end


async def time_passes_until(clock: MockClock, condition: Callable[[], bool]) -> None:
    """Let one pause after the other pass: a look at the path takes a thread, which the clock does not wait for."""

    def passed() -> bool:
        clock.jump(LOOK_SECONDS)
        return condition()

    await until(passed)


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


async def is_greeted(path: Path) -> bool:
    with trio.socket.socket(socket.AF_UNIX) as client:
        await client.connect(str(path))
        return await client.recv(5) == b"hello"


def wiped(path: Path) -> None:
    shutil.rmtree(path.parent)


def removed(path: Path) -> None:
    path.unlink()


def moved_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def another_file(path: Path) -> None:
    path.unlink()
    path.write_text("mine")


def another_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def dead_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def link_to_moved(path: Path) -> None:
    path.rename(path.with_name("really"))
    path.symlink_to("really")


# In functions of their own: the linter warns of these calls in a task.


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def inode(path: Path) -> int:
    return path.lstat().st_ino


def is_there(path: Path) -> bool:
    return path.exists()


def is_link(path: Path) -> bool:
    return path.is_symlink()


def rename(path: Path, new: Path) -> None:
    path.rename(new)


def make_directory(path: Path) -> None:
    path.parent.mkdir()


def moved_files(path: Path) -> list[str]:
    return [each.read_text() for each in path.parent.glob("*.moved")]


@pytest.mark.parametrize(
    "harm",
    [wiped, removed, moved_directory, another_file, another_directory, dangling_link, dead_socket],
)
async def test_it_listens_again_where_its_path_does_not_lead_to_it(
    nursery: trio.Nursery, mock_clock: MockClock, path: Path, harm: Callable[[Path], None]
) -> None:
    listener = bind(path)
    end = await serve(nursery, listener)
    with trio.socket.socket(socket.AF_UNIX) as early:
        await early.connect(str(path))
        assert await early.recv(5) == b"hello"
        harm(path)
        with capture_logs() as told:
            await time_passes_until(
                mock_clock, lambda: any("listens there again" in line["event"] for line in told)
            )
        assert await is_greeted(path)
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)
        assert early.fileno() > 0
        await early.send(b"!")
        assert await early.recv(5) == b""  # served to its end
    if harm is another_file:
        assert moved_files(path) == ["mine"]
    end()
    assert not is_there(path)


async def test_a_link_to_its_socket_leads_to_it(
    nursery: trio.Nursery, mock_clock: MockClock, path: Path
) -> None:
    listener = bind(path)
    end = await serve(nursery, listener)
    link_to_moved(path)
    with capture_logs() as told:
        for _ in range(3):
            mock_clock.jump(LOOK_SECONDS)
            assert await is_greeted(path)
    assert told == []
    assert is_link(path)
    end()


async def test_the_live_socket_of_another_is_never_taken(
    nursery: trio.Nursery, mock_clock: MockClock, path: Path
) -> None:
    listener = bind(path)
    end = await serve(nursery, listener)
    removed(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        theirs = inode(path)
        with capture_logs() as told:
            await time_passes_until(mock_clock, lambda: bool(told))
            looks = iter(range(100))
            await time_passes_until(mock_clock, lambda: next(looks) == 99)
        (line,) = told
        assert "Another program listens" in line["reason"]
        assert inode(path) == theirs
    await time_passes_until(mock_clock, lambda: answers(path))  # the other has ended
    assert await is_greeted(path)
    end()


async def test_a_socket_that_was_passed_is_told_and_not_bound(
    nursery: trio.Nursery, mock_clock: MockClock, path: Path
) -> None:
    make_directory(path)
    passed = socket.socket(socket.AF_UNIX)
    passed.bind(str(path))
    passed.listen()
    listener = adopt(passed)
    end = await serve(nursery, listener)
    away = path.with_name("away")
    rename(path, away)
    with capture_logs() as told:
        await time_passes_until(mock_clock, lambda: bool(told))
        assert not is_there(path)
        rename(away, path)
        await time_passes_until(mock_clock, lambda: len(told) == 2)
    assert "only the service manager can bind it again" in told[0]["reason"]
    assert "leads to this daemon again" in told[1]["event"]
    end()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a directory without permission")
async def test_a_directory_that_can_not_be_made_is_told_once_and_tried_again(
    nursery: trio.Nursery, mock_clock: MockClock, path: Path
) -> None:
    listener = bind(path)
    end = await serve(nursery, listener)
    wiped(path)
    os.chmod(path.parent.parent, 0o500)
    with capture_logs() as told:
        await time_passes_until(mock_clock, lambda: bool(told))
        os.chmod(path.parent.parent, 0o700)
        await time_passes_until(mock_clock, lambda: answers(path))
    assert "can't be bound" in told[0]["reason"]
    end()
