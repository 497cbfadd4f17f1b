"""The state of the store as readers see it, and the draft that a batch of writes changes.

A `State` never changes: each commit replaces it with a new one. A `Draft` is a private copy, to which the writer
applies a batch, one outcome after the other. So a later write sees the earlier writes of its batch, and readers
see none of them before they are durable.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Final

from workspaced.domain.entries import Cause, Entry, first_revision
from workspaced.domain.history import History
from workspaced.domain.outcome import Outcome
from workspaced.domain.records import Lost, OwnedSession, Record, RecoveryNotice, encode
from workspaced_protocol.models import Change, Peer, Unreachable, Workspace
from workspaced_protocol.names import name_key

MAX_REQUEST_KEYS: Final = 256
"""The limit of request keys, at 60 bytes a key in each commit. Held keys and the last batch's are kept beyond it."""

MAX_HELD_KEYS: Final = 8192
"""The limit of keys held from before a start: two full queues of writes. Only a loop of crashes leaves more."""


@dataclass
class State:
    """The content of the store at one revision, and the active sessions, which are not stored.

    Frozen by convention: only a `Draft` changes its own copies.
    """

    revision: int = 0
    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """From `name_key` to workspace id, without deleted workspaces: their names are free."""
    request_keys: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """The keys of applied writes, oldest first, each with its workspace's id."""
    recovery: RecoveryNotice | None = None
    sessions: Mapping[str, OwnedSession] = field(default_factory=dict[str, OwnedSession])
    held_keys: int = field(default=0, compare=False)
    """The number of oldest keys that must not be dropped yet: their clients may still repeat writes after a restart."""
    ordered: Sequence[Record] = field(default=(), compare=False)
    """All records by creation time, kept sorted: sorting thousands for each read takes milliseconds."""
    lost: Lost = field(default=Lost({}, lists_all=False), compare=False)
    """What the damaged files hold, while `recovery` is not acknowledged. It is read at the start, not stored."""
    history: History = field(default_factory=History, compare=False)
    """The newest changes that led here."""
    store_id: str = ""
    """The store's identity, which no commit changes; empty only where no store has given it (storage.md, Format)."""

    @classmethod
    def of(
        cls,
        workspaces: Iterable[Workspace],
        revision: int = 0,
        request_keys: Mapping[str, str | None] | None = None,
        recovery: RecoveryNotice | None = None,
        store_id: str = "",
    ) -> State:
        """Return the state of these workspaces, whose ids must differ; the newest request keys are held."""
        keys = dict([*(request_keys or {}).items()][-MAX_HELD_KEYS:])
        draft = Draft(
            State(
                revision,
                request_keys=keys,
                recovery=recovery,
                held_keys=len(keys),
                store_id=store_id,
                history=History(complete_since=revision),
            )
        )
        for workspace in workspaces:
            draft.put(workspace)
        return draft.freeze()

    def get(self, id_: str) -> Workspace | None:
        """Return the workspace of this id, or None."""
        record = self.records.get(id_)
        return record.workspace if record else None

    def get_by_name(self, name: str) -> Workspace | None:
        """Return the workspace of this name, compared without case, or None."""
        record = self.record_named(name)
        return record.workspace if record else None

    def record_named(self, name: str) -> Record | None:
        """Return the same with its JSON text."""
        id_ = self.names.get(name_key(name))
        return self.records[id_] if id_ else None

    def workspaces(self) -> list[Workspace]:
        """Return all workspaces by creation time."""
        return [record.workspace for record in self.ordered]

    def salvageable_count(self) -> int:
        """Return the number of lost workspaces that can be brought back: their ids and names are free."""
        return sum(
            id_ not in self.records and (each.state == "deleted" or name_key(each.name) not in self.names)
            for id_, each in self.lost.workspaces.items()
        )

    def find_change(self, revision: int) -> Entry | None:
        """Return the change that took this revision, or None."""
        return self.history.find(revision)

    def newest_change_of(self, workspace_id: str) -> Entry | None:
        """Return the last change of this workspace, or None."""
        return self.history.newest_of(workspace_id)

    def session_count(self, workspace_id: str) -> int:
        """Return the number of active sessions in this workspace."""
        return sum(owned.session.workspace_id == workspace_id for owned in self.sessions.values())


class Draft(State):
    """A private copy of a state, to which a batch of writes is applied."""

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
            state.lost,
            state.history,
            state.store_id,
        )
        self._new_keys = 0
        self.changes: list[Change] = []
        """The changes of all outcomes so far, in order."""
        self.entries: list[Entry] = []
        """The same as entries of the history, for the store to write."""
        self.touches_store = False
        self.keeps_previous: str | None = None
        self.is_changed = False
        """Whether it differs from the original state."""

    def apply(self, outcome: Outcome, cause: Cause | None = None, at_ms: int = 0) -> Sequence[Entry]:
        """Apply the outcome of a command that ran on this draft; return its changes as entries of the history.

        Without a cause it is a trial, and no change is returned. What brings the last lost workspace back ends the
        notice.
        """
        earlier = len(self.entries)
        is_return = self.recovery is not None and any(
            change.save is not None
            and change.save.id in self.lost.workspaces
            and change.save.id not in self._records
            for change in outcome.changes
        )
        for change, following in zip_longest(outcome.changes, outcome.changes[1:]):
            self.revision += 1
            self.changes.append(change)
            if change is following:
                continue  # several changes share one content: the last one saves it
            id_ = change.save.id if change.save is not None else change.remove or ""
            before = self.records.get(id_)
            if change.save is not None:
                self.put(change.save)
            else:
                self.drop(id_)
            after = self.records.get(id_)
            if cause is not None and (before or after):
                self.entries.append(_entry(self.revision, before, after, outcome.reasons, cause, at_ms))
        if outcome.touches_store or outcome.begun or outcome.ended:
            self.is_changed = True
        if outcome.begun is not None:
            self._sessions[outcome.begun.session.id] = outcome.begun
        for session_id in outcome.ended:
            del self._sessions[session_id]
        nothing_is_missing = is_return and self.lost.lists_all and self.lost.is_in(self._records.keys())
        if outcome.acknowledges_recovery or nothing_is_missing:
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
        return self.entries[earlier:]

    def find_change(self, revision: int) -> Entry | None:
        """See State. The changes of this draft are not in the history yet."""
        own = (entry for entry in self.entries if first_revision(entry) <= revision <= entry.revision)
        return next(own, None) or super().find_change(revision)

    def newest_change_of(self, workspace_id: str) -> Entry | None:
        """See State."""
        own = (entry for entry in reversed(self.entries) if entry.workspace_id == workspace_id)
        return next(own, None) or super().newest_change_of(workspace_id)

    def freeze(self) -> State:
        """Return the state of the draft, which must not be used afterwards."""
        if self._new_keys:
            # After a kill, all clients of the last batch may repeat their writes, so all its keys are kept.
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
            self.lost,
            self.history.extended(self.entries),
            self.store_id,
        )

    def release_keys(self) -> None:
        """Let the oldest keys be dropped as usual."""
        self.held_keys = 0

    def put(self, workspace: Workspace) -> None:
        """Add the workspace, or replace the one with its id; the revision stays."""
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
        """Remove the workspace of this id, if there is one; the revision stays."""
        self._free_name(id_)
        record = self._records.pop(id_, None)
        if record is not None:
            del self._ordered[self._position(record.workspace)]

    def _position(self, workspace: Workspace) -> int:
        """Return the index of the workspace in the order, present or not."""
        key = _sort_key(workspace)
        # The usual case: a new workspace, or one read from a file.
        if not self._ordered or _sort_key(self._ordered[-1].workspace) < key:
            return len(self._ordered)
        return bisect_left(self._ordered, key, key=lambda record: _sort_key(record.workspace))

    def _claim_name(self, workspace: Workspace) -> None:
        """Give the workspace its name. If an older app's store has the name twice, the oldest workspace gets it."""
        if workspace.state == "deleted":
            return
        key = name_key(workspace.name)
        holder = self._records[self._names.get(key, workspace.id)].workspace
        if _sort_key(workspace) <= _sort_key(holder):
            self._names[key] = workspace.id

    def _free_name(self, id_: str) -> None:
        record = self._records.get(id_)
        key = name_key(record.workspace.name) if record else None
        if key is None or self._names.get(key) != id_:
            return
        del self._names[key]
        if len(self._names) + 1 == len(self._records):
            return  # all names were unique: no other workspace has this one
        for other in self._records.values():
            if other.workspace.id != id_ and name_key(other.workspace.name) == key:
                self._claim_name(other.workspace)


def _sort_key(workspace: Workspace) -> tuple[int, str]:
    """Return the sort key of workspaces: creation time, then id for a stable order."""
    return workspace.created_at, workspace.id


def _has_same_place(one: Workspace, other: Workspace) -> bool:
    """Return whether two versions of a workspace have the same sort key and hold the same name."""
    return (one.created_at, one.name, one.state == "deleted") == (
        other.created_at,
        other.name,
        other.state == "deleted",
    )


def _entry(
    revision: int,
    before: Record | None,
    after: Record | None,
    reasons: Mapping[str, Unreachable] | None,
    cause: Cause,
    at_ms: int,
) -> Entry:
    """Return a change as an entry of the history."""
    either = after or before
    if either is None:
        raise ValueError("a change has a workspace")
    return Entry(
        revision=revision,
        at_ms=at_ms,
        method=cause.method,
        workspace_id=either.workspace.id,
        name=either.workspace.name,
        before=before.json if before else None,
        after=after.json if after else None,
        by=cause.peer or Peer(os.getpid(), os.getuid()),
        correlation_id=cause.correlation_id,
        reasons=reasons,
    )
