"""Commands: what each one changes, which event tells of it, and what refuses it."""

from collections.abc import Callable

import pytest
from msgspec import structs

from support.samples import ALPHA, BETA, STATE, project, refusal, step, told, workspace
from workspaced.domain import bulk, sessions, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import InvalidField, InvalidState, NameConflict, NotFound, RevisionConflict
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced_protocol.models import Change, Session, Workspace, WorkspaceState

# Create


@pytest.mark.requirement("FR-001", "FR-009")
def test_create_gives_an_active_workspace() -> None:
    state, outcome = step(STATE, workspaces.create("ws_new", "New", "/new", 30))
    expected = Workspace(
        id="ws_new",
        name="New",
        root_path="/new",
        state="active",
        created_at=30,
        updated_at=30,
        revision=10,
        projects=(),
    )
    assert outcome.result == expected
    assert outcome.touches_store
    assert state.revision == 10
    assert state.get("ws_new") == expected
    assert state.get_by_name("NEW") == expected
    assert told(outcome) == [
        ("workspace.created", {"workspaceId": "ws_new", "name": "New", "rootPath": "/new"}, 10)
    ]


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("name", ["Alpha", "alpha", "ALPHA"])
def test_of_two_creates_of_one_name_the_first_wins(name: str) -> None:
    state, _ = step(State(), workspaces.create("ws_1", "Alpha", "/a", 1))
    refused = refusal(workspaces.create("ws_2", name, "/b", 2), state)
    assert isinstance(refused, NameConflict)
    assert refused.data == {"id": "ws_1"}
    assert f"“{name}”" in refused.message
    assert "“Alpha” at /a" in refused.message


@pytest.mark.requirement("FR-002")
def test_a_name_of_1000_characters_is_accepted() -> None:
    state, _ = step(State(), workspaces.create("ws_1", "x" * 1000, "/a", 1))
    assert state.get_by_name("X" * 1000) is not None


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("name", ["", "  ", "\u3000"])
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda name: workspaces.create("ws_1", name, "/a", 1), "name"),
        (lambda name: workspaces.update("ws_01", name, None, None, 1), "name"),
        (lambda name: workspaces.save(workspace(name=name), None), "workspace.name"),
        (lambda name: bulk.apply([Change(save=workspace(name=name))], None), "changes[0].save.name"),
    ],
    ids=["create", "update", "save", "apply"],
)
def test_a_blank_name_is_refused(make: Callable[[str], Command], path: str, name: str) -> None:
    with pytest.raises(InvalidField) as refused:
        make(name)
    assert refused.value.data == {"path": path}


@pytest.mark.parametrize("root_path", ["", "src", "/a\0b"])
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda root: workspaces.create("ws_1", "A", root, 1), "rootPath"),
        (lambda root: workspaces.update("ws_01", None, root, None, 1), "rootPath"),
        (lambda root: workspaces.save(workspace(root_path=root), None), "workspace.rootPath"),
        (
            lambda root: bulk.apply([Change(save=workspace(root_path=root))], None),
            "changes[0].save.rootPath",
        ),
    ],
    ids=["create", "update", "save", "apply"],
)
def test_a_root_path_that_can_not_be_one_is_refused(
    make: Callable[[str], Command], path: str, root_path: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        make(root_path)
    assert refused.value.data == {"path": path}


# Open, close, delete


@pytest.mark.requirement("FR-001", "FR-009")
def test_open_makes_a_closed_workspace_active() -> None:
    state, outcome = step(STATE, workspaces.open_("ws_02", None, 50))
    expected = structs.replace(BETA, state="active", updated_at=50, revision=10)
    assert outcome.result == state.get("ws_02") == expected
    assert state.revision == 10
    assert told(outcome, "workspace.open") == [("workspace.opened", {"workspaceId": "ws_02"}, 10)]


@pytest.mark.requirement("FR-001", "FR-009")
def test_close_makes_an_active_workspace_closed() -> None:
    state, outcome = step(STATE, workspaces.close("ws_01", None, 50))
    expected = structs.replace(ALPHA, state="closed", updated_at=50, revision=10)
    assert outcome.result == state.get("ws_01") == expected
    assert state.revision == 10
    assert told(outcome, "workspace.close") == [("workspace.closed", {"workspaceId": "ws_01"}, 10)]


@pytest.mark.requirement("FR-001", "FR-002", "FR-009")
@pytest.mark.parametrize("id_", ["ws_01", "ws_02"])
def test_delete_takes_an_active_or_closed_workspace_out_and_frees_its_name(id_: str) -> None:
    name = STATE.records[id_].workspace.name
    state, outcome = step(STATE, workspaces.delete(id_, None))
    assert outcome.result is None
    assert state.get(id_) is None
    assert state.get_by_name(name) is None
    assert state.revision == 10
    assert told(outcome) == [("workspace.deleted", {"workspaceId": id_}, 10)]
    state, _ = step(state, workspaces.create("ws_new", name, "/new", 60))
    assert state.revision == 11


MOVES: dict[str, Callable[[str], Command]] = {
    "open": lambda id_: workspaces.open_(id_, None, 50),
    "close": lambda id_: workspaces.close(id_, None, 50),
    "delete": lambda id_: workspaces.delete(id_, None),
    "update": lambda id_: workspaces.update(id_, "New", None, None, 50),
    "begin_session": lambda id_: sessions.begin_session(Session("ss_1", id_, None, 1, 1), 1),
}


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize(
    ("move", "id_", "is_", "required"),
    [
        ("open", "ws_01", "active", "closed"),
        ("open", "ws_03", "deleted", "closed"),
        ("close", "ws_02", "closed", "active"),
        ("close", "ws_03", "deleted", "active"),
        ("delete", "ws_03", "deleted", "active or closed"),
        ("update", "ws_03", "deleted", "active or closed"),
        ("begin_session", "ws_02", "closed", "active"),
        ("begin_session", "ws_03", "deleted", "active"),
    ],
)
def test_any_other_move_says_which_state_it_is_in_and_which_it_must_be_in(
    move: str, id_: str, is_: WorkspaceState, required: str
) -> None:
    refused = refusal(MOVES[move](id_))
    assert isinstance(refused, InvalidState)
    assert refused.data == {"state": is_, "required": required}
    workspace = STATE.get(id_)
    assert workspace is not None
    assert f"“{workspace.name}” is {is_}" in refused.message
    assert f"must be {required}" in refused.message


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize("move", MOVES)
def test_an_unknown_workspace_is_not_found(move: str) -> None:
    refused = refusal(MOVES[move]("ws_99"))
    assert isinstance(refused, NotFound)
    assert "ws_99" in refused.message


@pytest.mark.requirement("FR-001")
def test_a_transition_leaves_the_objects_before_it_as_they_were() -> None:
    state, _ = step(STATE, workspaces.close("ws_01", None, 50))
    assert state.get("ws_01") is not STATE.get("ws_01")
    assert STATE.get("ws_01") == ALPHA
    assert STATE.revision == 9


@pytest.mark.parametrize("move", ["open", "close", "update"])
def test_a_change_is_never_dated_before_the_last_one(move: str) -> None:
    id_ = "ws_02" if move == "open" else "ws_01"
    before = structs.replace(STATE.records[id_].workspace, updated_at=90)
    state, _ = step(State.of([before]), MOVES[move](id_))  # at 50: the clock has stepped back
    assert state.records[id_].workspace.updated_at == 90


# Update


@pytest.mark.parametrize(
    ("name", "root_path"), [("Other", None), (None, "/other"), ("Other", "/other"), ("ALPHA", None)]
)
def test_update_changes_what_is_given(name: str | None, root_path: str | None) -> None:
    state, outcome = step(STATE, workspaces.update("ws_01", name, root_path, None, 50))
    expected = structs.replace(
        ALPHA, name=name or "Alpha", root_path=root_path or "/src", updated_at=50, revision=10
    )
    assert outcome.result == state.get("ws_01") == expected
    assert told(outcome) == [("workspace.updated", {"workspaceId": "ws_01"}, 10)]
    assert state.get_by_name(expected.name) == expected


@pytest.mark.requirement("FR-002")
def test_update_gives_the_former_name_free_and_takes_no_other() -> None:
    state, _ = step(STATE, workspaces.update("ws_01", "Other", None, None, 50))
    assert state.get_by_name("Alpha") is None
    refused = refusal(workspaces.update("ws_02", "OTHER", None, None, 50), state)
    assert isinstance(refused, NameConflict)
    assert refused.data == {"id": "ws_01"}
    step(state, workspaces.update("ws_02", "alpha", None, None, 50))


def test_an_update_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidField, match="nothing to update"):
        workspaces.update("ws_01", None, None, None, 50)


# Save and remove


def test_save_keeps_every_field_but_the_revision() -> None:
    given = structs.replace(
        workspace(7, name="Ünï", root_path="/日本", state="closed", projects=(project(1, "ws_elsewhere"),)),
        updated_at=3,
        revision=4711,
    )
    state, outcome = step(STATE, workspaces.save(given, None))
    assert outcome.result == state.get("ws_07") == structs.replace(given, revision=10)
    assert told(outcome) == [
        ("workspace.created", {"workspaceId": "ws_07", "name": "Ünï", "rootPath": "/日本"}, 10)
    ]


def test_save_puts_the_workspace_in_place_of_what_its_id_held() -> None:
    given = structs.replace(workspace(1, name="Other", state="closed"), updated_at=0)
    state, outcome = step(STATE, workspaces.save(given, None))
    assert state.get("ws_01") == structs.replace(given, revision=10)
    assert state.get_by_name("Alpha") is None
    assert told(outcome) == [("workspace.updated", {"workspaceId": "ws_01"}, 10)]


@pytest.mark.requirement("FR-002")
def test_save_of_a_taken_name_is_refused() -> None:
    refused = refusal(workspaces.save(workspace(7, name="aLPHA"), None))
    assert isinstance(refused, NameConflict)
    assert refused.data == {"id": "ws_01"}


@pytest.mark.requirement("FR-002")
def test_a_deleted_workspace_neither_holds_a_name_nor_needs_a_free_one() -> None:
    state, _ = step(STATE, workspaces.save(workspace(7, name="Alpha", state="deleted"), None))
    assert state.get_by_name("Alpha") == ALPHA
    state, _ = step(state, workspaces.save(workspace(1, name="Alpha", state="deleted"), None))
    assert state.get_by_name("Alpha") is None
    state, _ = step(state, workspaces.save(workspace(7, name="Alpha"), None))
    refused = refusal(workspaces.save(workspace(1, name="Alpha"), None), state)
    assert refused.data == {"id": "ws_07"}


def test_a_project_that_is_listed_twice_is_refused() -> None:
    twice = (project(1, "ws_01"), project(2, "ws_01"), project(1, "ws_01"))
    with pytest.raises(InvalidField, match="proj_01 is listed twice") as refused:
        workspaces.save(workspace(1, projects=twice), None)
    assert refused.value.data == {"path": "workspace.projects[2].id"}


def test_remove_takes_out_whatever_the_id_holds() -> None:
    for id_ in ("ws_01", "ws_02", "ws_03"):
        state, outcome = step(STATE, workspaces.remove(id_))
        assert outcome.result is None
        assert state.get(id_) is None
        assert state.revision == 10
        assert told(outcome) == [("workspace.deleted", {"workspaceId": id_}, 10)]


def test_remove_of_an_unknown_id_changes_nothing() -> None:
    state, outcome = step(STATE, workspaces.remove("ws_99"))
    assert outcome == Outcome(None)
    assert not outcome.touches_store
    assert state.revision == 9


# ifRevision


CONDITIONAL: dict[str, Callable[[int | None], Command]] = {
    "open": lambda revision: workspaces.open_("ws_02", revision, 50),
    "close": lambda revision: workspaces.close("ws_01", revision, 50),
    "update": lambda revision: workspaces.update("ws_01", "New", None, revision, 50),
    "delete": lambda revision: workspaces.delete("ws_01", revision),
    "save": lambda revision: workspaces.save(ALPHA, revision),
    "save again": lambda revision: workspaces.save(workspace(7), revision),
    "apply": lambda revision: bulk.apply([Change(save=ALPHA)], revision),
}
CURRENT = {"open": 7, "save again": 0, "apply": 9}  # the others: 5, where Alpha is


@pytest.mark.parametrize("write", CONDITIONAL)
def test_a_write_goes_on_at_the_revision_that_it_names(write: str) -> None:
    state, _ = step(STATE, CONDITIONAL[write](CURRENT.get(write, 5)))
    assert state.revision == 10


@pytest.mark.parametrize("off_by", [1, -1])
@pytest.mark.parametrize("write", CONDITIONAL)
def test_a_write_at_another_revision_is_refused(write: str, off_by: int) -> None:
    current = CURRENT.get(write, 5)
    refused = refusal(CONDITIONAL[write](current + off_by))
    assert isinstance(refused, RevisionConflict)
    assert refused.data == {"revision": current}
    assert f"revision {current}, not {current + off_by}" in refused.message


def test_ifrevision_0_is_a_revision_too() -> None:
    assert isinstance(refusal(workspaces.close("ws_01", 0, 50)), RevisionConflict)
    assert isinstance(refusal(bulk.apply([], 0)), RevisionConflict)
