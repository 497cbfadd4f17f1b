"""What stands in a file's place and is no file, or can't be read: nothing is touched, and it is told at once."""

import errno
import os
import socket
import stat
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from faults.full_store import VERSION_2
from support.samples import workspace
from workspaced.store import JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.lock import LockHeld
from workspaced_protocol.datadir import LOCK, PRIMARY, SNAPSHOT

pytestmark = pytest.mark.requirement("FR-006", "T012")

GIGABYTE: Final = 1024**3
NAMES = pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT])


def directory(path: Path) -> None:
    path.mkdir()


def full_directory(path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("mine")


def link_to_a_sound_file(path: Path) -> None:
    (path.parent / "elsewhere.json").write_bytes(VERSION_2)
    path.symlink_to("elsewhere.json")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere.json")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        # By a short name: a socket's path has about 100 bytes at most (unix(7)).
        here = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}" if Path("/proc/self/fd").exists() else str(path))
        finally:
            os.close(here)


def sparse_file(path: Path) -> None:
    path.touch()
    os.truncate(path, GIGABYTE)


UNUSUAL = pytest.mark.parametrize(
    "make",
    [
        directory,
        full_directory,
        link_to_a_sound_file,
        link_to_nothing,
        link_to_itself,
        fifo,
        unix_socket,
        sparse_file,
    ],
    ids=lambda make: make.__name__,
)


def listing(data_dir: Path) -> dict[str, tuple[int, int, int, bytes | str | None]]:
    """Kind and mode, inode, size and content of all there is; less the lock file."""
    found: dict[str, tuple[int, int, int, bytes | str | None]] = {}
    for path in data_dir.rglob("*"):
        if path.name == LOCK:
            continue
        status = path.lstat()
        content: bytes | str | None = None
        if stat.S_ISLNK(status.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(status.st_mode) and status.st_size < GIGABYTE:
            content = path.read_bytes()
        found[str(path.relative_to(data_dir))] = (status.st_mode, status.st_ino, status.st_size, content)
    return found


@NAMES
@UNUSUAL
@pytest.mark.parametrize("other", [VERSION_2, b"damaged", None], ids=["sound", "damaged", "missing"])
def test_a_start_touches_nothing_and_tells_what_is_there(
    tmp_path: Path, name: str, make: Callable[[Path], None], other: bytes | None
) -> None:
    make(tmp_path / name)
    if other is not None:
        (tmp_path / (SNAPSHOT if name == PRIMARY else PRIMARY)).write_bytes(other)
    (tmp_path / ".workspaces-1.tmp").write_text("left")
    before = listing(tmp_path)
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(StoreUnusable) as refused:
            create_json_store(tmp_path)
        assert time.monotonic() - began < 5
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    finally:
        tracemalloc.stop()
    assert str(tmp_path / name) in refused.value.message
    assert refused.value.message.endswith(".")
    assert listing(tmp_path) == before


class UnreadableDisk(Disk):
    """A disk on which one file can't be read."""

    def __init__(self, name: str, operation: str, number: int) -> None:
        self._name, self._operation, self._number = name, operation, number
        self._fd = -1

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        if path == self._name and self._operation == "open":
            raise OSError(self._number, os.strerror(self._number))
        fd = super().open(path, flags, mode, dir_fd)
        self._fd = fd if path == self._name else self._fd
        return fd

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        if fd == self._fd and self._operation == "read":
            raise OSError(self._number, os.strerror(self._number))
        return super().read_at(fd, count, offset)

    def stat_open(self, fd: int) -> os.stat_result:
        if fd == self._fd and self._operation == "stat":
            raise OSError(self._number, os.strerror(self._number))
        return super().stat_open(fd)


@NAMES
@pytest.mark.parametrize("other", [VERSION_2, b"damaged"], ids=["sound", "damaged"])
@pytest.mark.parametrize(
    ("operation", "number"),
    [
        ("open", errno.EACCES),
        ("open", errno.EPERM),
        ("open", errno.EIO),
        ("open", errno.EMFILE),
        ("read", errno.EIO),
        ("stat", errno.EIO),
    ],
)
def test_a_file_that_can_not_be_read_is_no_damaged_file(
    tmp_path: Path, name: str, other: bytes, operation: str, number: int
) -> None:
    (tmp_path / name).write_bytes(VERSION_2)
    (tmp_path / (SNAPSHOT if name == PRIMARY else PRIMARY)).write_bytes(other)
    before = listing(tmp_path)
    with pytest.raises(StoreUnusable, match=os.strerror(number)) as refused:
        JsonWorkspaceStore(tmp_path, disk=UnreadableDisk(name, operation, number))
    assert str(tmp_path / name) in refused.value.message
    assert listing(tmp_path) == before


@NAMES
@UNUSUAL
def test_a_commit_is_refused_and_goes_on_once_it_is_gone(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    with closing(create_json_store(tmp_path)) as store:
        saved = store.save(workspace(1))
        (tmp_path / name).unlink()
        make(tmp_path / name)
        before = listing(tmp_path)
        with pytest.raises(StorageFailure) as refused:
            store.save(workspace(2))
        assert str(tmp_path / name) in refused.value.message
        assert store.get_all() == [saved]
        assert listing(tmp_path) == before
        (tmp_path / name).rename(tmp_path / "moved away")
        second = store.save(workspace(2))
    with closing(create_json_store(tmp_path)) as store:
        assert store.get_all() == [saved, second]


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"pid":1,"socket":"\xff"}', b"\xff\xfe", b'{"pid":"me"}', b"[" * 9000]
)
def test_a_damaged_lock_file_still_tells_that_another_owns_the_directory(tmp_path: Path, text: bytes) -> None:
    with closing(create_json_store(tmp_path)):
        (tmp_path / LOCK).write_bytes(text)
        with pytest.raises(LockHeld, match=r"(?i)another daemon owns"):
            create_json_store(tmp_path)
    create_json_store(tmp_path).close()
