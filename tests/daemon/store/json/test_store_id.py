"""The store's identity: made once, carried by every copy, changed by nothing."""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.documents import (
    PRIMARY,
    SNAPSHOT,
    STORE_ID,
    quarantined,
    store_text,
    version_1_text,
    workspace_json,
)
from support.samples import commit, workspace
from workspaced.domain import bulk
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore, create_json_store, create_snapshot
from workspaced.store.backups import Backups
from workspaced.store.contract import Commit
from workspaced_protocol.models import Change

pytestmark = pytest.mark.requirement("FR-005", "T011")

OTHER_ID = "st_01KJQ3AX4MZZZZZZZZZZZZZZZZ"
OLDER = {
    "version 2": store_text([workspace_json(1), workspace_json(2)], 9, 2),
    "version 2, empty": store_text([], 9, 2),
    "version 1": version_1_text([workspace(1)]),
    "version 1, without a checksum": version_1_text([workspace(1)], checksum=False),
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path / "data"


def id_in(path: Path) -> str:
    """The id that the file tells."""
    return str(json.loads(path.read_text())["storeId"])


def put(data_dir: Path, text: str, names: tuple[str, ...] = (PRIMARY, SNAPSHOT)) -> None:
    for name in names:
        (data_dir / name).write_text(text)


def test_each_new_store_has_an_id_of_its_own(tmp_path: Path) -> None:
    ids: set[str] = set()
    for name in ("a", "b", "c"):
        with closing(create_json_store(tmp_path / name)) as store:
            ids.add(store.state.store_id)
            store.flush()
            assert id_in(tmp_path / name / PRIMARY) == store.state.store_id
    ids.add(InMemoryWorkspaceStore().state.store_id)
    assert len(ids) == 4
    assert all(re.fullmatch("st_[0-7][0-9A-HJKMNP-TV-Z]{25}", each) for each in ids)


def test_no_commit_and_no_restart_changes_it_and_every_copy_carries_it(data_dir: Path) -> None:
    backups = Backups(data_dir)
    with closing(create_json_store(data_dir)) as store:
        id_ = store.state.store_id
        writes: list[Callable[[], object]] = [
            lambda: store.save(workspace(1)),
            lambda: store.remove("ws_01"),
            store.flush,
            lambda: commit(store, bulk.apply([Change(save=workspace(2))], None)),
            lambda: store.commit(Commit(State(7))),
            lambda: store.commit(Commit(replace(store.state, store_id=OTHER_ID, revision=8))),
        ]
        for write in writes:
            write()
            assert (store.state.store_id, id_in(data_dir / PRIMARY), id_in(data_dir / SNAPSHOT)) == (id_,) * 3
        store.save(workspace(3))
        assert id_in(data_dir / "backups" / backups.write(store.state).name) == id_
        backups.write_to(data_dir.parent / "copy.json", store.state)
        assert id_in(data_dir.parent / "copy.json") == id_
    with closing(create_json_store(data_dir)) as store:
        assert store.state.store_id == id_


@pytest.mark.parametrize("copy", [store_text([workspace_json(1)], 99, store_id=OTHER_ID), *OLDER.values()])
def test_a_restore_does_not_change_it(data_dir: Path, copy: str) -> None:
    (data_dir.parent / "copy.json").write_text(copy)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(7))
        id_ = store.state.store_id
        commit(store, bulk.restore(Backups(data_dir).read(str(data_dir.parent / "copy.json")), None))
        assert (store.state.store_id, id_in(data_dir / PRIMARY)) == (id_, id_)
        assert store.get_by_id("ws_07") is None


# Older versions, which have none


@pytest.mark.parametrize("text", OLDER.values(), ids=OLDER)
def test_an_older_store_has_the_same_id_at_each_start_and_in_a_backup_before_its_first_write(
    data_dir: Path, text: str
) -> None:
    put(data_dir, text)
    ids: set[str] = set()
    for _ in range(3):
        with closing(create_json_store(data_dir)) as store:
            ids.add(store.state.store_id)
            made = Backups(data_dir).write(store.state)
            ids.add(id_in(data_dir / "backups" / made.name))
            assert (data_dir / PRIMARY).read_text() == text
            assert store.check().primary.reason is None
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(99))
    for _ in range(2):
        with closing(create_json_store(data_dir)) as store:
            ids |= {store.state.store_id, id_in(data_dir / PRIMARY), id_in(data_dir / SNAPSHOT)}
            store.flush()
    assert len(ids) == 1


def test_two_older_stores_have_two_ids(tmp_path: Path) -> None:
    ids: set[str] = set()
    for number, text in enumerate([*OLDER.values(), OLDER["version 2, empty"]]):
        data_dir = tmp_path / str(number)
        data_dir.mkdir()
        put(data_dir, text)
        os.utime(data_dir / PRIMARY, ns=(0, 1_772_449_264_788_000_000 + 1_000_000 * number))
        with closing(create_json_store(data_dir)) as store:
            ids.add(store.state.store_id)
    assert len(ids) == len(OLDER) + 1


@pytest.mark.parametrize("at_ns", [-(10**18), 0, 2**62])
def test_an_older_file_of_any_time_gives_an_id_that_can_be_read_again(data_dir: Path, at_ns: int) -> None:
    put(data_dir, OLDER["version 2"])
    for name in (PRIMARY, SNAPSHOT):
        os.utime(data_dir / name, ns=(0, at_ns))
    with closing(create_json_store(data_dir)) as store:
        id_ = store.state.store_id
        store.flush()
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.state.store_id) == ("clean", id_)


@pytest.mark.parametrize("older", [PRIMARY, SNAPSHOT])
@pytest.mark.parametrize("text", [OLDER["version 2"], OLDER["version 1"]], ids=["version 2", "version 1"])
def test_an_older_file_beside_one_with_an_id_is_of_the_same_store(
    data_dir: Path, older: str, text: str
) -> None:
    """As after a kill between the two renames of the first commit."""
    put(data_dir, text, (older,))
    put(data_dir, store_text([workspace_json(1)], 9), (SNAPSHOT if older == PRIMARY else PRIMARY,))
    with closing(create_json_store(data_dir)) as store:
        assert store.state.store_id == STORE_ID
        store.flush()
    assert id_in(data_dir / PRIMARY) == STORE_ID
    assert text.encode() in quarantined(data_dir).values()


# After damage


@pytest.mark.requirement("FR-007", "T013")
@pytest.mark.parametrize("damaged", [PRIMARY, SNAPSHOT])
@pytest.mark.parametrize("data", [b"", b"damaged", store_text([], 9, store_id=OTHER_ID)[:-5].encode(), None])
def test_one_damaged_or_missing_file_does_not_change_it(
    data_dir: Path, damaged: str, data: bytes | None
) -> None:
    put(data_dir, store_text([workspace_json(1)], 9))
    if data is None:
        (data_dir / damaged).unlink()
    else:
        (data_dir / damaged).write_bytes(data)
    with closing(create_json_store(data_dir)) as store:
        assert store.state.store_id == STORE_ID
    assert id_in(data_dir / PRIMARY) == id_in(data_dir / SNAPSHOT) == STORE_ID


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize(
    ("primary", "snapshot"),
    [(-9, -9), (100, 100), (60, 0), (0, 60), (0, None), (60, None)],
    ids=["both cut", "cut early", "cut, empty", "empty, cut", "empty", "cut"],
)
def test_after_a_loss_the_store_is_the_same_where_its_id_can_be_read(
    data_dir: Path, primary: int, snapshot: int | None
) -> None:
    text = store_text([workspace_json(1)], 9)
    (data_dir / PRIMARY).write_text(text[:primary])
    if snapshot is not None:
        (data_dir / SNAPSHOT).write_text(text[:snapshot])
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "dataLoss"
        id_ = store.state.store_id
    assert (id_ == STORE_ID) == bool(primary or snapshot)
    assert id_in(data_dir / PRIMARY) == id_in(data_dir / SNAPSHOT) == id_


# Snapshots without a daemon


@pytest.mark.requirement("T012")
def test_a_snapshot_has_the_id_of_the_files_beside_it(tmp_path: Path, data_dir: Path) -> None:
    create_snapshot(tmp_path / "alone", [workspace(1)])
    first = id_in(tmp_path / "alone" / SNAPSHOT)
    create_snapshot(tmp_path / "alone", [workspace(2)])
    assert id_in(tmp_path / "alone" / SNAPSHOT) == first
    with closing(create_json_store(tmp_path / "alone")) as store:
        assert store.state.store_id == first
    put(data_dir, store_text([], 9), (PRIMARY,))
    create_snapshot(data_dir, [workspace(1)], 10)
    assert id_in(data_dir / SNAPSHOT) == STORE_ID
    with closing(create_json_store(data_dir)) as store:
        assert len(store.get_all()) == 1, "it is a later state of this store"


def test_a_snapshot_of_an_older_store_has_the_id_that_the_store_gets(data_dir: Path) -> None:
    put(data_dir, OLDER["version 2"], (PRIMARY,))
    create_snapshot(data_dir, [workspace(1)], 3)
    told = id_in(data_dir / SNAPSHOT)
    with closing(create_json_store(data_dir)) as store:
        assert (store.state.store_id, len(store.get_all())) == (told, 2)


# Two stores in one directory


def two_ids(data_dir: Path) -> None:
    put(data_dir, store_text([workspace_json(1)], 3), (PRIMARY,))
    put(data_dir, store_text([workspace_json(2), workspace_json(3)], 20, store_id=OTHER_ID), (SNAPSHOT,))


def two_ids_of_one_revision(data_dir: Path) -> None:
    put(data_dir, store_text([workspace_json(1)], 3), (PRIMARY,))
    put(data_dir, store_text([workspace_json(1)], 3, store_id=OTHER_ID), (SNAPSHOT,))


def a_newer_snapshot_of_version_2(data_dir: Path) -> None:
    put(data_dir, store_text([workspace_json(1)], 3), (PRIMARY,))
    put(data_dir, OLDER["version 2"], (SNAPSHOT,))


def a_newer_primary_of_version_2(data_dir: Path) -> None:
    put(data_dir, OLDER["version 2"], (PRIMARY,))
    put(data_dir, store_text([workspace_json(7)], 3), (SNAPSHOT,))


TWO: list[Callable[[Path], None]] = [
    two_ids,
    two_ids_of_one_revision,
    a_newer_snapshot_of_version_2,
    a_newer_primary_of_version_2,
]


@pytest.mark.requirement("FR-006", "FR-007")
@pytest.mark.parametrize("prepare", TWO)
def test_of_two_stores_the_primary_serves_and_the_other_is_kept_and_told(
    data_dir: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(data_dir)
    primary, snapshot = ((data_dir / name).read_bytes() for name in (PRIMARY, SNAPSHOT))
    wanted = [each["id"] for each in json.loads(primary)["workspaces"]]
    for start in range(2):
        with closing(create_json_store(data_dir)) as store:
            assert [each.id for each in store.get_all()] == wanted
            assert (store.recovery.outcome, store.recovery.acknowledged) == ("recovered", False)
            assert (store.recovery.reason or "").startswith(f"{SNAPSHOT} was another store's")
            (told,) = store.recovery.quarantined
            assert Path(told).read_bytes() == snapshot, f"start {start}"
            assert id_in(data_dir / PRIMARY) == id_in(data_dir / SNAPSHOT) == store.state.store_id
            if start == 0 and b'"storeId"' not in primary:
                assert primary in quarantined(data_dir).values()
                assert store.state.store_id != STORE_ID, "it is not the other store"
            assert store.state.lost.workspaces.keys() == {
                each["id"] for each in json.loads(snapshot)["workspaces"]
            }, "what the other file holds can be brought back"
    with closing(create_json_store(data_dir)) as store:
        commit(store, bulk.acknowledge_recovery)
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.recovery.acknowledged) == ("clean", True)


def test_a_damaged_primary_of_another_store_than_the_snapshot_is_told(data_dir: Path) -> None:
    damaged = store_text([workspace_json(1)], 9, store_id=OTHER_ID)[:-5]
    put(data_dir, damaged, (PRIMARY,))
    put(data_dir, store_text([workspace_json(2)], 3), (SNAPSHOT,))
    with closing(create_json_store(data_dir)) as store:
        assert store.state.store_id == STORE_ID
        assert f"which has the id {STORE_ID}; the one in {PRIMARY} is {OTHER_ID}" in (
            store.recovery.reason or ""
        )
        assert damaged.encode() in quarantined(data_dir).values()


def test_a_copied_store_is_the_same_store(tmp_path: Path, data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        id_ = store.state.store_id
    shutil.copytree(data_dir, tmp_path / "copy")
    with closing(create_json_store(tmp_path / "copy")) as store:
        assert store.state.store_id == id_
