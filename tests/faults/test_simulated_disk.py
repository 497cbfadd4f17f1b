"""The simulated disk itself: it behaves like a real one, and forgets what was not synced."""

import errno
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from faults.simulated_disk import SimulatedDisk
from faults.simulated_faults import Fault, Killed, PowerLoss
from faults.simulated_nodes import Tree
from workspaced.store.disk import Disk

CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL

OPERATIONS: Final = [
    *["create", "open", "open-lock", "open-directory", "open-directory", "close", "close", "lock"],
    *["write", "write", "read", "sync", "truncate", "rename", "rename", "unlink", "rmdir", "mkdir"],
    *["stat", "stat_in", "stat_open", "list"],
]
"""Each as often as it takes for all states to come up."""

Call = tuple[str, int, str, str, int]
"""An operation, which of the open descriptors, two names and a number."""


class Player:
    """Makes calls on a disk, and tells of each what a caller sees; inode numbers and times are told as changes."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self._open = [disk.open(root, os.O_RDONLY | os.O_DIRECTORY)]
        self._kinds = [True]

    def close(self) -> None:
        for fd in self._open:
            self._disk.close(fd)

    def play(self, call: Call) -> object:
        operation, which, name, other, number = call
        place = which % len(self._open)
        fd = self._open[place]
        if operation in ("write", "read", "truncate", "lock") and self._kinds[place]:
            return "not for directories"
        if (
            operation not in ("write", "read", "truncate", "lock", "sync", "close", "stat_open")
            and not self._kinds[place]
        ):
            return "for directories only"
        if operation == "close" and place == 0:
            return "the first stays"
        try:
            return self._call(operation, place, fd, name, other, number)
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    def _call(self, operation: str, place: int, fd: int, name: str, other: str, number: int) -> object:
        disk = self._disk
        flags = {
            "create": CREATE,
            "open": os.O_RDONLY | os.O_NONBLOCK,
            "open-lock": os.O_RDWR | os.O_CREAT,
            "open-directory": os.O_RDONLY | os.O_DIRECTORY,
        }
        simple: dict[str, Callable[[], object]] = {
            "read": lambda: disk.read_at(fd, number, number % 3),
            "sync": lambda: disk.sync(fd),
            "rename": lambda: disk.rename(name, other, fd),
            "unlink": lambda: disk.unlink(name, fd),
            "rmdir": lambda: disk.remove_directory(name, fd),
            "mkdir": lambda: disk.make_directory(name, 0o700, fd),
            "stat": lambda: _told(disk.stat(f"{self._root}/{name}")),
            "stat_in": lambda: _told(disk.stat_in(name, fd)),
            "stat_open": lambda: _told(disk.stat_open(fd)),
            "list": lambda: sorted(disk.list_names(fd)),
            "lock": lambda: disk.try_lock(fd),
            # A file open for reading refuses these; the store never tries.
            "write": lambda: disk.write(fd, memoryview(name.encode() * number)),
            "truncate": lambda: disk.truncate(fd, number),
        }
        if operation in flags:
            opened = disk.open(name, flags[operation], 0o600, fd)
            is_directory = _told(disk.stat_open(opened))[0]
            if operation == "open" and not is_directory:
                # Only for reading: the simulated disk does not tell that from the others.
                disk.close(opened)
                return "opened for reading"
            self._open.append(opened)
            self._kinds.append(is_directory)
            return is_directory
        if operation == "close":
            disk.close(self._open.pop(place))
            return self._kinds.pop(place)
        return simple[operation]()


def _told(status: os.stat_result) -> tuple[bool, int]:
    is_directory = status.st_mode & 0o170000 == 0o040000
    return is_directory, 0 if is_directory else status.st_size


@pytest.mark.skipif(sys.platform != "linux", reason="it gives Linux's errors: macOS has others")
@pytest.mark.parametrize("seed", range(20))
def test_it_behaves_like_a_real_disk(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    real, simulated = Player(Disk(), str(tmp_path)), Player(SimulatedDisk((("root", ()),)), "/root")
    try:
        for _ in range(600):
            names = chance.choices("abc", k=2)
            call = (chance.choice(OPERATIONS), chance.randrange(8), names[0], names[1], chance.randrange(9))
            assert real.play(call) == simulated.play(call), call
    finally:
        real.close()


def test_inodes_tell_files_apart_and_follow_a_rename() -> None:
    disk = SimulatedDisk((("d", (("a", b"1"), ("b", b"22"))),))
    fd = disk.open("/d", os.O_RDONLY | os.O_DIRECTORY)
    a, b = disk.stat_in("a", fd), disk.stat_in("b", fd)
    assert a.st_ino != b.st_ino
    disk.rename("a", "b", fd)
    after = disk.stat_in("b", fd)
    assert (after.st_ino, after.st_mtime_ns) == (a.st_ino, a.st_mtime_ns)
    new = disk.open("c", CREATE, dir_fd=fd)
    assert disk.stat_open(new).st_ino == b.st_ino, "a free number is given out again"
    before = disk.stat_open(new).st_mtime_ns
    disk.write(new, memoryview(b"x"))
    assert disk.stat_open(new).st_mtime_ns > before


def started(tree: Tree = (("d", ()),)) -> tuple[SimulatedDisk, int]:
    disk = SimulatedDisk(tree)
    return disk, disk.open("/d", os.O_RDONLY | os.O_DIRECTORY)


def below(disk: SimulatedDisk) -> set[Tree]:
    """What may be left in the one directory after a power loss."""
    left: set[Tree] = set()
    for tree in disk.survivors():
        ((_, content),) = tree
        assert not isinstance(content, bytes)
        left.add(content)
    return left


def test_data_and_entry_of_a_new_file_each_need_their_own_sync() -> None:
    disk, fd = started()
    file = disk.open("a", CREATE, dir_fd=fd)
    disk.write(file, memoryview(b"data"))
    assert below(disk) == {(), (("a", b""),), (("a", b"\0\0\0\0"),), (("a", b"data"),)}
    disk.sync(file)
    assert below(disk) == {(), (("a", b"data"),)}
    disk.sync(fd)
    assert below(disk) == {(("a", b"data"),)}


def test_more_than_a_sector_may_be_torn_or_garbage() -> None:
    disk, fd = started()
    file = disk.open("a", CREATE, dir_fd=fd)
    disk.sync(fd)
    disk.write(file, memoryview(b"x" * 600))
    assert below(disk) == {
        (("a", data),) for data in (b"", b"x" * 300, b"x" * 600, bytes(600), b"\xa5" * 600)
    }


def test_changes_of_entries_may_be_saved_in_any_combination() -> None:
    disk, fd = started((("d", (("a", b"old a"), ("b", b"old b"), ("c", b"new a"), ("d", b"new b"))),))
    disk.rename("c", "a", fd)
    disk.rename("d", "b", fd)
    disk.make_directory("e", 0o700, fd)
    a = [(("a", b"old a"), ("c", b"new a")), (("a", b"new a"),)]
    b = [(("b", b"old b"), ("d", b"new b")), (("b", b"new b"),)]
    e: list[Tree] = [(), (("e", ()),)]
    assert below(disk) == {tuple(sorted((*x, *y, *z))) for x in a for y in b for z in e}


def test_a_rename_may_be_saved_before_the_file_it_leads_to() -> None:
    disk, fd = started((("d", (("a", b"old"),)),))
    file = disk.open("t", CREATE, dir_fd=fd)
    disk.write(file, memoryview(b"new"))
    disk.rename("t", "a", fd)
    disk.sync(fd)
    assert below(disk) == {(("a", b""),), (("a", b"\0\0\0"),), (("a", b"new"),)}


def test_what_a_failed_sync_lost_no_later_one_saves() -> None:
    disk, fd = started()
    file = disk.open("a", CREATE, dir_fd=fd)
    disk.write(file, memoryview(b"data"))
    disk.arm(Fault("error", 1, errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        disk.sync(file)
    with pytest.raises(AssertionError, match="synced again"):
        disk.sync(file)
    disk.sync(disk.open("a", os.O_RDONLY, dir_fd=fd))
    disk.sync(fd)
    assert below(disk) == {(("a", b""),), (("a", b"\0\0\0\0"),), (("a", b"data"),)}
    assert disk.visible() == (("d", (("a", b"data"),)),), "readers see nothing of it"


def test_an_entry_that_a_failed_sync_lost_is_saved_by_being_made_anew() -> None:
    disk, fd = started()
    disk.make_directory("e", 0o700, fd)
    disk.arm(Fault("error", 1, errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        disk.sync(fd)
    other = disk.open("/d", os.O_RDONLY | os.O_DIRECTORY)
    disk.sync(other)
    assert below(disk) == {(), (("e", ()),)}
    disk.remove_directory("e", other)
    disk.make_directory("e", 0o700, other)
    disk.sync(other)
    assert below(disk) == {(("e", ()),)}


def test_after_a_power_loss_nothing_more_reaches_the_disk() -> None:
    disk, fd = started()
    disk.arm(Fault("power loss", 2))
    disk.make_directory("a", 0o700, fd)
    for _ in range(2):
        with pytest.raises(PowerLoss):
            disk.sync(fd)
    with pytest.raises(PowerLoss):
        disk.close(fd)
    assert below(disk) == {(), (("a", ()),)}


def test_a_killed_process_leaves_what_it_wrote_and_gives_up_its_locks() -> None:
    disk, fd = started()
    lock = disk.open("l", os.O_RDWR | os.O_CREAT, dir_fd=fd)
    assert disk.try_lock(lock)
    disk.arm(Fault("kill", 1))
    with pytest.raises(Killed):
        disk.sync(fd)
    disk.end_process()
    assert disk.open_descriptors == 0
    assert disk.visible() == (("d", (("l", b""),)),)
    assert below(disk) == {(), (("l", b""),)}
    fd = disk.open("/d", os.O_RDONLY | os.O_DIRECTORY)
    assert disk.try_lock(disk.open("l", os.O_RDWR, dir_fd=fd))


def test_writes_may_be_short_or_lie() -> None:
    disk, fd = started()
    file = disk.open("a", CREATE, dir_fd=fd)
    disk.arm(Fault("short write", 1))
    assert disk.write(file, memoryview(b"12345678")) == 4
    disk.arm(Fault("lying write", 1))
    assert disk.write(file, memoryview(b"5678")) == 4
    assert disk.read_at(file, 99, 0) == b"123456" + bytes([ord("7") ^ 1]) + b"8"


def test_an_error_lasts_where_it_is_legal() -> None:
    disk, fd = started()
    disk.arm(Fault("error", 2, errno.ENOSPC, lasts=True))
    disk.make_directory("a", 0o700, fd)
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            disk.make_directory("b", 0o700, fd)
    disk.remove_directory("a", fd)
    assert disk.list_names(fd) == []
