"""The snapshot by itself, what counts as corrupted, and what is recovered."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import (
    PRIMARY,
    SNAPSHOT,
    checksum_by_the_rule,
    files_below,
    quarantined,
    sealed,
    store_files,
)
from support.samples import fifty_by_ten, less_revision, workspace
from workspaced.store import create_json_store, create_snapshot, detect_corruption, recover_from_snapshot
from workspaced.store.contract import StoreUnusable


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory in which two workspaces were saved."""
    with closing(create_json_store(tmp_path / "data")) as store:
        store.save(workspace(1, name="Alpha"))
        store.save(workspace(2, name="Beta", created_at=0))
    return tmp_path / "data"


# create_snapshot and recover_from_snapshot


@pytest.mark.requirement("FR-007", "T012", "T013")
def test_what_a_snapshot_was_made_of_is_recovered_from_it_in_order(tmp_path: Path) -> None:
    data_dir = tmp_path / "made" / "data"
    create_snapshot(data_dir, reversed(fifty_by_ten()))
    assert list(files_below(data_dir)) == [SNAPSHOT]
    assert recover_from_snapshot(data_dir) == fifty_by_ten()
    create_snapshot(data_dir, [])
    assert recover_from_snapshot(data_dir) == []


@pytest.mark.requirement("T012")
def test_a_snapshot_has_the_format_of_the_primary(tmp_path: Path, data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        create_snapshot(tmp_path, store.get_all(), store.state.revision, store.state.store_id)
    assert (tmp_path / SNAPSHOT).read_bytes() == (data_dir / PRIMARY).read_bytes()
    text = (tmp_path / SNAPSHOT).read_text()
    assert json.loads(text)["_checksum"] == checksum_by_the_rule(text)


@pytest.mark.requirement("T012")
def test_a_snapshot_is_replaced_whole_and_leaves_the_primary_alone(data_dir: Path) -> None:
    primary = (data_dir / PRIMARY).read_bytes()
    with (data_dir / SNAPSHOT).open("rb") as former:
        content = former.read()
        create_snapshot(data_dir, [workspace(3)], revision=9)
        former.seek(0)
        assert former.read() == content  # who has it open reads on in the former file
    assert (data_dir / PRIMARY).read_bytes() == primary
    assert recover_from_snapshot(data_dir) == [workspace(3)]
    assert set(store_files(data_dir)) == {PRIMARY, SNAPSHOT}


@pytest.mark.requirement("T012")
def test_each_write_takes_the_snapshot_along(tmp_path: Path) -> None:
    with closing(create_json_store(tmp_path)) as store:
        store.flush()
        assert recover_from_snapshot(tmp_path) == []
        store.save(workspace(1))
        assert recover_from_snapshot(tmp_path) == store.get_all()
        store.remove("ws_01")
        assert recover_from_snapshot(tmp_path) == []


@pytest.mark.requirement("T013")
def test_there_is_nothing_to_recover_without_a_snapshot(data_dir: Path) -> None:
    (data_dir / SNAPSHOT).unlink()
    assert recover_from_snapshot(data_dir) is None


# Corruption


def changed(old: str, new: str) -> Callable[[str], bytes]:
    """Text with one thing in it replaced, and a checksum that belongs to it."""

    def change(text: str) -> bytes:
        assert old in text
        return sealed(text.replace(old, new, 1)).encode()

    return change


def twice(text: str) -> bytes:
    first = text.split("\n")[1]
    return sealed(text.replace(first, first + first, 1)).encode()


DAMAGE: dict[str, tuple[Callable[[str], bytes], str]] = {
    "empty": (lambda text: b"", "empty"),
    "blank": (lambda text: b" \n\t", "empty"),
    "truncated": (lambda text: text[: len(text) // 2].encode(), "truncated"),
    "less its last brace": (lambda text: text.rstrip()[:-1].encode(), "truncated"),
    "invalid encoding": (lambda text: text.encode().replace(b"Alpha", b"Alph\xe4"), "UTF-8 at byte"),
    "UTF-16": (lambda text: text.encode("utf-16"), "UTF-8 at byte 0"),
    "invalid JSON": (lambda text: text.replace(",", ";", 1).encode(), "invalid JSON"),
    "a byte order mark": (lambda text: b"\xef\xbb\xbf" + text.encode(), "invalid JSON"),
    "zeros": (lambda text: bytes(len(text)), "invalid JSON"),
    "two documents": (lambda text: (text + text).encode(), "invalid JSON"),
    "nested deeply": (lambda text: b"[" * 100_000, "nested too deeply"),
    "a list": (lambda text: f"[{text}]".encode(), "JSON object"),
    "no version": (changed('"version":3,', ""), "`version`"),
    "a version that is none": (changed('"version":3', '"version":"2"'), "`version`"),
    "version 0": (changed('"version":3', '"version":0'), "`version`"),
    "no store id": (changed('"storeId":', '"storeIdx":'), "storeId"),
    "a wrong store id": (changed('"storeId":"st_0', '"storeId":"st_8'), "storeId"),
    "no revision": (changed('"revision":2,"workspaces"', '"workspaces"'), "revision"),
    "no workspaces": (changed('"workspaces"', '"workspace"'), "workspaces"),
    "a missing field": (changed('"rootPath":"/src",', ""), "rootPath"),
    "a field of another type": (changed('"createdAt":1', '"createdAt":"1"'), "workspaces[1].createdAt"),
    "an unknown state": (changed('"state":"active"', '"state":"open"'), "workspaces[0].state"),
    "a wrong id": (changed('"id":"ws_01"', '"id":"01"'), "workspaces[1].id"),
    "a negative time": (changed('"updatedAt":1', '"updatedAt":-1'), "workspaces[1].updatedAt"),
    "null": (changed('"projects":[]', '"projects":null'), "workspaces[0].projects"),
    "a duplicate id": (changed('"id":"ws_02"', '"id":"ws_01"'), "ws_01 occurs twice"),
    "a duplicate member": (changed('"name":"Alpha"', '"name":"Alpha","name":"Alph"'), "`name` occurs twice"),
    "checksum mismatch": (lambda text: text.replace("Alpha", "Alphb").encode(), "checksum does not match"),
    "another checksum": (lambda text: text.replace('"_checksum":"', '"_checksum":"0').encode(), "checksum"),
    "no checksum": (lambda text: f"{text.rpartition(',')[0]}}}".encode(), "`_checksum` is missing"),
}


@pytest.mark.requirement("FR-006", "T012")
@pytest.mark.parametrize("damage", DAMAGE)
def test_corruption_is_detected_with_its_reason(data_dir: Path, damage: str) -> None:
    make, reason = DAMAGE[damage]
    (data_dir / PRIMARY).write_bytes(make((data_dir / PRIMARY).read_text()))
    check = detect_corruption(data_dir)
    assert check.corrupted
    assert check.reason is not None
    assert reason in check.reason
    assert recover_from_snapshot(data_dir) is not None


@pytest.mark.requirement("FR-006", "T012", "T013")
@pytest.mark.parametrize("damage", DAMAGE)
def test_nothing_is_recovered_from_a_corrupted_snapshot(data_dir: Path, damage: str) -> None:
    make, _ = DAMAGE[damage]
    (data_dir / SNAPSHOT).write_bytes(make((data_dir / SNAPSHOT).read_text()))
    assert recover_from_snapshot(data_dir) is None
    assert not detect_corruption(data_dir).corrupted


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize(
    "make",
    [
        lambda text: text,
        changed('"version":3', '"version":3,"more":[{}]'),
        changed('"state":"active"', '"state":"active","color":"red"'),
        lambda text: None,
    ],
    ids=["whole", "an unknown member", "an unknown member of a workspace", "missing"],
)
def test_what_is_no_corruption(data_dir: Path, make: Callable[[str], bytes | str | None]) -> None:
    made = make((data_dir / PRIMARY).read_text())
    if made is None:
        (data_dir / PRIMARY).unlink()
    else:
        (data_dir / PRIMARY).write_bytes(made if isinstance(made, bytes) else made.encode())
    assert not detect_corruption(data_dir).corrupted


@pytest.mark.requirement("FR-006", "T013")
def test_in_a_directory_that_is_not_there_both_files_are_missing(tmp_path: Path) -> None:
    assert not detect_corruption(tmp_path / "nowhere").corrupted
    assert recover_from_snapshot(tmp_path / "nowhere") is None


@pytest.mark.requirement("FR-006")
def test_a_newer_version_is_no_corruption_but_told(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_bytes(changed('"version":3', '"version":7')((data_dir / PRIMARY).read_text()))
    check = detect_corruption(data_dir)
    assert not check.corrupted
    assert check.reason is not None
    assert "version 7" in check.reason


@pytest.mark.requirement("FR-006")
def test_what_can_not_be_read_is_an_error_and_no_corruption(data_dir: Path) -> None:
    for name, read in ((PRIMARY, detect_corruption), (SNAPSHOT, recover_from_snapshot)):
        (data_dir / name).unlink()
        (data_dir / name).mkdir()
        with pytest.raises(StoreUnusable, match=name):
            read(data_dir)
        (data_dir / name).rmdir()


@pytest.mark.requirement("FR-006")
def test_a_store_checks_both_files_as_they_are_now(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        assert not store.check().primary.corrupted
        (data_dir / PRIMARY).write_text("")
        (data_dir / SNAPSHOT).write_text("[]")
        check = store.check()
        assert (check.primary.corrupted, check.primary.reason) == (True, "the file is empty")
        assert check.snapshot.corrupted
        assert check.snapshot.reason != check.primary.reason
        store.flush()
        check = store.check()
        assert (check.primary.corrupted, check.primary.reason) == (False, None)
        assert (check.snapshot.corrupted, check.snapshot.reason) == (False, None)


@pytest.mark.requirement("FR-006")
def test_a_store_checks_its_files_though_their_directory_is_gone(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        data_dir.rename(data_dir.parent / "away")
        check = store.check()
        assert not check.primary.corrupted
        assert not check.snapshot.corrupted


@pytest.mark.requirement("FR-006")
def test_a_store_tells_of_a_file_that_can_not_be_read_and_of_the_other(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        for name in (PRIMARY, SNAPSHOT):
            (data_dir / name).rename(data_dir / "away")
            (data_dir / name).mkdir()
            checks = {PRIMARY: store.check().primary, SNAPSHOT: store.check().snapshot}
            odd = checks.pop(name)
            assert not odd.corrupted
            assert odd.reason == f"unreadable: {data_dir / name} is not a regular file"
            (sound,) = checks.values()
            assert (sound.corrupted, sound.reason) == (False, None)
            (data_dir / name).rmdir()
            (data_dir / "away").rename(data_dir / name)
        data_dir.rename(data_dir.parent / "away")
        data_dir.write_text("a file")
        assert store.check().primary == store.check().snapshot
        assert store.check().primary.reason == f"unreadable: {data_dir} can't be opened (Not a directory)"


# Recovery, as an app sees it


@pytest.mark.requirement("FR-007", "T013")
@pytest.mark.parametrize(
    "damage", ["empty", "truncated", "invalid encoding", "a missing field", "checksum mismatch"]
)
def test_a_corrupted_primary_is_recovered_and_mended_at_once(data_dir: Path, damage: str) -> None:
    make, reason = DAMAGE[damage]
    damaged = make((data_dir / PRIMARY).read_text())
    (data_dir / PRIMARY).write_bytes(damaged)
    with closing(create_json_store(data_dir)) as store:
        assert [one.name for one in store.get_all()] == ["Beta", "Alpha"]
        assert store.recovery.outcome == "recovered"
        assert not store.recovery.acknowledged
        assert store.state.revision > 2  # what a client has to be told of is a change
        assert store.recovery.reason is not None
        assert reason in store.recovery.reason
        (warning,) = store.warnings
        assert PRIMARY in warning
        assert reason in warning
        assert not detect_corruption(data_dir).corrupted
        assert recover_from_snapshot(data_dir) == store.get_all()
    ((name, content),) = quarantined(data_dir).items()
    assert content == damaged
    assert store.recovery.quarantined == (str(data_dir / "quarantine" / name),)


@pytest.mark.requirement("FR-007", "T012", "T013")
def test_a_total_loss_starts_empty_and_is_told(data_dir: Path) -> None:
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_bytes((data_dir / name).read_bytes()[:-20] + b"\x00")
    lost = [(data_dir / name).read_bytes() for name in (PRIMARY, SNAPSHOT)]
    with closing(create_json_store(data_dir)) as store:
        assert store.get_all() == []
        assert (store.recovery.outcome, store.recovery.acknowledged) == ("dataLoss", False)
        assert len(store.warnings) == 2
        assert sorted(quarantined(data_dir).values()) == sorted(lost)
        assert store.save(workspace(1)).revision > 2  # no client takes it for a revision it knew
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.recovery.acknowledged) == ("dataLoss", False)
        assert less_revision(store.get_all()) == [workspace(1)]


@pytest.mark.requirement("T013")
@pytest.mark.parametrize("left", ["older", "missing"])
def test_a_snapshot_that_is_behind_is_made_anew(data_dir: Path, left: str) -> None:
    if left == "older":
        create_snapshot(data_dir, [workspace(1)], revision=1)
    else:
        (data_dir / SNAPSHOT).unlink()
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.warnings) == ("clean", [])
        assert [one.name for one in store.get_all()] == ["Beta", "Alpha"]
        assert recover_from_snapshot(data_dir) == store.get_all()


@pytest.mark.requirement("T012")
def test_a_corrupted_snapshot_is_told_kept_and_made_anew(data_dir: Path) -> None:
    (data_dir / SNAPSHOT).write_text("damaged")
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "clean"
        assert len(store.get_all()) == 2
        (warning,) = store.warnings
        assert SNAPSHOT in warning
    assert list(quarantined(data_dir).values()) == [b"damaged"]
    assert (data_dir / SNAPSHOT).read_bytes() == (data_dir / PRIMARY).read_bytes()
