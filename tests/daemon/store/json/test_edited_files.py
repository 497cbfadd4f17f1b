"""What users do to the store's files while it is open: delete, edit, move and replace them."""

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import (
    PRIMARY,
    SNAPSHOT,
    files_below,
    quarantined,
    sealed,
)
from support.logs import capture_logs
from support.obstacles import HalfwayDisk, RefusingDisk, directory, link
from support.samples import same_after_a_restart, workspace
from workspaced.store import CommitUnknown, JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.lock import LockHeld
from workspaced_protocol.datadir import HISTORY

pytestmark = pytest.mark.requirement("FR-005", "T015")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize(
    "names",
    [
        [PRIMARY],
        [SNAPSHOT],
        ["workspaced.lock"],
        [PRIMARY, SNAPSHOT],
        [PRIMARY, SNAPSHOT, "workspaced.lock"],
    ],
)
@pytest.mark.parametrize("write", ["save", "flush"])
def test_a_file_that_was_deleted_is_written_anew(data_dir: Path, names: list[str], write: str) -> None:
    store = create_json_store(data_dir)
    store.save(workspace(1))
    for name in names:
        (data_dir / name).unlink()
    assert store.get_by_id("ws_01") is not None
    if write == "save":
        store.save(workspace(2))
    else:
        store.flush()
    assert {path.name for path in data_dir.iterdir()} == {
        PRIMARY,
        SNAPSHOT,
        HISTORY,
        "quarantine",
        "workspaced.lock",
    }
    with pytest.raises(LockHeld):
        create_json_store(data_dir)
    assert same_after_a_restart(data_dir, store)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_data_directory_that_is_gone_is_made_again_locked_and_written(
    data_dir: Path, replaced: bool
) -> None:
    store = create_json_store(data_dir)
    store.save(workspace(1))
    shutil.move(data_dir, data_dir.parent / "away")
    away = files_below(data_dir.parent / "away")
    if replaced:
        data_dir.mkdir()
        (data_dir / PRIMARY).write_text("another's")
    assert store.get_by_id("ws_01") is not None
    store.save(workspace(2))
    assert {PRIMARY, SNAPSHOT, "workspaced.lock"} <= {path.name for path in data_dir.iterdir()}
    assert list(quarantined(data_dir).values()) == ([b"another's"] if replaced else [])
    with pytest.raises(LockHeld):
        create_json_store(data_dir)
    create_json_store(data_dir.parent / "away").close()  # the former one is no longer held
    assert files_below(data_dir.parent / "away") == away
    store.save(workspace(3))
    assert len(store.get_all()) == 3
    assert same_after_a_restart(data_dir, store)


def test_a_directory_that_is_removed_with_all_above_it_is_made_again(tmp_path: Path) -> None:
    store = create_json_store(tmp_path / "a" / "b")
    store.save(workspace(1))
    shutil.rmtree(tmp_path / "a")
    store.flush()
    assert same_after_a_restart(tmp_path / "a" / "b", store)


def in_place(path: Path) -> None:
    with path.open("r+") as file:
        file.write('{"version":9')


def reseal(path: Path) -> None:
    path.write_text(sealed(path.read_text()))


def appended(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n")


def by_another_file(path: Path) -> None:
    path.with_suffix(".new").write_text(path.read_text().replace("Workspace 1", "Workspace I"))
    path.with_suffix(".new").replace(path)


def emptied(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("edit", [in_place, appended, by_another_file, emptied])
@pytest.mark.parametrize("names", [[PRIMARY], [SNAPSHOT], [PRIMARY, SNAPSHOT]])
def test_a_file_that_was_edited_is_quarantined_before_it_is_written_anew(
    data_dir: Path, names: list[str], edit: Callable[[Path], None]
) -> None:
    store = create_json_store(data_dir)
    store.save(workspace(1))
    for name in names:
        edit(data_dir / name)
    edited = {name: (data_dir / name).read_bytes() for name in names}
    store.save(workspace(2))
    kept = quarantined(data_dir)
    assert {name[name.index("edited") :]: content for name, content in kept.items()} == {
        f"edited-{name}": content for name, content in edited.items()
    }
    store.save(workspace(3))
    assert quarantined(data_dir) == kept
    assert len(store.get_all()) == 3
    assert same_after_a_restart(data_dir, store)


def test_what_a_failed_write_of_its_own_left_is_not_taken_for_an_edit(data_dir: Path) -> None:
    disk = HalfwayDisk()
    store = JsonWorkspaceStore(data_dir, disk=disk)
    saved = store.save(workspace(1))
    disk.refused = SNAPSHOT
    with pytest.raises(CommitUnknown):
        store.save(workspace(2))
    assert store.get_all() == [saved]
    disk.refused = None
    store.save(workspace(3))
    assert quarantined(data_dir) == {}
    assert [one.id for one in store.get_all()] == ["ws_01", "ws_03"]
    assert same_after_a_restart(data_dir, store)


def test_an_edited_file_that_can_not_be_kept_is_not_written_over(data_dir: Path) -> None:
    disk = RefusingDisk(os.O_NONBLOCK)  # as a file is opened to be read
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        saved = store.save(workspace(1))
        (data_dir / PRIMARY).write_text("edited")
        disk.error = errno.EACCES
        with pytest.raises(StorageFailure) as refused:
            store.save(workspace(2))
        assert refused.value.errno == errno.EACCES
        assert (data_dir / PRIMARY).read_text() == "edited"
        assert store.get_all() == [saved]
        disk.error = None
        store.save(workspace(2))
        assert list(quarantined(data_dir).values()) == [b"edited"]


@pytest.mark.parametrize(
    ("put", "number"), [(directory, errno.EISDIR), (link, errno.ELOOP), (os.mkfifo, errno.EINVAL)]
)
def test_what_is_put_in_a_files_place_is_not_written_over(
    data_dir: Path, put: Callable[[Path], None], number: int
) -> None:
    store = create_json_store(data_dir)
    saved = store.save(workspace(1))
    (data_dir / PRIMARY).unlink()
    put(data_dir / PRIMARY)
    before = files_below(data_dir)
    with pytest.raises(StorageFailure, match=rf"{PRIMARY} is .* then try again\.$") as refused:
        store.save(workspace(2))
    assert refused.value.errno == number
    assert files_below(data_dir) == before
    assert store.get_all() == [saved]
    if put is directory:
        (data_dir / PRIMARY).rmdir()
    else:
        (data_dir / PRIMARY).unlink()
    store.save(workspace(2))
    assert same_after_a_restart(data_dir, store)


def test_an_edit_is_told_in_the_log_and_in_the_status(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        for name in (PRIMARY, SNAPSHOT, PRIMARY):
            appended(data_dir / name)
            with capture_logs() as told:
                store.flush()
            (warning,) = [line for line in told if line["log_level"] == "warning"]
            assert warning["file"] == name
            assert warning["kept"] == store.recovery.quarantined[-1]
            assert store.recovery.reason == f"{name} was edited by another program while the daemon ran"
            assert store.recovery.occurred_at is not None
        kept = {Path(copy).name for copy in store.recovery.quarantined}
        assert (store.recovery.outcome, kept) == ("fresh", set(quarantined(data_dir)))
        store.flush()
        assert len(store.recovery.quarantined) == len(kept)


def test_a_check_tells_an_edit(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        assert store.check().primary.reason is None
        by_another_file(data_dir / PRIMARY)  # of the same revision
        reseal(data_dir / PRIMARY)
        assert (store.check().primary.corrupted, store.check().snapshot.reason) == (False, None)
        assert (store.check().primary.reason or "").startswith("edited:")
        appended(data_dir / PRIMARY)
        (data_dir / SNAPSHOT).unlink()
        assert store.check().snapshot.reason == "missing"


def test_a_check_beside_commits_finds_no_fault(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store, ThreadPoolExecutor(1) as other_thread:
        store.save(workspace(1))
        writing = other_thread.submit(lambda: [store.save(workspace(number)) for number in range(200)])
        reasons = {store.check().primary.reason}
        while not writing.done():
            reasons.add(store.check().primary.reason)
        writing.result()
    assert reasons == {None}


def test_the_quarantine_may_be_removed(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        for number in range(3):
            store.save(workspace(number))
            (data_dir / PRIMARY).write_text("edited")
            shutil.rmtree(data_dir / "quarantine", ignore_errors=True)
        store.flush()
    assert list(quarantined(data_dir).values()) == [b"edited"]
