"""The commands on projects: what each changes under which revision, which events tell of it, what refuses it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from support.bound_workspaces import GONE, bound, found, run, state_of
from support.samples import told
from workspaced.domain import commands, projects, records
from workspaced.domain import draft as draft_module
from workspaced.domain.commands import Command
from workspaced.domain.errors import (
    DuplicateProject,
    InvalidState,
    NotFound,
    PathUnreachable,
    RevisionConflict,
)
from workspaced.domain.outcome import Outcome
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.domain.state import State
from workspaced_protocol.models import ProjectBinding, ProjectStatus, Workspace


def bind(path: str, facts: PathFacts, *, git_url: str | None = None, now_ms: int = 50) -> Command:
    return projects.bind("ws_1", "proj_new", path, git_url, facts, now_ms)


# Bind


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize("workspace_state", ["active", "closed"])
def test_bind_adds_the_directory_that_the_path_leads_to(workspace_state: str) -> None:
    workspace = structs.replace(bound("active"), state=workspace_state)
    state, outcome = run(state_of(workspace), bind("/link", {"/link": found("/real")}))
    project = ProjectBinding(
        id="proj_new", workspace_id="ws_1", root_path="/real", status="active", bound_at=50
    )
    expected = structs.replace(workspace, projects=(*workspace.projects, project), updated_at=50, revision=8)
    assert outcome.result == state.get("ws_1") == expected
    assert state.revision == 8
    payload = {"workspaceId": "ws_1", "projectId": "proj_new", "rootPath": "/real"}
    assert told(outcome, "project.bind", state_of(workspace)) == [("project.bound", payload, 8)]


@pytest.mark.requirement("FR-003")
def test_a_clone_is_bound_with_its_url() -> None:
    url = "https://git.example.com/a.git"
    state, outcome = run(state_of(bound()), bind("/a", {"/a": found("/a")}, git_url=url))
    workspace = state.get("ws_1")
    assert workspace is not None
    assert workspace.projects[0].git_url == url
    payload = {"workspaceId": "ws_1", "projectId": "proj_new", "rootPath": "/a", "gitUrl": url}
    assert told(outcome, "project.clone", state_of(bound())) == [("project.bound", payload, 8)]


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("/p0", {"/p0": found("/p0")}),
        ("/link", {"/link": found("/p0")}),
        ("/P0", {"/P0": found("/P0", 5), "/p0": found("/p0", 5)}),
        ("/real", {"/real": found("/real", 5), "/p0": found("/real", 5)}),
    ],
    ids=["its path", "a link", "another case, where the file system has one", "bound by a link"],
)
def test_the_same_directory_is_not_bound_twice(path: str, facts: PathFacts) -> None:
    with pytest.raises(DuplicateProject) as refused:
        bind(path, facts)(state_of(bound("active")))
    assert refused.value.data == {"id": "proj_0"}
    assert "proj_0" in refused.value.message


@pytest.mark.requirement("FR-003")
def test_a_name_that_is_not_utf8_is_not_bound() -> None:
    """JSON can't hold it."""
    with pytest.raises(PathUnreachable) as refused:
        bind("/link", {"/link": found("/\udcff")})(state_of(bound()))
    assert refused.value.data == {"path": "/link", "reason": "unusable"}
    assert "not UTF-8" in refused.value.message


def test_another_workspace_may_bind_the_same_directory() -> None:
    other = structs.replace(bound(), id="ws_2", name="Two")
    state = State.of([bound("active"), other], revision=7)
    state, _ = run(state, projects.bind("ws_2", "proj_new", "/p0", None, {"/p0": found("/p0")}, 50))
    workspace = state.get("ws_2")
    assert workspace is not None
    assert [project.root_path for project in workspace.projects] == ["/p0"]


@pytest.mark.requirement("FR-003")
def test_what_can_not_be_reached_is_not_bound() -> None:
    with pytest.raises(PathUnreachable) as refused:
        bind("/gone", {"/gone": GONE})(state_of(bound()))
    assert refused.value.data == {"path": "/gone", "reason": "missing"}
    assert refused.value.message.startswith("/gone does not exist:")


# Unbind


@pytest.mark.requirement("FR-003")
def test_unbind_takes_one_project_out() -> None:
    before = bound("active", "stale", "active")
    state, outcome = run(state_of(before), projects.unbind("ws_1", "proj_1", 50))
    kept = (before.projects[0], before.projects[2])
    assert outcome.result == state.get("ws_1")
    assert state.get("ws_1") == structs.replace(before, projects=kept, updated_at=50, revision=8)
    assert told(outcome, "project.unbind", state_of(before)) == [
        ("project.unbound", {"workspaceId": "ws_1", "projectId": "proj_1"}, 8)
    ]


@pytest.mark.requirement("FR-003")
def test_unbinding_an_unknown_project_is_an_error() -> None:
    with pytest.raises(NotFound) as refused:
        projects.unbind("ws_1", "proj_9", 50)(state_of(bound("active")))
    assert refused.value.data == {"id": "proj_9"}


# Check and open


@pytest.mark.requirement("FR-004")
def test_check_makes_projects_stale_and_active_each_under_a_revision_of_its_own() -> None:
    before = bound("active", "stale", "active", "stale")
    facts: PathFacts = {"/p0": GONE, "/p1": found("/p1"), "/p2": found("/p2"), "/p3": GONE}
    state, outcome = run(state_of(before), projects.check("ws_1", facts, 50))
    assert statuses(state) == ["stale", "active", "active", "stale"]
    assert outcome.result == state.get("ws_1")
    assert state.revision == 9
    stale = {"workspaceId": "ws_1", "projectId": "proj_0", "status": "stale", "reason": "missing"}
    active = {"workspaceId": "ws_1", "projectId": "proj_1", "status": "active"}
    assert told(outcome, "project.check", state_of(before)) == [
        ("project.statusChanged", stale, 8),
        ("project.statusChanged", active, 9),
    ]


def test_a_check_that_finds_all_as_it_was_changes_nothing() -> None:
    before = bound("active", "stale")
    outcome = projects.check("ws_1", {"/p0": found("/p0"), "/p1": GONE}, 50)(state_of(before))
    assert outcome == Outcome(before)
    assert not outcome.touches_store


@pytest.mark.requirement("FR-004")
def test_an_open_that_makes_two_stale_is_three_changes() -> None:
    before = bound("active", "active", "active", state="closed")
    facts: PathFacts = {"/p0": GONE, "/p1": found("/p1"), "/p2": Unreached("permission", "may not be read")}
    state, outcome = run(state_of(before), projects.open_("ws_1", 7, facts, 50))
    assert len(outcome.changes) == 3
    assert [
        (topic, revision) for topic, _, revision in told(outcome, "workspace.open", state_of(before))
    ] == [
        ("workspace.opened", 8),
        ("project.statusChanged", 9),
        ("project.statusChanged", 10),
    ]
    assert statuses(state) == ["stale", "active", "stale"]
    opened = state.get("ws_1")
    assert opened == outcome.result
    assert opened is not None
    assert (opened.state, opened.revision, state.revision) == ("active", 10, 10)


def test_an_open_with_all_as_it_was_is_one_change() -> None:
    before = bound("active", state="closed")
    state, outcome = run(state_of(before), projects.open_("ws_1", None, {"/p0": found("/p0")}, 50))
    assert state.get("ws_1") == structs.replace(before, state="active", updated_at=50, revision=8)
    assert told(outcome, "workspace.open", state_of(before)) == [
        ("workspace.opened", {"workspaceId": "ws_1"}, 8)
    ]


def test_an_open_is_refused_as_without_projects() -> None:
    with pytest.raises(InvalidState):
        projects.open_("ws_1", None, {"/p0": GONE}, 50)(state_of(bound("active")))
    with pytest.raises(RevisionConflict):
        projects.open_("ws_1", 6, {"/p0": GONE}, 50)(state_of(bound("active", state="closed")))


@pytest.mark.requirement("FR-004")
def test_what_was_bound_since_the_look_stays_as_it_is() -> None:
    state, _ = run(state_of(bound("active", "stale")), projects.check("ws_1", {}, 50))
    assert statuses(state) == ["active", "stale"]


def test_a_check_of_many_projects_takes_no_more_than_one_change_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy of the workspace for each of them would keep all clients waiting for seconds."""
    encoded: list[object] = []
    encode = records.encode

    def counted(value: object) -> bytes:
        encoded.append(value)
        return encode(value)

    monkeypatch.setattr(draft_module, "encode", counted)
    statuses: list[ProjectStatus] = ["active"] * 300
    before = bound(*statuses)
    checking = projects.check("ws_1", {f"/p{number}": GONE for number in range(300)}, 50)
    state = state_of(before)
    encoded.clear()
    after, outcome = run(state, checking)
    assert after.revision == 307
    assert len(encoded) == 1
    assert len({id(change.save) for change in outcome.changes}) == 1


_STATUSES = st.lists(st.sampled_from(("active", "stale")), max_size=5)
_FACTS = st.dictionaries(
    st.sampled_from([f"/p{number}" for number in range(5)]),
    st.sampled_from([GONE, Unreached("timedOut", "hangs"), found("/x")]),
)


@pytest.mark.requirement("FR-004")
@settings(deadline=None, max_examples=150)
@given(before=_STATUSES, facts=_FACTS, is_open=st.booleans(), now_ms=st.integers(0, 100))
def test_any_check_ends_where_the_facts_are(
    before: list[ProjectStatus], facts: dict[str, Reachable | Unreached], is_open: bool, now_ms: int
) -> None:
    workspace = bound(*before, state="closed")
    command = (
        projects.open_("ws_1", None, facts, now_ms) if is_open else projects.check("ws_1", facts, now_ms)
    )
    state, outcome = run(state_of(workspace), command)
    expected = list(before)
    for number in range(len(before)):
        if f"/p{number}" in facts:
            expected[number] = "active" if isinstance(facts[f"/p{number}"], Reachable) else "stale"
    assert statuses(state) == expected
    # One change, one revision, one event each, in order; the last one is what is there and what is answered.
    differing = sum(one != other for one, other in zip(before, expected, strict=True)) + is_open
    revisions = [7 + number for number in range(1, differing + 1)]
    method = "workspace.open" if is_open else "project.check"
    assert [revision for *_, revision in told(outcome, method, state_of(workspace))] == revisions
    assert len(outcome.changes) == differing
    assert state.revision == 7 + differing
    after = state.get("ws_1")
    assert after == outcome.result
    assert after is not None
    assert after.updated_at == (max(10, now_ms) if differing else 10)
    assert (
        structs.replace(after, projects=workspace.projects, state="closed", updated_at=10, revision=7)
        == workspace
    )


# What holds for all of them


@pytest.mark.parametrize(
    "command",
    [
        bind("/a", {"/a": GONE}),
        projects.unbind("ws_1", "proj_9", 50),
        projects.check("ws_1", {}, 50),
    ],
    ids=["bind", "unbind", "check"],
)
def test_the_workspace_must_be_there_and_not_deleted(command: Command) -> None:
    with pytest.raises(NotFound) as missing:
        command(State())
    assert missing.value.data == {"id": "ws_1"}
    with pytest.raises(InvalidState) as deleted:
        command(state_of(bound("active", state="deleted")))
    assert deleted.value.data == {"state": "deleted", "required": "active or closed"}


@pytest.mark.parametrize("clock_ms", [0, 9, 10])
def test_a_clock_that_stepped_back_does_not_take_updated_at_back(clock_ms: int) -> None:
    state, _ = run(state_of(bound()), bind("/a", {"/a": found("/a")}, now_ms=clock_ms))
    workspace = state.get("ws_1")
    assert workspace is not None
    assert workspace.updated_at == 10


def test_a_repeated_key_gives_the_workspace_as_it_is_now() -> None:
    checking = commands.once("key", projects.check("ws_1", {}, 50), projects.as_it_is("ws_1"))
    state, _ = run(state_of(bound("active")), checking)
    state, _ = run(state, bind("/a", {"/a": found("/a")}))
    _, repeated = run(state, checking)
    assert isinstance(repeated.result, Workspace)
    assert repeated.result == state.get("ws_1")
    assert not repeated.touches_store


def statuses(state: State) -> list[ProjectStatus]:
    """The status of each project of `ws_1`."""
    workspace = state.get("ws_1")
    assert workspace is not None
    return [project.status for project in workspace.projects]
