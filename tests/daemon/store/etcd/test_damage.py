"""Damage: keys that were edited or deleted while no daemon ran are recovered from the history, kept aside, and told."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.etcd import needs_etcd
from support.etcd_stores import Machines, news_of
from support.samples import workspace
from workspaced.store.contract import StoreUnusable
from workspaced.store.etcd import starting
from workspaced.store.etcd.messages import Delete, Put

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T014", "T015")]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a start not wait for other daemons that put it right."""
    monkeypatch.setattr(starting, "_PUT_RIGHT_SECONDS", 0.01)


def edit(machines: Machines, *operations: tuple[str, bytes | None]) -> None:
    """Put or delete keys, by the ends of their names."""
    names = [*machines.stored()]
    machines.gateway.transact(
        [],
        [
            Delete(machines.key(name)) if value is None else Put(machines.key(name), value)
            for end, value in operations
            for name in names
            if name.endswith(end)
        ],
    )


@pytest.fixture
def stopped(machines: Machines) -> Machines:
    """Machines of which none runs, with three workspaces."""
    desk = machines.open("desk")
    for number in (1, 2, 3):
        desk.save(workspace(number))
    machines.close("desk")
    return machines


@pytest.mark.parametrize(
    "edits",
    [
        [("/workspace/ws_01", b"{}")],
        [("/workspace/ws_01", b"\xff"), ("/workspace/ws_02", None)],
        [("/workspace/ws_03", b'{"id":"ws_03","name":"X","rootPath":"/x","state":"active"}')],
    ],
)
def test_what_the_history_proves_is_recovered(
    stopped: Machines, edits: list[tuple[str, bytes | None]]
) -> None:
    edit(stopped, *edits)
    desk = stopped.open("desk")
    assert [each.name for each in desk.get_all()] == ["Workspace 1", "Workspace 2", "Workspace 3"]
    assert (desk.recovery.outcome, desk.recovery.acknowledged) == ("recovered", False)
    assert "were edited or deleted" in (desk.recovery.reason or "")
    assert "all of revision 3" in (desk.recovery.reason or "")
    (copy,) = desk.recovery.quarantined
    assert b'"workspaces":[' in Path(copy).read_bytes()
    assert not desk.check().primary.corrupted
    lap = stopped.open("lap")
    assert lap.recovery.reason == desk.recovery.reason
    lap.save(workspace(4))
    news_of(desk)
    assert [each.id for each in desk.get_all()] == ["ws_01", "ws_02", "ws_03", "ws_04"]


def test_what_is_lost_is_told_as_a_loss(stopped: Machines) -> None:
    edit(
        stopped, ("/workspace/ws_01", None), ("/history/0000000000000001", None), ("/workspace/ws_02", b"{}")
    )
    desk = stopped.open("desk")
    assert [each.id for each in desk.get_all()] == ["ws_02", "ws_03"]
    assert desk.recovery.outcome == "dataLoss"
    assert "2 workspaces could be read, and 1 more are missing" in (desk.recovery.reason or "")
    assert desk.state.revision > 3


DAMAGED_HEADS: dict[str, Callable[[dict[str, object]], object]] = {
    "of another generation": lambda head: {**head, "generation": "g_" + "0" * 26},
    "without its number": lambda head: {name: head[name] for name in head if name != "workspaces"},
    "of another number": lambda head: {**head, "workspaces": 7},
}


@pytest.mark.parametrize("head", DAMAGED_HEADS)
def test_a_head_that_was_edited_is_made_anew(stopped: Machines, head: str) -> None:
    found = json.loads(stopped.stored()["head"])
    edit(stopped, ("head", json.dumps(DAMAGED_HEADS[head](found)).encode()))
    desk = stopped.open("desk")
    assert [each.id for each in desk.get_all()] == ["ws_01", "ws_02", "ws_03"]
    assert desk.state.store_id == found["storeId"]
    assert not desk.recovery.acknowledged


def test_a_head_that_does_not_tell_its_store_is_left_as_it_is(stopped: Machines) -> None:
    edit(stopped, ("head", b"{"))
    before = stopped.stored()
    with pytest.raises(StoreUnusable, match="does not tell which one it is"):
        stopped.open("desk")
    assert stopped.stored() == before


def test_damage_of_another_store_is_left_as_it_is(stopped: Machines) -> None:
    edit(stopped, ("/workspace/ws_01", b"{}"))
    before = stopped.stored()
    with pytest.raises(StoreUnusable, match="nothing was written"):
        stopped.open("desk", expected_id="st_" + "0" * 26)
    assert stopped.stored() == before


def test_a_change_that_can_not_be_read_ends_the_history_there(stopped: Machines) -> None:
    edit(stopped, ("/history/0000000000000002", b"\xff"))
    desk = stopped.open("desk")
    assert desk.recovery.outcome == "clean"
    assert [entry.revision for entry in desk.state.history.entries] == [3]
    assert desk.state.history.complete_since == 2
    assert any("revision 2" in warning for warning in desk.warnings)


def test_a_check_tells_damage(stopped: Machines) -> None:
    desk = stopped.open("desk")
    edit(stopped, ("head", json.dumps(json.loads(stopped.stored()["head"]) | {"workspaces": 9}).encode()))
    checked = desk.check().primary
    assert checked.corrupted
    assert "3 workspaces are not the 9" in (checked.reason or "")
