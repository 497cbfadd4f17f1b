"""The state of the store: what every reader sees, and the draft that a batch of writes works on.

A `State` never changes; each commit puts a new one in its place. A `Draft` is the private copy on
which the writer applies a batch, one outcome after the other, so that a later write of the batch
sees the earlier ones and readers see none of them before they are durable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Final, NamedTuple

import msgspec

from workspaced_protocol.events import Topic
from workspaced_protocol.models import Change, Model, RecoveryOutcome, Session, TimeMs, Workspace
from workspaced_protocol.names import name_key

MAX_REQUEST_KEYS: Final = 256
"""How many request keys are kept, each for 60 bytes a commit; and always those of the last batch, and the held ones."""

MAX_HELD_KEYS: Final = 8192
"""How many keys may be held from before a start: two full queues of writes; more only a loop of crashes leaves."""

encode: Final = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A workspace with its JSON text, which is the same on the wire and in the file."""

    workspace: Workspace
    json: bytes


class OwnedSession(NamedTuple):
    """A session, and the number of the connection that it ends with."""

    session: Session
    connection: int


class RecoveryNotice(Model, frozen=True):
    """What a start had to recover from; kept in the store until a user acknowledges it."""

    outcome: RecoveryOutcome
    reason: str
    quarantined: tuple[str, ...]
    occurred_at: TimeMs


class Event(NamedTuple):
    """Something that happened; it is told only once it is durable."""

    topic: Topic
    payload: Model
    revision: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command comes to: its result, and what has to change for it to be true.

    `changes` are applied in order, each under a revision of its own.
    """

    result: object
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    begun: OwnedSession | None = None
    ended: tuple[str, ...] = ()
    acknowledges_recovery: bool = False
    rewrites_files: bool = False
    keeps_previous: str | None = None
    """Why a copy of what the store held before is to be kept, in a word or two joined by hyphens."""
    request_key: tuple[str, str | None] | None = None
    """The key to remember, and the workspace that a repeat is answered with."""

    @property
    def touches_store(self) -> bool:
        """Whether the store must commit before this outcome is true."""
        return bool(self.changes or self.acknowledges_recovery or self.rewrites_files or self.request_key)


@dataclass
class State:
    """All that the store holds at one revision, and the sessions of the apps that are connected.

    Frozen by agreement: only `Draft` changes its own copies. Sessions are not stored.
    """

    revision: int = 0
    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """`name_key` to workspace id, less the deleted ones, whose names are free."""
    request_keys: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """The keys of writes that were applied, oldest first, and the workspace that each is about."""
    recovery: RecoveryNotice | None = None
    sessions: Mapping[str, OwnedSession] = field(default_factory=dict[str, OwnedSession])
    held_keys: int = field(default=0, compare=False)
    """How many of the oldest keys are kept whatever follows: their clients may not know of a restart yet."""
    ordered: Sequence[Record] = field(default=(), compare=False)
    """All records by creation time; kept so, since to sort thousands for each reader takes milliseconds."""

    @classmethod
    def of(
        cls,
        workspaces: Iterable[Workspace],
        revision: int = 0,
        request_keys: Mapping[str, str | None] | None = None,
        recovery: RecoveryNotice | None = None,
    ) -> State:
        """The state that holds these workspaces, whose ids differ; the newest request keys are held."""
        keys = dict([*(request_keys or {}).items()][-MAX_HELD_KEYS:])
        draft = Draft(State(revision, request_keys=keys, recovery=recovery, held_keys=len(keys)))
        for workspace in workspaces:
            draft.put(workspace)
        return draft.freeze()

    def get(self, id_: str) -> Workspace | None:
        """The workspace of this id, or None."""
        record = self.records.get(id_)
        return record.workspace if record else None

    def get_by_name(self, name: str) -> Workspace | None:
        """The workspace of this name, compared without case, or None."""
        record = self.record_named(name)
        return record.workspace if record else None

    def record_named(self, name: str) -> Record | None:
        """The same with its JSON text."""
        id_ = self.names.get(name_key(name))
        return self.records[id_] if id_ else None

    def workspaces(self) -> list[Workspace]:
        """All workspaces by creation time."""
        return [record.workspace for record in self.ordered]

    def session_count(self, workspace_id: str) -> int:
        """How many sessions are active in this workspace."""
        return sum(owned.session.workspace_id == workspace_id for owned in self.sessions.values())


class Draft(State):
    """A copy of a state, for one batch of writes to be applied to."""

    def __init__(self, state: State) -> None:
        self._records = dict(state.records)
        self._names = dict(state.names)
        self._request_keys = dict(state.request_keys)
        self._sessions = dict(state.sessions)
        self._ordered = list(state.ordered)
        super().__init__(
            state.revision,
            self._records,
            self._names,
            self._request_keys,
            state.recovery,
            self._sessions,
            state.held_keys,
            self._ordered,
        )
        self._new_keys = 0
        self.changes: list[Change] = []
        """The changes of all outcomes so far, in order: what a store has to write."""
        self.touches_store = False
        self.keeps_previous: str | None = None
        self.is_changed = False
        """Whether anything differs from the state it was made of."""

    def apply(self, outcome: Outcome) -> None:
        """Makes the outcome of a command on this very draft true."""
        for change, following in zip_longest(outcome.changes, outcome.changes[1:]):
            self.revision += 1
            if change is following:
                pass  # one of several that differ by nothing but their revisions: the last one stands for all
            elif change.save is not None:
                self.put(change.save)
            elif change.remove is not None:
                self.drop(change.remove)
            self.changes.append(change)
        if outcome.touches_store or outcome.begun or outcome.ended:
            self.is_changed = True
        if outcome.begun is not None:
            self._sessions[outcome.begun.session.id] = outcome.begun
        for session_id in outcome.ended:
            del self._sessions[session_id]
        if outcome.acknowledges_recovery:
            self.recovery = None
        if outcome.request_key is not None:
            key, workspace_id = outcome.request_key
            self._request_keys[key] = workspace_id
            self._new_keys += 1
        self.keeps_previous = outcome.keeps_previous or self.keeps_previous
        if outcome.touches_store:
            self.touches_store = True
            if not outcome.changes and (outcome.acknowledges_recovery or outcome.request_key):
                self.revision += 1

    def freeze(self) -> State:
        """The state as it is now; the draft must not be used after it."""
        if self._new_keys:
            # After a kill, the clients of a whole batch may ask again, however large it was.
            excess = len(self._request_keys) - self.held_keys - max(MAX_REQUEST_KEYS, self._new_keys)
            for key in [*islice(self._request_keys, self.held_keys, self.held_keys + max(excess, 0))]:
                del self._request_keys[key]
        return State(
            self.revision,
            self.records,
            self.names,
            self.request_keys,
            self.recovery,
            self.sessions,
            self.held_keys,
            self.ordered,
        )

    def release_keys(self) -> None:
        """Holds no keys any longer."""
        self.held_keys = 0

    def put(self, workspace: Workspace) -> None:
        """The workspace stands in place of what its id held; the revision is left alone."""
        record = Record(workspace, encode(workspace))
        current = self._records.get(workspace.id)
        if current is not None and _has_same_place(current.workspace, workspace):
            self._ordered[self._position(workspace)] = record
            self._records[workspace.id] = record
            return
        self.drop(workspace.id)
        self._records[workspace.id] = record
        self._ordered.insert(self._position(workspace), record)
        self._claim_name(workspace)

    def drop(self, id_: str) -> None:
        """The id holds nothing; the revision is left alone."""
        self._free_name(id_)
        record = self._records.pop(id_, None)
        if record is not None:
            del self._ordered[self._position(record.workspace)]

    def _position(self, workspace: Workspace) -> int:
        """Where the workspace stands in the order, or would stand."""
        age = _age(workspace)
        if not self._ordered or _age(self._ordered[-1].workspace) < age:  # as in a file, or of a new one
            return len(self._ordered)
        return bisect_left(self._ordered, age, key=lambda record: _age(record.workspace))

    def _claim_name(self, workspace: Workspace) -> None:
        """Gives the workspace its name; where an older app's store holds it twice, the oldest has it."""
        if workspace.state == "deleted":
            return
        key = name_key(workspace.name)
        holder = self._records[self._names.get(key, workspace.id)].workspace
        if _age(workspace) <= _age(holder):
            self._names[key] = workspace.id

    def _free_name(self, id_: str) -> None:
        record = self._records.get(id_)
        key = name_key(record.workspace.name) if record else None
        if key is None or self._names.get(key) != id_:
            return
        del self._names[key]
        if len(self._names) + 1 == len(self._records):
            return  # every name was held once: nobody waits for this one
        for other in self._records.values():
            if other.workspace.id != id_ and name_key(other.workspace.name) == key:
                self._claim_name(other.workspace)


def _age(workspace: Workspace) -> tuple[int, str]:
    """What workspaces are ordered by: the time of creation, then the id, so that it is always the same."""
    return workspace.created_at, workspace.id


def _has_same_place(one: Workspace, other: Workspace) -> bool:
    """Whether two versions of a workspace stand at the same place in the order, and under the same name."""
    return (one.created_at, one.name, one.state == "deleted") == (
        other.created_at,
        other.name,
        other.state == "deleted",
    )
