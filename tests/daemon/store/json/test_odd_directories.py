"""Directories that the store can't use as its own: the error names the place, the fault and the way out."""

import errno
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT
from support.logs import EventDict
from support.obstacles import ForbiddingDisk, a_socket, dangling_link, directory, link
from support.samples import workspace
from workspaced.domain.state import State
from workspaced.store import JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.backups import Backups
from workspaced.store.contract import Commit, StoreUnusable
from workspaced.store.disk import Disk
from workspaced_protocol.datadir import LOCK, QUARANTINE


class UnsyncedDirectories(Disk):
    """A file system that syncs files, and no directories."""

    def __init__(self, number: int) -> None:
        self._number = number

    def sync(self, fd: int) -> None:
        if os.path.isdir(f"/dev/fd/{fd}"):
            raise OSError(self._number, os.strerror(self._number))
        super().sync(fd)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_system_that_syncs_no_directory_is_told(tmp_path: Path, number: int, is_there: bool) -> None:
    data_dir = tmp_path / "data"
    if is_there:
        data_dir.mkdir()
    with pytest.raises(StoreUnusable) as refused:
        JsonWorkspaceStore(data_dir, disk=UnsyncedDirectories(number))
    assert "does not sync directories" in refused.value.message
    assert "choose a directory on another file system" in refused.value.message
    assert "owner" not in refused.value.message
    assert refused.value.errno == number


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


def make_link_to_directory(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (make_link, "is a symbolic link, and links are not followed there; put a directory in its place"),
        (make_link_to_directory, "is a symbolic link, and links are not followed there"),
        (Path.touch, "is not a directory; move it away"),
    ],
)
def test_what_stands_in_the_place_of_a_directory_is_told(tmp_path: Path, make: object, fault: str) -> None:
    assert callable(make)
    for name in ("quarantine", "backups"):
        folder = tmp_path / name
        folder.mkdir()
        make(folder / name)
    with pytest.raises(OSError, match=fault) as failed:
        Backups(tmp_path / "backups").write(State())
    assert f"{tmp_path}/backups/backups {fault}" in str(failed.value.strerror)

    data_dir = tmp_path / "quarantine"
    (data_dir / PRIMARY).write_text("damaged")
    (data_dir / SNAPSHOT).write_text("damaged")
    with pytest.raises(StoreUnusable) as refused:
        create_json_store(data_dir)
    assert f"{data_dir}/quarantine {fault}" in refused.value.message
    assert (data_dir / PRIMARY).read_text() == "damaged"


def test_a_write_that_needs_the_quarantine_tells_of_a_link_there(tmp_path: Path) -> None:
    for name in (PRIMARY, SNAPSHOT):
        (tmp_path / name).write_text(json.dumps({"version": 1, "workspaces": []}))
    store = create_json_store(tmp_path)
    make_link(tmp_path / "quarantine")
    with pytest.raises(StorageFailure, match="quarantine is a symbolic link"):
        store.commit(Commit(State(7)))
    store.close()


FILES = (LOCK, PRIMARY, SNAPSHOT)


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize("put", [directory, link, dangling_link, os.mkfifo, a_socket])
@pytest.mark.parametrize("name", FILES)
def test_what_takes_a_files_place_meanwhile_is_named_to_a_writer_until_it_is_gone(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    data_dir = tmp_path / "data"
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        (data_dir / name).unlink()
        put(data_dir / name)
        for _ in range(2):
            with pytest.raises(StorageFailure) as refused:
                store.save(workspace(2))
            assert refused.value.message.startswith(f"{data_dir / name} is ")
            assert "move it away, then try again." in refused.value.message
        (data_dir / name).rename(tmp_path / "away")
        store.save(workspace(2))
    with closing(create_json_store(data_dir)) as store:
        assert [each.id for each in store.get_all()] == ["ws_01", "ws_02"]


@pytest.mark.parametrize("name", [*FILES, QUARANTINE])
def test_what_may_not_be_opened_is_named_at_the_start(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / "data"
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
    if name == QUARANTINE:
        for file in (PRIMARY, SNAPSHOT):
            (data_dir / file).write_text("damaged")
    with pytest.raises(StoreUnusable) as refused:
        JsonWorkspaceStore(data_dir, disk=ForbiddingDisk(name))
    assert f"{data_dir / name} " in refused.value.message
    assert "check its owner and its mode" in refused.value.message


def test_copies_that_may_not_be_opened_are_named(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    with pytest.raises(OSError, match=f"{tmp_path}/backups may not be read or entered; check its owner"):
        Backups(tmp_path, disk=ForbiddingDisk("backups")).write(State())
    data_dir = tmp_path / "data"
    for name in (PRIMARY, SNAPSHOT):
        data_dir.mkdir(exist_ok=True)
        (data_dir / name).write_text(json.dumps({"version": 1, "workspaces": []}))
    disk = ForbiddingDisk("none")
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        disk.name = QUARANTINE
        with pytest.raises(StorageFailure) as refused:
            store.commit(Commit(State(7)))
    assert refused.value.message.endswith(
        f": {data_dir}/quarantine may not be read or entered; check its owner and its mode."
    )


def test_a_directory_with_the_name_of_a_temporary_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".workspaces-1.tmp").mkdir()
    with pytest.raises(StoreUnusable, match=rf"^{tmp_path}/.workspaces-1.tmp can't be used .*: move it away"):
        create_json_store(tmp_path)


@pytest.mark.parametrize(("mode", "told"), [(0o777, "0777"), (0o770, "0770"), (0o722, "0722")])
def test_a_directory_that_others_may_write_to_is_told_at_the_start_and_when_it_comes_later(
    tmp_path: Path, logged: list[EventDict], mode: int, told: str
) -> None:
    data_dir = tmp_path / "data"
    with closing(create_json_store(data_dir)) as store:
        assert store.warnings == []
        store.save(workspace(1))
        data_dir.rename(tmp_path / "away")
        data_dir.mkdir()
        data_dir.chmod(mode)
        for number in (2, 3):
            store.save(workspace(number))
    warnings = [entry["event"] for entry in logged if told in entry["event"]]
    (warning,) = warnings
    assert warning.startswith(
        f"{data_dir} has mode {told}: other users can put other files in the place of the"
    )
    assert warning.endswith(f" Run: chmod 700 '{data_dir}'")
    with closing(create_json_store(data_dir)) as store:
        assert store.warnings == warnings


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_a_directory_that_others_may_at_most_read_is_not_told(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with closing(create_json_store(tmp_path)) as store:
        assert store.warnings == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory to another user")
def test_a_directory_of_another_user_is_told(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    with closing(create_json_store(tmp_path)) as store:
        (warning,) = store.warnings
    assert warning.startswith(f"{tmp_path} belongs to another user (uid 12345), ")
    assert "--data-dir" in warning
