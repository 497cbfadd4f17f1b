"""State and Draft: what readers see, what a batch of writes comes to, and names that stand twice."""

import msgspec
import pytest
from msgspec import structs

from support.samples import step, workspace
from workspaced.domain import bulk, errors, sessions
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import Command, once
from workspaced.domain.draft import Draft
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced_protocol.models import Change, Session, Workspace

# What readers see


def test_a_new_state_is_empty() -> None:
    state = State()
    assert state.revision == 0
    assert state.workspaces() == []
    assert state.get("ws_01") is None
    assert state.get_by_name("Alpha") is None
    assert state.recovery is None


@pytest.mark.requirement("T011")
def test_workspaces_come_by_creation_time_then_by_id() -> None:
    late, tied, early = workspace(1, created_at=9), workspace(3, created_at=5), workspace(2, created_at=5)
    for order in ([late, tied, early], [early, tied, late], [tied, early, late]):
        assert State.of(order).workspaces() == [early, tied, late]


def test_the_list_of_workspaces_is_the_callers_own() -> None:
    state = State.of([workspace(1)])
    state.workspaces().clear()
    assert state.workspaces() == [workspace(1)]


def test_a_record_holds_the_json_of_its_workspace() -> None:
    state, _ = step(State.of([workspace(1)], revision=3), workspaces_.close("ws_01", None, 50))
    record = state.records["ws_01"]
    assert msgspec.json.decode(record.json, type=Workspace) == record.workspace
    assert record.workspace.revision == 4


def test_readers_see_nothing_of_a_draft() -> None:
    state = State.of([workspace(1), workspace(2)], revision=5, request_keys={"old": None})
    before = state.workspaces()
    draft = Draft(state)
    for command in (
        workspaces_.close("ws_01", None, 50),
        once("new", workspaces_.remove("ws_02")),
        workspaces_.create("ws_03", "Three", "/three", 60),
    ):
        draft.apply(command(draft))
    draft.apply(sessions.begin_session(Session("ss_1", "ws_03", None, 1, 1), 1)(draft))
    assert state.revision == 5
    assert state.workspaces() == before
    assert state.get_by_name("Workspace 2") == workspace(2)
    assert state.get_by_name("Three") is None
    assert list(state.request_keys) == ["old"]
    assert not state.sessions
    after = draft.freeze()
    assert after.revision == 8
    assert [(workspace.id, workspace.state) for workspace in after.workspaces()] == [
        ("ws_01", "closed"),
        ("ws_03", "active"),
    ]
    assert list(after.request_keys) == ["old", "new"]
    assert len(after.sessions.of_workspace("ws_03")) == 1


def test_a_later_write_of_a_draft_sees_the_earlier_ones() -> None:
    draft = Draft(State())
    draft.apply(workspaces_.create("ws_01", "Alpha", "/a", 1)(draft))
    assert draft.workspaces() == [draft.get("ws_01")]
    with pytest.raises(errors.NameConflict):
        workspaces_.create("ws_02", "ALPHA", "/b", 2)(draft)
    draft.apply(workspaces_.delete("ws_01", 1)(draft))
    draft.apply(workspaces_.create("ws_02", "ALPHA", "/b", 2)(draft))
    assert draft.workspaces() == [draft.get("ws_02")]
    assert draft.revision == 3


def test_a_draft_collects_the_changes_of_its_outcomes_in_order() -> None:
    draft = Draft(State.of([workspace(1)]))
    draft.apply(workspaces_.remove("ws_99")(draft))
    draft.apply(workspaces_.save(workspace(2), None)(draft))
    draft.apply(workspaces_.remove("ws_01")(draft))
    assert draft.touches_store
    assert draft.changes == [
        Change(save=structs.replace(workspace(2), revision=1)),
        Change(remove="ws_01"),
    ]


def test_what_changes_nothing_does_not_touch_the_store() -> None:
    draft = Draft(State.of([workspace(1)], revision=7))
    for command in (workspaces_.remove("ws_99"), bulk.apply([], None), bulk.current_revision):
        draft.apply(command(draft))
    draft.apply(sessions.begin_session(Session("ss_1", "ws_01", None, 1, 1), 1)(draft))
    assert not draft.touches_store
    assert draft.freeze().revision == 7


def test_a_flush_touches_the_store_under_the_same_revision() -> None:
    draft = Draft(State(7))
    draft.apply(bulk.flush(draft))
    assert draft.touches_store
    assert draft.changes == []
    assert draft.freeze().revision == 7


def test_the_notice_of_a_recovery_stays_until_it_is_acknowledged() -> None:
    notice = RecoveryNotice("dataLoss", "both files are gone", ("/q/1",), 5)
    state = State.of([workspace(1)], revision=5, recovery=notice)
    state, _ = step(state, workspaces_.close("ws_01", None, 50))
    assert state.recovery == notice
    state, outcome = step(state, bulk.acknowledge_recovery)
    assert state.recovery is None
    assert outcome.touches_store
    assert (state.revision, outcome.result) == (7, None)
    state, outcome = step(state, bulk.acknowledge_recovery)
    assert not outcome.touches_store
    assert state.revision == 7


# A name that an older app's store holds twice

EARLY, LATE = workspace(1, name="Twice", created_at=1), workspace(2, name="tWICE", created_at=2)


@pytest.mark.requirement("FR-002")
def test_both_are_kept_and_the_name_gives_one_of_them() -> None:
    state = State.of([EARLY, LATE])
    assert state.workspaces() == [EARLY, LATE]
    assert state.get_by_name("twice") == EARLY


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("id_", ["ws_01", "ws_02"])
def test_each_can_be_changed_and_a_third_is_refused(id_: str) -> None:
    state, _ = step(State.of([EARLY, LATE]), workspaces_.close(id_, None, 50))
    state, _ = step(state, workspaces_.update(id_, "TWICE", "/other", None, 50))
    state, _ = step(
        state, workspaces_.save(structs.replace(state.records[id_].workspace, state="active"), None)
    )
    with pytest.raises(errors.NameConflict):
        step(state, workspaces_.create("ws_03", "Twice", "/c", 60))


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize(
    "leave",
    [
        workspaces_.remove("ws_01"),
        workspaces_.update("ws_01", "Once", None, None, 50),
        workspaces_.save(structs.replace(EARLY, state="deleted"), None),
    ],
    ids=["remove", "rename", "save as deleted"],
)
def test_the_other_holds_the_name_once_the_holder_leaves_it(leave: Command) -> None:
    state, _ = step(State.of([EARLY, LATE, workspace(3, name="tWice", state="deleted")]), leave)
    assert state.get_by_name("Twice") == LATE
    with pytest.raises(errors.NameConflict):
        step(state, workspaces_.create("ws_04", "Twice", "/c", 60))
    state, _ = step(state, workspaces_.remove("ws_02"))
    assert state.get_by_name("Twice") is None


@pytest.mark.requirement("FR-002")
def test_a_deleted_one_comes_back_only_to_a_free_name() -> None:
    state, _ = step(State.of([EARLY, LATE]), workspaces_.save(structs.replace(EARLY, state="deleted"), None))
    with pytest.raises(errors.NameConflict):
        step(state, workspaces_.save(EARLY, None))


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize(
    ("workspaces", "command"),
    [
        ([EARLY, LATE], bulk.flush),
        ([LATE, EARLY], bulk.flush),
        ([EARLY, LATE], workspaces_.close("ws_01", None, 50)),
        ([EARLY, LATE], workspaces_.update("ws_01", None, "/other", None, 50)),
        ([EARLY, LATE], workspaces_.save(EARLY, None)),
        ([EARLY, LATE], workspaces_.close("ws_02", None, 50)),
    ],
    ids=["by time", "in another order", "close", "update", "save", "close of the other"],
)
def test_the_name_gives_the_same_one_before_a_restart_and_after(
    workspaces: list[Workspace], command: Command
) -> None:
    loaded = State.of(workspaces)
    found = loaded.get_by_name("Twice")
    state, _ = step(loaded, command)
    still = state.get_by_name("Twice")
    restarted = State.of(state.workspaces(), state.revision).get_by_name("Twice")  # the order in the files
    assert still == restarted
    assert found is not None
    assert still is not None
    assert still.id == found.id  # a write that leaves the names alone does not move them
