"""The store in JSON files: what lasts, what opening it does, and what a refused write leaves."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from msgspec import structs

from support.documents import PRIMARY, SNAPSHOT, STORE_ID, files_below, store_files
from support.logs import capture_logs
from support.obstacles import FullDisk, RefusingDisk, UnreadableDisk, a_socket, dangling_link, directory, link
from support.samples import fifty_by_ten, less_revision, workspace
from workspaced.domain.errors import InvalidField
from workspaced.domain.state import State
from workspaced.store import JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.disk import Disk
from workspaced.store.document import encode_document
from workspaced.store.lock import LockHeld
from workspaced_protocol.datadir import LOCK
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.models import Workspace

pytestmark = pytest.mark.requirement("FR-005")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


# What lasts


@pytest.mark.requirement("T011")
def test_a_fresh_install_is_empty(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        assert store.get_all() == []
        assert store.state.revision == 0
        assert store.recovery.outcome == "fresh"
        assert store.recovery.acknowledged
        assert store.warnings == []


@pytest.mark.requirement("T011")
def test_fifty_workspaces_of_ten_projects_last(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        for one in fifty_by_ten():
            store.save(one)
        before, revision = store.get_all(), store.state.revision
    with closing(create_json_store(data_dir)) as store:
        assert store.get_all() == before
        assert less_revision(before) == fifty_by_ten()
        assert store.state.revision == revision == 50
        assert (store.recovery.outcome, store.warnings) == ("clean", [])
        assert store.get_by_name(fifty_by_ten()[7].name) == before[7]
        assert store.save(workspace(1)).revision == 51


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (structs.replace(workspace(2), created_at=-1), "workspace.createdAt"),
        (structs.replace(workspace(2), updated_at=2**53), "workspace.updatedAt"),
        (workspace(2, name="lone surrogate \ud800"), "workspace"),
    ],
    ids=["a time before 1970", "a time past 2**53", "name"],
)
def test_what_could_not_be_read_again_is_refused(data_dir: Path, wrong: Workspace, path: str) -> None:
    with closing(create_json_store(data_dir)) as store:
        saved = store.save(workspace(1))
        with pytest.raises(InvalidField, match=r"^The workspace can't be stored: ") as caught:
            store.save(wrong)
        assert caught.value.data == {"path": path}
        assert store.get_all() == [saved]
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "clean"
        assert store.get_by_id("ws_01") == saved


def test_a_revision_that_could_not_be_read_again_is_not_reached(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / PRIMARY).write_bytes(
        encode_document(State.of([workspace(1)], MAX_SAFE_INTEGER, store_id=STORE_ID))
    )
    with closing(create_json_store(data_dir)) as store:
        files = files_below(data_dir)
        with pytest.raises(
            StorageFailure, match="revision can't rise above 9,007,199,254,740,991"
        ) as refused:
            store.save(workspace(2))
        assert refused.value.errno == errno.EOVERFLOW
        assert files_below(data_dir) == files
    with closing(create_json_store(data_dir)) as store:
        assert less_revision(store.get_all()) == [workspace(1)]


def test_a_clean_start_writes_nothing(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
    inodes = [(data_dir / name).stat().st_ino for name in (PRIMARY, SNAPSHOT)]
    create_json_store(data_dir).close()
    assert [(data_dir / name).stat().st_ino for name in (PRIMARY, SNAPSHOT)] == inodes


def test_a_remove_of_an_unknown_id_writes_nothing(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        inodes = [(data_dir / name).stat().st_ino for name in (PRIMARY, SNAPSHOT)]
        store.remove("ws_99")
        assert [(data_dir / name).stat().st_ino for name in (PRIMARY, SNAPSHOT)] == inodes


# Opening


@pytest.mark.requirement("T011")
def test_the_data_directory_is_made_with_all_above_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "a" / "日本語 dir" / "c"
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
    assert (data_dir / PRIMARY).is_file()


def test_a_link_to_a_directory_serves_as_data_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with closing(create_json_store(tmp_path / "link")) as store:
        store.save(workspace(1))
        store.save(workspace(2))
    assert (tmp_path / "real" / PRIMARY).is_file()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("below", ["", "data", "a/b"])
def test_a_file_in_the_data_directorys_place_is_told_and_left(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(StoreUnusable) as refused:
        create_json_store(tmp_path / "file" / below)
    assert str(tmp_path / "file" / below) in refused.value.message
    assert "is not a directory" in refused.value.message
    assert "--data-dir" in refused.value.message
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_data_directory_that_can_not_be_written_is_told(data_dir: Path, error: int) -> None:
    with pytest.raises(StoreUnusable) as refused:
        JsonWorkspaceStore(data_dir, disk=RefusingDisk(os.O_CREAT, error))
    assert str(data_dir) in refused.value.message
    assert os.strerror(error) in refused.value.message
    assert "--data-dir" in refused.value.message


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has a /proc in which nobody can make a directory"
)
def test_a_data_directory_that_can_not_be_made_is_told() -> None:
    with pytest.raises(StoreUnusable) as refused:
        create_json_store(Path("/proc/workspaced/data"))
    assert "/proc/workspaced/data" in refused.value.message
    assert "--data-dir" in refused.value.message


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize(
    ("put", "said"),
    [
        (directory, "is not a regular file"),
        (link, "is a symbolic link"),
        (dangling_link, "is a symbolic link"),
        (os.mkfifo, "is not a regular file"),
        (a_socket, "is not a regular file"),
    ],
)
@pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT, LOCK])
def test_what_is_no_file_in_a_files_place_stops_the_start(
    data_dir: Path, name: str, put: Callable[[Path], None], said: str
) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
    (data_dir / LOCK).unlink()
    (data_dir / name).unlink(missing_ok=True)
    put(data_dir / name)
    if name != LOCK:
        (data_dir / LOCK).touch()
    (data_dir / ".workspaces-left.tmp").write_text("left over")
    before = files_below(data_dir)
    with pytest.raises(StoreUnusable) as refused:
        create_json_store(data_dir)
    assert f"{data_dir / name} {said}" in refused.value.message
    assert files_below(data_dir) == before


@pytest.mark.requirement("FR-006")
def test_a_file_that_can_not_be_read_stops_the_start(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
    before = files_below(data_dir)
    for disk in (UnreadableDisk(), RefusingDisk(os.O_NONBLOCK, errno.EACCES)):
        with pytest.raises(StoreUnusable) as refused:
            JsonWorkspaceStore(data_dir, disk=disk)
        assert str(data_dir / PRIMARY) in refused.value.message
    assert files_below(data_dir) == before


@pytest.mark.requirement("T014")
def test_a_store_of_a_newer_release_is_never_touched_and_not_kept_locked(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / PRIMARY).write_text('{"version":4,"data":"of which nothing is known"}')
    (data_dir / ".workspaces-1.tmp").write_text("")
    before = files_below(data_dir)
    for _ in range(2):  # a lock that were kept would refuse the second
        with pytest.raises(WrittenByNewerRelease) as refused:
            create_json_store(data_dir)
        assert str(data_dir) in refused.value.message
        assert "version 4" in refused.value.message
    assert files_below(data_dir) == before


def test_what_a_killed_daemon_left_is_removed_and_nothing_else(data_dir: Path) -> None:
    (data_dir / "backups").mkdir(parents=True)
    others = ["workspaces.txt", ".workspaces", "a.workspaces-1.tmp", "other.tmp", "backups/.workspaces-1.tmp"]
    for name in [*others, ".workspaces-0123456789abcdef.tmp", ".workspaces.tmp"]:
        (data_dir / name).write_text("x")
    create_json_store(data_dir).close()
    assert sorted(files_below(data_dir)) == sorted(others)


def test_left_overs_stay_while_another_holds_the_lock(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)):
        (data_dir / ".workspaces-1.tmp").write_text("a commit under way")
        with pytest.raises(LockHeld):
            create_json_store(data_dir)
        assert (data_dir / ".workspaces-1.tmp").exists()


# A full disk


@pytest.mark.requirement("T011")
@pytest.mark.parametrize("room_bytes", [0, 1, 250, 600])
def test_a_disk_that_is_full_leaves_what_was_there_and_nothing_else(data_dir: Path, room_bytes: int) -> None:
    disk = FullDisk()
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        saved = store.save(workspace(1, root_path="/" + "x" * 100))
        before = store_files(data_dir)
        disk.room_bytes = room_bytes
        with pytest.raises(StorageFailure, match=r"No space left on device; free some space") as refused:
            store.save(workspace(2))
        assert refused.value.errno == errno.ENOSPC
        assert str(data_dir / PRIMARY) in refused.value.message
        assert store.get_all() == [saved]
        assert store_files(data_dir) == before
        disk.room_bytes = None
        store.save(workspace(2))
        assert [one.id for one in store.get_all()] == ["ws_01", "ws_02"]


@pytest.mark.requirement("T011")
@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "read-only"),
        (errno.EMFILE, os.strerror(errno.EMFILE)),
    ],
)
def test_a_write_that_the_disk_refuses_changes_nothing(data_dir: Path, error: int, advice: str) -> None:
    disk = RefusingDisk(os.O_CREAT)
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        saved = store.save(workspace(1))
        before = store_files(data_dir)
        disk.error = error
        for write in (lambda: store.save(workspace(2)), lambda: store.remove("ws_01"), store.flush):
            with pytest.raises(StorageFailure) as refused:
                write()
            assert refused.value.errno == error
            assert str(data_dir / PRIMARY) in refused.value.message
            assert advice in refused.value.message
        assert store.get_all() == [saved]
        assert store_files(data_dir) == before
        disk.error = None
        store.save(workspace(2))
        assert [one.id for one in store.get_all()] == ["ws_01", "ws_02"]


class WatchedDisk(Disk):
    """Remembers what it was asked, and refuses to rename over an open file where it is told to."""

    def __init__(self, refusal: int | None = None) -> None:
        self.calls: list[str] = []
        self._refusal = refusal
        self._created: set[int] = set()

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        fd = super().open(path, flags, mode, dir_fd)
        if flags & os.O_EXCL:
            self._created.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self.calls.append("close")
        self._created.discard(fd)
        super().close(fd)

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        self.calls.append("read")
        return super().read_at(fd, count, offset)

    def start_writeback(self, fd: int) -> None:
        self.calls.append("start writeback")
        super().start_writeback(fd)

    def sync(self, fd: int) -> None:
        self.calls.append("sync")
        super().sync(fd)

    def rename(self, source: str, target: str, dir_fd: int) -> None:
        open_inodes = {os.fstat(fd).st_ino for fd in self._created}
        with suppress(FileNotFoundError):
            if self._refusal and os.stat(target, dir_fd=dir_fd).st_ino in open_inodes:
                raise OSError(self._refusal, os.strerror(self._refusal))
        super().rename(source, target, dir_fd)


def test_what_a_commit_replaces_is_given_up_after_it_and_not_on_the_way(data_dir: Path) -> None:
    disk = WatchedDisk()
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        store.save(workspace(1))
        disk.calls.clear()
        store.save(workspace(2))
        assert "close" not in disk.calls
        assert disk.calls.index("read") < disk.calls.index("start writeback") < disk.calls.index("sync")
        disk.calls.clear()
        store.tidy()
        assert disk.calls == ["close", "close"]
        store.tidy()
        assert disk.calls == ["close", "close"]


def test_without_tidying_no_more_is_held_than_one_commit_leaves(data_dir: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    store = create_json_store(data_dir)
    for number in range(20):
        store.save(workspace(number))
    assert (
        len(os.listdir("/dev/fd")) - before <= 7
    )  # the directory, the lock, the history, the files, and those before them
    store.close()
    assert len(os.listdir("/dev/fd")) <= before


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EBUSY, errno.ETXTBSY])
def test_a_file_system_that_renames_over_no_open_file_takes_commits_all_the_same(
    data_dir: Path, refusal: int
) -> None:
    with closing(JsonWorkspaceStore(data_dir, disk=WatchedDisk(refusal))) as store:
        for number in range(3):
            store.save(workspace(number))
            store.tidy()
    with closing(create_json_store(data_dir)) as store:
        assert len(store.get_all()) == 3


def test_a_store_that_grows_large_tells_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaced.store.json.json_store.MANY_WORKSPACES", 2)
    with closing(create_json_store(tmp_path)) as store, capture_logs() as logs:
        for number in range(5):
            store.save(workspace(number))
            store.tidy()
            told = [entry["event"] for entry in logs]
            assert len(told) == (number >= 2)
        assert "holds 3 workspaces" in told[0]
        assert "workspaced migrate --to sqlite" in told[0]
    with closing(create_json_store(tmp_path)) as store, capture_logs() as logs:
        assert len(store.warnings) == 1
        store.save(workspace(6))
        store.tidy()
        assert logs == []
