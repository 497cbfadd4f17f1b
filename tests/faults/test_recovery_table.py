"""The recovery table (storage.md, Recovery at startup): each kind of primary beside each kind of snapshot."""

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest
from msgspec import structs

from support.documents import STORE_ID, files_below, quarantined, store_text, version_1_text
from support.samples import commit, less_revision, workspace
from workspaced.domain import bulk
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.document import encode_document, parse_document
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT
from workspaced_protocol.models import RecoveryOutcome, Workspace

pytestmark = pytest.mark.requirement("FR-005", "FR-006", "FR-007", "T011", "T012", "T013")

_V1_WORKSPACES: Final = [workspace(1)]
_OLD_WORKSPACES: Final = [workspace(1), workspace(2)]
_NEW_WORKSPACES: Final = [workspace(1), workspace(2), workspace(3)]
_OTHER_WORKSPACES: Final = [workspace(1, name="Another's"), workspace(4)]

CONTENT: Final[dict[str, list[Workspace]]] = {
    "version 1": _V1_WORKSPACES,
    "version 2, older": _OLD_WORKSPACES,
    "version 2, newer": _NEW_WORKSPACES,
    "older": _OLD_WORKSPACES,
    "newer": _NEW_WORKSPACES,
    "another store": _OTHER_WORKSPACES,
    "nothing": [],
}
FILES: Final[dict[str, bytes | None]] = {
    "missing": None,
    "corrupted": b'{"version":3,"storeId":"%b","revision":40,"workspaces":[' % STORE_ID.encode(),
    "empty": b"",
    "version 1": version_1_text(_V1_WORKSPACES).encode(),
    "version 1, corrupted": version_1_text(_V1_WORKSPACES).encode().replace(b"/src", b"/scr"),
    "version 2, older": store_text(json.loads(msgspec.json.encode(_OLD_WORKSPACES)), 4, 2).encode(),
    "version 2, newer": store_text(json.loads(msgspec.json.encode(_NEW_WORKSPACES)), 7, 2).encode(),
    "older": encode_document(State.of(_OLD_WORKSPACES, 5, store_id=STORE_ID)),
    "newer": encode_document(State.of(_NEW_WORKSPACES, 6, store_id=STORE_ID)),
    "another store": encode_document(
        State.of(_OTHER_WORKSPACES, 9, store_id="st_01KJQ3AX4MZZZZZZZZZZZZZZZZ")
    ),
}
REVISIONS: Final = {
    "version 1": 0,
    "version 2, older": 4,
    "version 2, newer": 7,
    "older": 5,
    "newer": 6,
    "another store": 9,
}
STORES: Final = {"older": "this", "newer": "this", "another store": "another"}
"""Whose a file is; one of an older version does not tell, but is no later state of a store that has an id."""
DAMAGED: Final = ("corrupted", "empty", "version 1, corrupted")


def _expected(primary: str, snapshot: str) -> tuple[RecoveryOutcome, str, set[str]]:
    """The table's row: the outcome, which content is loaded, and which of the two files are quarantined at once."""
    damaged = {name for name, kind in (("primary", primary), ("snapshot", snapshot)) if kind in DAMAGED}
    if primary in REVISIONS and snapshot in REVISIONS:
        if _are_two_stores(primary, snapshot):
            return "recovered", primary, {"snapshot"}
        if REVISIONS[snapshot] > REVISIONS[primary]:
            return "recovered", snapshot, {"primary"}
        return "clean", primary, set()
    if primary in REVISIONS:
        return "clean", primary, damaged
    if snapshot in REVISIONS:
        return "recovered", snapshot, damaged
    if primary == snapshot == "missing":
        return "fresh", "nothing", set()
    return "dataLoss", "nothing", damaged


def _are_two_stores(primary: str, snapshot: str) -> bool:
    whose = [STORES.get(kind) for kind in (primary, snapshot)]
    if None not in whose:
        return whose[0] != whose[1]
    older, newer = (primary, snapshot) if whose[0] is None else (snapshot, primary)
    return whose != [None, None] and REVISIONS[older] > REVISIONS[newer]


def _put(data_dir: Path, primary: str, snapshot: str) -> None:
    for name, kind in ((PRIMARY, primary), (SNAPSHOT, snapshot)):
        data = FILES[kind]
        if data is not None:
            (data_dir / name).write_bytes(data)


ROWS = pytest.mark.parametrize(
    ("primary", "snapshot"), [(primary, snapshot) for primary in FILES for snapshot in FILES]
)


@ROWS
def test_each_row_of_the_table(tmp_path: Path, primary: str, snapshot: str) -> None:
    _put(tmp_path, primary, snapshot)
    outcome, loaded, superseded = _expected(primary, snapshot)
    before = files_below(tmp_path)
    began_at_ms = time.time_ns() // 1_000_000

    with closing(create_json_store(tmp_path)) as store:
        recovery, state, warnings = store.recovery, store.state, store.warnings
    assert recovery.outcome == outcome
    assert less_revision(state.workspaces()) == CONTENT[loaded]
    assert recovery.acknowledged == (outcome in ("fresh", "clean"))
    assert (recovery.reason is None) == recovery.acknowledged
    if recovery.reason is not None:
        assert PRIMARY in recovery.reason
    assert state.revision >= REVISIONS.get(loaded, 0)
    if outcome == "dataLoss":
        assert state.revision >= began_at_ms, "a client may know a lower revision, with another content"

    if loaded in STORES:
        assert state.store_id == parse_document(FILES[loaded] or b"").state.store_id

    must_keep = {
        name: FILES[kind]
        for name, kind in (("primary", primary), ("snapshot", snapshot))
        if name in superseded
    }
    for kind, name in ((primary, "primary"), (snapshot, "snapshot")):
        is_rewritten = before and files_below(tmp_path) != before
        if kind in ("version 1", "version 2, older", "version 2, newer") and is_rewritten:
            must_keep[name] = FILES[kind]
    kept = quarantined(tmp_path)
    assert sorted(kept.values()) == sorted(data for data in must_keep.values() if data is not None)
    named = {Path(copy).read_bytes() for copy in recovery.quarantined}
    assert named == {data for name, data in must_keep.items() if name in superseded}
    for kind, name in ((primary, PRIMARY), (snapshot, SNAPSHOT)):
        if kind in DAMAGED:
            assert any(warning.startswith(f"{name} is corrupted") for warning in warnings), warnings


@ROWS
def test_afterwards_both_files_are_the_same_and_sound_and_a_second_start_changes_nothing(
    tmp_path: Path, primary: str, snapshot: str
) -> None:
    _put(tmp_path, primary, snapshot)
    with closing(create_json_store(tmp_path)) as store:
        first, state = store.recovery, store.state
    files = files_below(tmp_path)
    assert files.get(PRIMARY) == files.get(SNAPSHOT)
    if primary == snapshot == "missing":
        assert not files
    else:
        data = files[PRIMARY]
        assert isinstance(data, bytes)
        assert parse_document(data).state.workspaces() == state.workspaces()

    with closing(create_json_store(tmp_path)) as store:
        if first.acknowledged:
            assert store.recovery == structs.replace(first, quarantined=()), "it tells what this start found"
        else:
            assert store.recovery == first, "the notice stays until it is acknowledged"
        assert (store.state.revision, store.get_all()) == (state.revision, state.workspaces())
        assert primary == snapshot == "missing" or store.state.store_id == state.store_id
        assert store.warnings == []
        assert files_below(tmp_path) == files
        commit(store, bulk.acknowledge_recovery)
        written = store.save(workspace(9))
    with closing(create_json_store(tmp_path)) as store:
        assert store.recovery.outcome == "clean"
        assert store.recovery.acknowledged
        assert store.get_by_id("ws_09") == written


def test_a_loss_stays_told_though_another_recovery_follows(tmp_path: Path) -> None:
    _put(tmp_path, "corrupted", "corrupted")
    create_json_store(tmp_path).close()
    (tmp_path / PRIMARY).write_bytes(b"damaged again")
    with closing(create_json_store(tmp_path)) as store:
        recovery = store.recovery
    assert recovery.outcome == "dataLoss"
    assert recovery.reason is not None
    assert "after that" in recovery.reason
    assert [Path(copy).read_bytes() for copy in recovery.quarantined] == [
        FILES["corrupted"],
        FILES["corrupted"],
        b"damaged again",
    ]


def test_the_notice_is_a_part_of_what_is_recovered(tmp_path: Path) -> None:
    notice = RecoveryNotice("dataLoss", "all was lost", ("/data/quarantine/a",), 1_772_449_264_788)
    (tmp_path / SNAPSHOT).write_bytes(
        encode_document(State.of([workspace(1)], 3, recovery=notice, store_id=STORE_ID))
    )
    with closing(create_json_store(tmp_path)) as store:
        assert store.recovery.outcome == "dataLoss"
        assert store.recovery.quarantined[0] == "/data/quarantine/a"
        assert store.state.revision == 4
