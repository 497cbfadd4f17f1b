"""What users do to the store's files while it is open: delete, edit, move and replace them."""

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.documents import PRIMARY, SNAPSHOT, files_below, quarantined, sealed
from support.obstacles import HalfwayDisk, RefusingDisk, directory, link
from support.samples import workspace
from workspaced.store import CommitUnknown, JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.lock import LockHeld
from workspaced_protocol.datadir import HISTORY, LOCK

pytestmark = pytest.mark.requirement("FR-005", "T015")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def same_after_a_restart(data_dir: Path, store: JsonWorkspaceStore) -> bool:
    before = (store.get_all(), store.state.revision)
    store.close()
    with closing(create_json_store(data_dir)) as again:
        return (again.get_all(), again.state.revision) == before and again.recovery.outcome == "clean"


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
    assert {path.name for path in data_dir.iterdir()} == {PRIMARY, SNAPSHOT, HISTORY, "workspaced.lock"}
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


# Another store


def another_directory(data_dir: Path) -> None:
    data_dir.rename(data_dir.parent / "below")
    (data_dir.parent / "other").rename(data_dir)


def other_files(data_dir: Path) -> None:
    for name in (PRIMARY, SNAPSHOT):
        shutil.copy(data_dir.parent / "other" / name, data_dir / name)


def other_snapshot(data_dir: Path) -> None:
    (data_dir / PRIMARY).unlink()
    shutil.copy(data_dir.parent / "other" / SNAPSHOT, data_dir / SNAPSHOT)


def other_primary_beside_an_edit(data_dir: Path) -> None:
    other_files(data_dir)
    appended(data_dir / SNAPSHOT)


@pytest.mark.parametrize(
    "put", [another_directory, other_files, other_snapshot, other_primary_beside_an_edit]
)
def test_another_store_of_a_higher_revision_is_not_written_over(
    data_dir: Path, put: Callable[[Path], None]
) -> None:
    with closing(create_json_store(data_dir.parent / "other")) as other:
        for number in range(9):
            other.save(workspace(number))
    store = create_json_store(data_dir)
    saved = store.save(workspace(1))
    put(data_dir)
    before = files_below(data_dir)
    for write in (store.flush, lambda: store.save(workspace(2)), lambda: store.remove(saved.id)):
        with pytest.raises(
            StorageFailure, match=r"revision 9 and 9 workspaces.* revision 1 .*: restart"
        ) as no:
            write()
        assert no.value.errno == errno.ESTALE
        assert {**files_below(data_dir), LOCK: b""} == {**before, LOCK: b""}
    assert store.get_all() == [saved]
    store.close()
    with closing(create_json_store(data_dir)) as again:
        assert len(again.get_all()) == 9


def test_once_the_other_store_is_gone_writes_go_on(data_dir: Path) -> None:
    with closing(create_json_store(data_dir.parent / "other")) as other:
        for number in range(9):
            other.save(workspace(number))
    store = create_json_store(data_dir)
    store.save(workspace(1))
    another_directory(data_dir)
    with pytest.raises(StorageFailure):
        store.save(workspace(2))
    data_dir.rename(data_dir.parent / "other")
    (data_dir.parent / "below").rename(data_dir)
    store.save(workspace(3))
    assert quarantined(data_dir) == {}
    assert [one.id for one in store.get_all()] == ["ws_01", "ws_03"]
    assert same_after_a_restart(data_dir, store)


def test_a_newer_releases_store_is_not_written_over(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        newer = '{"version":9,"revision":0,"workspaces":[],"_checksum":""}'
        (data_dir / PRIMARY).write_text(sealed(newer))
        with pytest.raises(StorageFailure, match="newer release"):
            store.save(workspace(2))
        assert (data_dir / PRIMARY).read_text() == sealed(newer)


def test_a_check_compares_the_files_with_what_is_held(data_dir: Path) -> None:
    with closing(create_json_store(data_dir.parent / "other")) as other:
        other.save(workspace(7))
        other.flush()
        with closing(create_json_store(data_dir)) as store:
            store.save(workspace(1))
            assert store.check().primary.reason is None
            other_files(data_dir)  # of the same revision
            for file in (store.check().primary, store.check().snapshot):
                assert (file.corrupted, (file.reason or "")[:7]) == (False, "edited:")
            other.save(workspace(8))
            other_files(data_dir)
            assert (store.check().primary.reason or "").startswith("another store's: it has revision 2")
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
