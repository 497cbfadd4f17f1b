"""Directories that the store can't use as its own: the error names the place, the fault and the way out."""

import errno
import json
import os
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT
from workspaced.domain.state import State
from workspaced.store import JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.backups import Backups
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk


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
        store.commit(State(7), ())
    store.close()
