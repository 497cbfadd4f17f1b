"""Another store in the place of this one while it is open: it is never written over, and told."""

import errno
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import (
    PRIMARY,
    SNAPSHOT,
    files_below,
    quarantined,
    sealed,
    store_text,
    version_1_text,
    workspace_json,
)
from support.samples import commit, same_after_a_restart, workspace
from workspaced.domain import bulk
from workspaced.store import StorageFailure, create_json_store
from workspaced.store.backups import Backups
from workspaced_protocol.datadir import LOCK

pytestmark = pytest.mark.requirement("FR-005", "T015")

OTHER_ID = "st_01KJQ3AX4MZZZZZZZZZZZZZZZZ"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


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
    with (data_dir / SNAPSHOT).open("a") as file:
        file.write("\n")


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


def of_the_same_revision(data_dir: Path) -> None:
    other_files(data_dir)


def of_a_lower_revision(data_dir: Path) -> None:
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(store_text([workspace_json(8)], 0, store_id=OTHER_ID))


def a_lower_primary(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(store_text([workspace_json(8)], 0, store_id=OTHER_ID))


def a_lower_snapshot(data_dir: Path) -> None:
    (data_dir / SNAPSHOT).write_text(store_text([workspace_json(8)], 0, store_id=OTHER_ID))


def reformatted(data_dir: Path) -> None:
    a_lower_primary(data_dir)
    document = json.loads((data_dir / PRIMARY).read_text())
    (data_dir / PRIMARY).write_text(json.dumps(document, indent=2, ensure_ascii=False))


@pytest.mark.parametrize(
    "put",
    [of_the_same_revision, of_a_lower_revision, a_lower_primary, a_lower_snapshot, reformatted],
)
def test_another_store_is_known_by_its_id_whatever_its_revision(
    data_dir: Path, put: Callable[[Path], None]
) -> None:
    with closing(create_json_store(data_dir.parent / "other")) as other:
        other.save(workspace(7))
        other.flush()
    with closing(create_json_store(data_dir)) as store:
        saved = store.save(workspace(1))
        ours = (data_dir / PRIMARY).read_bytes()
        put(data_dir)
        before = files_below(data_dir)
        name = SNAPSHOT if put is a_lower_snapshot else PRIMARY
        theirs = json.loads(before[name])["storeId"]
        for write in (store.flush, lambda: store.save(workspace(2)), lambda: store.remove(saved.id)):
            with pytest.raises(
                StorageFailure, match=rf"{name} is now another store: it has the id {theirs}"
            ) as no:
                write()
            assert no.value.errno == errno.ESTALE
            assert store.state.store_id in no.value.message
            restart = "restart the daemon to serve that store" in no.value.message
            assert restart == (name == PRIMARY), "only where a restart would serve it"
            assert files_below(data_dir) == before
        check = store.check()
        found = check.snapshot if name == SNAPSHOT else check.primary
        assert (found.reason or "").startswith(f"another store's: it has the id {theirs}")
        assert store.get_all() == [saved]
    with closing(create_json_store(data_dir)) as again:
        assert again.state.store_id == (store.state.store_id if name == SNAPSHOT else theirs)
        served = json.loads(before[PRIMARY])["workspaces"]
        assert [each.id for each in again.get_all()] == [each["id"] for each in served]
        # Nothing of either store is gone.
        if put not in (of_the_same_revision, of_a_lower_revision):
            assert list(quarantined(data_dir).values()) == [before[name] if name == SNAPSHOT else ours]
            assert again.recovery.outcome == "recovered"


def version_2(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(store_text([workspace_json(8)], 0, 2))


def version_2_of_a_higher_revision(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(store_text([workspace_json(8)], 77, 2))


def version_1(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(version_1_text([workspace(8)]))


def both_of_version_2(data_dir: Path) -> None:
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(store_text([workspace_json(8)], 0, 2))


@pytest.mark.parametrize(
    ("put", "serves"),
    [
        (version_2, False),
        (version_1, False),
        (version_2_of_a_higher_revision, True),
        (both_of_version_2, True),
    ],
)
def test_a_file_of_an_older_version_may_be_another_store_and_is_not_written_over(
    data_dir: Path, put: Callable[[Path], None], serves: bool
) -> None:
    with closing(create_json_store(data_dir)) as store:
        saved = store.save(workspace(1))
        put(data_dir)
        before = files_below(data_dir)
        with pytest.raises(
            StorageFailure, match="another store or an old copy of this one: it has version"
        ) as no:
            store.save(workspace(2))
        assert ("restart the daemon" in no.value.message) == serves
        assert ("`workspacectl restore`" in no.value.message) != serves
        assert files_below(data_dir) == before
        assert (store.check().primary.reason or "").startswith(
            "another store's or an old copy: it has version"
        )
        # As the message says: move it away, and take its workspaces over.
        copy = data_dir.parent / "old.json"
        (data_dir / PRIMARY).rename(copy)
        if put is both_of_version_2:
            (data_dir / SNAPSHOT).unlink()
        commit(store, bulk.restore(Backups(data_dir).read(str(copy)), None))
        assert saved.id not in [each.id for each in store.get_all()]
        assert len(store.get_all()) == 1
        assert same_after_a_restart(data_dir, store)


@pytest.mark.parametrize("version", [1, 2])
def test_until_the_first_write_an_edit_of_an_older_file_is_an_edit(data_dir: Path, version: int) -> None:
    data_dir.mkdir()
    text = store_text([workspace_json(1)], 5, 2) if version == 2 else version_1_text([workspace(1)])
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        edited = sealed(text.replace("/src" if version == 1 else "/home", "/elsewhere", 1))
        (data_dir / PRIMARY).write_text(edited)
        assert (store.check().primary.reason or "").startswith("edited:")
        store.save(workspace(9))
        assert edited.encode() in quarantined(data_dir).values()
        assert text.encode() in quarantined(data_dir).values(), "the snapshot, as it was"
        assert same_after_a_restart(data_dir, store)


@pytest.mark.parametrize("version", [1, 2])
def test_before_the_first_write_too_an_older_file_in_another_directory_is_no_edit(
    data_dir: Path, version: int
) -> None:
    texts = [
        store_text([workspace_json(number)], 5 - number, 2)
        if version == 2
        else version_1_text([workspace(number)])
        for number in (1, 2)
    ]
    for directory, text in zip((data_dir, data_dir.parent / "other"), texts, strict=True):
        directory.mkdir(mode=0o700)
        for name in (PRIMARY, SNAPSHOT):
            (directory / name).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        another_directory(data_dir)
        with pytest.raises(
            StorageFailure, match=r"another store or an old copy of this one.*: restart the daemon"
        ):
            store.save(workspace(9))
        assert [(data_dir / name).read_text() for name in (PRIMARY, SNAPSHOT)] == [texts[1]] * 2
        data_dir.rename(data_dir.parent / "other")
        (data_dir.parent / "below").rename(data_dir)
        store.save(workspace(9))
        assert set(quarantined(data_dir).values()) == {texts[0].encode()}
        assert same_after_a_restart(data_dir, store)


def test_what_appears_before_the_first_write_of_a_new_store_is_another(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        a_lower_primary(data_dir)
        before = files_below(data_dir)
        with pytest.raises(StorageFailure, match="restart the daemon to serve that store"):
            store.save(workspace(1))
        assert files_below(data_dir) == before
    with closing(create_json_store(data_dir)) as store:
        assert [each.id for each in store.get_all()] == [workspace_json(8)["id"]]


def test_a_backup_of_this_store_in_its_place_is_an_edit(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        made = Backups(data_dir).write(store.state)
        store.save(workspace(2))
        copy = (data_dir / "backups" / made.name).read_bytes()
        (data_dir / PRIMARY).write_bytes(copy)
        store.save(workspace(3))
        assert list(quarantined(data_dir).values()) == [copy]
        assert len(store.get_all()) == 3
        assert store.recovery.reason is not None


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


def test_a_check_tells_another_store(data_dir: Path) -> None:
    with closing(create_json_store(data_dir.parent / "other")) as other:
        other.save(workspace(7))
        with closing(create_json_store(data_dir)) as store:
            store.save(workspace(1))
            other_files(data_dir)  # of the same revision
            for file in (store.check().primary, store.check().snapshot):
                assert not file.corrupted
                assert (file.reason or "").startswith(
                    f"another store's: it has the id {other.state.store_id}, revision 1 and 1 workspace, and this "
                    f"daemon holds the id {store.state.store_id}, revision 1"
                )
            (data_dir / PRIMARY).write_text(store_text([], 5, store_id=store.state.store_id))
            assert (store.check().primary.reason or "").startswith("another store's: it has revision 5")
