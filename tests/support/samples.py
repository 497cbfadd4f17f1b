"""Workspaces for tests, made by hand or by hypothesis, and what a command comes to on a small store."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import strategies as st
from msgspec import structs

from support.documents import STORE_ID
from workspaced.domain import sessions
from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause, events_of
from workspaced.domain.errors import Refused
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.store import WorkspaceStore, create_json_store
from workspaced.store.contract import commit_of
from workspaced_protocol.annotations import tag_key
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.models import Peer, ProjectBinding, Session, Workspace, WorkspaceState


def workspace(
    number: int = 1,
    *,
    name: str | None = None,
    root_path: str = "/src",
    state: WorkspaceState = "active",
    created_at: int | None = None,
    projects: tuple[ProjectBinding, ...] = (),
) -> Workspace:
    """A workspace that differs from those of other numbers in id, name and time."""
    created_at = number if created_at is None else created_at
    return Workspace(
        id=f"ws_{number:02}",
        name=f"Workspace {number}" if name is None else name,
        root_path=root_path,
        state=state,
        created_at=created_at,
        updated_at=created_at,
        projects=projects,
    )


def project(number: int, workspace_id: str, git_url: str | None = None) -> ProjectBinding:
    """A project of that workspace; each odd one is stale."""
    return ProjectBinding(
        id=f"proj_{number:02}",
        workspace_id=workspace_id,
        root_path=f"/src/repository {number}",
        git_url=git_url,
        status="stale" if number % 2 else "active",
        bound_at=number,
    )


def fifty_by_ten() -> list[Workspace]:
    """50 workspaces with 10 projects each: ids, names and paths of the lengths that people have."""
    workspaces: list[Workspace] = []
    for number in range(50):
        id_ = f"ws_01KJ3Q8Z{number:018}"
        home = f"/home/dev/code/日本語 dir/repository-{number}"
        projects = tuple(
            ProjectBinding(
                id=f"proj_01KJ3Q8Z{number * 10 + index:018}",
                workspace_id=id_,
                root_path=f"{home}/packages/p{index}",
                git_url=f"https://git.example.com/team/p{index}.git" if index % 2 else None,
                status="stale" if index % 5 == 0 else "active",
                bound_at=1_772_150_000_000 + index,
            )
            for index in range(10)
        )
        workspaces.append(
            Workspace(
                id=id_,
                name=f"日本語ワークスペース 🚀 {number}",
                root_path=home,
                state="closed" if number % 5 == 4 else "active",
                created_at=1_772_449_264_788 + number,
                updated_at=1_773_234_583_997 + number,
                projects=projects,
            )
        )
    return workspaces


# A lone surrogate can't be stored: the protocol refuses it (protocol.md, Transport).
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_NUMBER = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
METADATA = st.dictionaries(TEXT.filter(bool), _JSON, max_size=3)
_ID = st.text("ABab01_-", min_size=1, max_size=12) | st.just("Z" * 128)
_TIME_MS = st.integers(0, MAX_SAFE_INTEGER)
_MACHINE = st.none() | st.sampled_from(["laptop", "devbox.example.com"])
_PATH = TEXT.map(lambda text: "/" + text.replace("\0", ""))


@st.composite
def stored_workspaces(draw: st.DrawFn) -> list[Workspace]:
    """Any workspaces that one store may hold at a time, in any order."""
    ids = draw(st.lists(_ID, max_size=5, unique=True))
    return [_any_workspace(draw, f"ws_{id_}", number) for number, id_ in enumerate(ids)]


def _any_workspace(draw: st.DrawFn, id_: str, number: int) -> Workspace:
    projects = draw(
        st.lists(
            st.builds(
                ProjectBinding,
                id=_ID.map(lambda id_: f"proj_{id_}"),
                workspace_id=st.just(id_),
                root_path=TEXT,
                git_url=st.none() | TEXT,
                status=st.sampled_from(["active", "stale"]),
                bound_at=_TIME_MS,
                machine=_MACHINE,
            ),
            max_size=4,
            unique_by=lambda project: project.id,
        )
    )
    return Workspace(
        id=id_,
        name=f"{number}{draw(TEXT)}",  # the number keeps names apart
        root_path=draw(_PATH),
        state=draw(st.sampled_from(["active", "closed", "deleted"])),
        created_at=draw(_TIME_MS),
        updated_at=draw(_TIME_MS),
        tags=tuple(draw(st.lists(TEXT.filter(bool), max_size=3, unique_by=tag_key))),
        metadata=draw(METADATA),
        machine=draw(_MACHINE),
        projects=tuple(projects),
    )


def step(state: State, command: Command) -> tuple[State, Outcome]:
    """The state after one command that is granted, and the command's outcome."""
    draft = Draft(state)
    outcome = command(draft)
    draft.apply(outcome)
    return draft.freeze(), outcome


def commit(store: WorkspaceStore, command: Command) -> object:
    """Commit one command, as the writer does; return its result."""
    draft = Draft(store.state)
    outcome = command(draft)
    draft.apply(outcome)
    store.commit(commit_of(draft))
    return outcome.result


def same_after_a_restart(data_dir: Path, store: WorkspaceStore) -> bool:
    """Close the store; return whether a start finds the same, in order."""
    before = (store.get_all(), store.state.revision)
    store.close()
    with closing(create_json_store(data_dir)) as again:
        return (again.get_all(), again.state.revision) == before and again.recovery.outcome == "clean"


def less_revision(workspaces: list[Workspace]) -> list[Workspace]:
    """The same with revision 0, which is the one field that a store sets by itself."""
    return [structs.replace(workspace, revision=0) for workspace in workspaces]


# A small store, and what a command comes to on it

ALPHA = structs.replace(workspace(1, name="Alpha"), revision=5)
BETA = structs.replace(
    workspace(2, name="Beta", state="closed", projects=(project(1, "ws_02"),)), created_at=20, revision=7
)
GONE = structs.replace(workspace(3, name="Gone", state="deleted"), revision=8)
STATE = State.of([ALPHA, BETA, GONE], revision=9, store_id=STORE_ID)


def told(outcome: Outcome, method: str = "", state: State = STATE) -> list[tuple[str, object, int]]:
    """Topic, own payload and revision of each event of a method's command; `state` is that before it."""
    entries = Draft(state).apply(outcome, Cause("cor_1", Peer(1, 1), method), 1)
    events = [event for entry in entries for event in events_of(entry)]
    return [
        (event.topic, msgspec.to_builtins(event.payload), event.revision)
        for event in (*events, *outcome.events)
    ]


def refusal(command: Command, state: State = STATE) -> Refused:
    """What refuses the command; the state is as it was."""
    before = (state.revision, state.workspaces(), dict(state.names), dict(state.request_keys))
    with pytest.raises(Refused) as refused:
        command(state)
    assert (state.revision, state.workspaces(), dict(state.names), dict(state.request_keys)) == before
    return refused.value


def with_sessions(state: State, workspace_id: str, count: int = 1) -> State:
    """The state with sessions `ss_0`, `ss_1`, … in that workspace, each of the connection of its number."""
    for number in range(count):
        session = Session(f"ss_{number}", workspace_id, None, 1, 1)
        state, _ = step(state, sessions.begin_session(session, connection=number))
    return state
