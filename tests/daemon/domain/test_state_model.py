"""Any sequence of writes gives what a plain dict of workspaces would hold."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from support.samples import step
from workspaced.domain import bulk, errors, sessions
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import Command, once
from workspaced.domain.state import State
from workspaced_protocol.models import Change, Session, Workspace, WorkspaceState

NAMES = {"a": 1, "A": 1, "ß": 2, "SS": 2, "\u00c9": 3, "e\u0301": 3, "b": 4}
"""Names, and a number that is the same for those that are one name."""

IDS = [f"ws_{number}" for number in range(6)]
STATES: list[WorkspaceState] = ["active", "closed", "deleted"]
TIMES = st.integers(0, 5)
SOME_REVISION = st.sampled_from(["none", "current", "other"])


def any_workspace(id_: str) -> st.SearchStrategy[Workspace]:
    return st.builds(
        Workspace,
        id=st.just(id_),
        name=st.sampled_from(sorted(NAMES)),
        root_path=st.sampled_from(["/a", "/b"]),
        state=st.sampled_from(STATES),
        created_at=TIMES,
        updated_at=TIMES,
        projects=st.just(()),
        revision=st.integers(0, 20),
    )


ANY_WORKSPACE = st.sampled_from(IDS).flatmap(any_workspace)
ANY_CHANGE = st.builds(Change, save=ANY_WORKSPACE) | st.builds(Change, remove=st.sampled_from(IDS))
MOVES: dict[str, tuple[Callable[[str, int | None, int], Command], WorkspaceState, WorkspaceState]] = {
    "open": (workspaces_.open_, "closed", "active"),
    "close": (workspaces_.close, "active", "closed"),
}


def contents(state: State) -> tuple[object, ...]:
    """A copy of all that a state holds, each in its own order."""
    return (
        state.revision,
        dict(state.records),
        [*state.ordered],
        dict(state.names),
        [*state.request_keys.items()],
        [*state.sessions.items()],
    )


class Model(RuleBasedStateMachine):
    """The state beside a dict from id to workspace, a revision, and the sessions of each id."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.held: dict[str, Workspace] = {}
        self.revision = 0
        self.sessions: dict[str, str] = {}
        self.made = 0

    @initialize(loaded=st.tuples(*map(any_workspace, IDS)), count=st.integers(0, len(IDS)))
    def load(self, loaded: tuple[Workspace, ...], count: int) -> None:
        # As from an older app's store: a name may stand twice.
        self.state = State.of(loaded[:count], 20)
        self.held = {workspace.id: workspace for workspace in loaded[:count]}
        self.revision = 20

    @rule()
    def restart(self) -> None:
        self.state = State.of(self.state.workspaces(), self.revision, self.state.request_keys)
        self.sessions.clear()

    @rule(name=st.sampled_from(sorted(NAMES)), now_ms=TIMES)
    def create(self, name: str, now_ms: int) -> None:
        self.made += 1
        id_ = f"ws_new_{self.made}"
        created = Workspace(
            id=id_,
            name=name,
            root_path="/new",
            state="active",
            created_at=now_ms,
            updated_at=now_ms,
            projects=(),
            revision=self.revision + 1,
        )
        refused = self.conflict(created, self.held)
        if self.run(workspaces_.create(id_, name, "/new", now_ms), refused):
            self.hold(created)

    @rule(data=st.data(), move=st.sampled_from(sorted(MOVES)), revision=SOME_REVISION, now_ms=TIMES)
    def transition(self, data: st.DataObject, move: str, revision: str, now_ms: int) -> None:
        make, required, target = MOVES[move]
        id_ = self.some_id(data)
        at, refused = self.at(id_, revision)
        before = self.held.get(id_)
        if before is not None and refused is None and before.state != required:
            refused = errors.InvalidState
        if self.run(make(id_, at, now_ms), refused) and before is not None:
            self.put(structs.replace(before, state=target, updated_at=max(now_ms, before.updated_at)))

    @rule(data=st.data(), name=st.none() | st.sampled_from(sorted(NAMES)), revision=SOME_REVISION)
    def update(self, data: st.DataObject, name: str | None, revision: str) -> None:
        id_ = self.some_id(data)
        at, refused = self.at(id_, revision)
        before = self.held.get(id_)
        after = before and structs.replace(before, root_path="/updated", name=name or before.name)
        if before is not None and after is not None and refused is None:
            if before.state == "deleted":
                refused = errors.InvalidState
            elif name is not None:
                refused = self.conflict(after, self.held)
        if self.run(workspaces_.update(id_, name, "/updated", at, 0), refused) and after is not None:
            self.put(after)

    @rule(data=st.data(), revision=SOME_REVISION)
    def delete(self, data: st.DataObject, revision: str) -> None:
        id_ = self.some_id(data)
        at, refused = self.at(id_, revision)
        if refused is None and self.held[id_].state == "deleted":
            refused = errors.InvalidState
        elif refused is None and id_ in self.sessions.values():
            refused = errors.ActiveSessions
        if self.run(workspaces_.delete(id_, at), refused):
            del self.held[id_]
            self.revision += 1

    @rule(changes=st.lists(ANY_CHANGE, max_size=4))
    def apply(self, changes: list[Change]) -> None:
        held, revision = dict(self.held), self.revision
        refused: type[errors.Refused] | None = None
        busy = set(self.sessions.values())
        for change in changes:
            if change.save is not None:
                if change.save.state == "deleted" and change.save.id in busy:
                    refused = refused or errors.ActiveSessions
                refused = refused or self.conflict(change.save, held)
                revision += 1
                held[change.save.id] = structs.replace(change.save, revision=revision)
            elif change.remove in held:
                if change.remove in busy:
                    refused = refused or errors.ActiveSessions
                del held[change.remove]
                revision += 1
        if self.run(bulk.apply(changes, None), refused):
            self.held, self.revision = held, revision

    @rule(data=st.data(), key=st.sampled_from(["k1", "k2", "k3"]))
    def keyed_remove(self, data: st.DataObject, key: str) -> None:
        id_ = self.some_id(data)
        repeated = key in self.state.request_keys
        busy = id_ in self.sessions.values()
        refused = errors.ActiveSessions if busy and not repeated else None
        if self.run(once(key, workspaces_.remove(id_)), refused) and not repeated:
            self.held.pop(id_, None)
            self.revision += 1

    @rule(data=st.data())
    def begin_session(self, data: st.DataObject) -> None:
        id_ = self.some_id(data)
        self.made += 1
        session = Session(f"ss_{self.made}", id_, None, 1, 1)
        refused: type[errors.Refused] | None = None
        if id_ not in self.held:
            refused = errors.NotFound
        elif self.held[id_].state != "active":
            refused = errors.InvalidState
        if self.run(sessions.begin_session(session, connection=1), refused):
            self.sessions[session.id] = id_

    @rule()
    def end_sessions(self) -> None:
        assert self.run(sessions.end_sessions_of([1]), None)
        self.sessions.clear()

    @invariant()
    def the_state_is_as_the_model(self) -> None:
        in_order = sorted(self.held.values(), key=lambda workspace: (workspace.created_at, workspace.id))
        assert self.state.revision == self.revision
        assert self.state.workspaces() == in_order
        for name in NAMES:
            found = self.state.get_by_name(name)
            holders = self.holders(name, self.held)
            assert (found.id if found else None) == next(
                (one.id for one in in_order if one.id in holders), None
            )
        for id_, record in self.state.records.items():
            assert msgspec.json.decode(record.json, type=Workspace) == record.workspace == self.held[id_]
            assert len(self.state.sessions.of_workspace(id_)) == list(self.sessions.values()).count(id_)

    def run(self, command: Command, refused: type[errors.Refused] | None) -> bool:
        """Whether the command was granted, as it should be; a state that was read stays as it was."""
        read = self.state
        before = contents(read)
        try:
            self.state, _ = step(self.state, command)
            met = None
        except errors.Refused as error:
            met = type(error)
        assert met is refused
        assert before == contents(read)
        return refused is None

    def some_id(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([*sorted(self.held), "ws_unknown"]))

    def at(self, id_: str, revision: str) -> tuple[int | None, type[errors.Refused] | None]:
        """An `ifRevision`, and what refuses it."""
        if id_ not in self.held:
            return None, errors.NotFound
        current = self.held[id_].revision
        given = {"none": None, "current": current, "other": current + 1}[revision]
        return given, errors.RevisionConflict if revision == "other" else None

    def conflict(self, new: Workspace, held: dict[str, Workspace]) -> type[errors.Refused] | None:
        holders = self.holders(new.name, held)
        # One that stands beside its double may be saved again.
        taken = new.state != "deleted" and holders and new.id not in holders
        return errors.NameConflict if taken else None

    @staticmethod
    def holders(name: str, held: dict[str, Workspace]) -> set[str]:
        return {
            workspace.id
            for workspace in held.values()
            if workspace.state != "deleted" and NAMES[workspace.name] == NAMES[name]
        }

    def put(self, workspace: Workspace) -> None:
        self.hold(structs.replace(workspace, revision=self.revision + 1))

    def hold(self, workspace: Workspace) -> None:
        self.held[workspace.id] = workspace
        self.revision += 1


Model.TestCase.settings = settings(deadline=None, max_examples=50, stateful_step_count=30)
TestAnySequenceOfWrites = pytest.mark.requirement("FR-001", "FR-002", "FR-008")(Model.TestCase)
