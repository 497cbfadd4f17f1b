"""The draft: a private copy of a state, which a batch of writes changes.

The writer applies a batch to a draft, one outcome after the other. So a later write sees the earlier writes of its
batch, and readers see none of them before they are durable. A draft also notes what it changes, for the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest
from typing import Final

from workspaced.domain.entries import Cause, Entry, first_revision
from workspaced.domain.outcome import Outcome
from workspaced.domain.records import Outline, OwnedSession, Record, encode
from workspaced.domain.request_keys import MAX_REQUEST_KEYS
from workspaced.domain.state import State, sort_key
from workspaced_protocol.models import Change, Peer, Unreachable, Workspace

_FIELDS: Final = tuple(each.name for each in fields(State))


class Draft(State):
    """A private copy of a state, to which a batch of writes is applied."""

    def __init__(self, state: State) -> None:
        super().__init__(*(getattr(state, name) for name in _FIELDS))
        self.changes: list[Change] = []
        """The changes of all outcomes so far, in order."""
        self.entries: list[Entry] = []
        """The same as entries of the history."""
        self.changed: dict[str, Record | None] = {}
        """Each workspace that was changed, by id, as it is now; None for a removed one."""
        self.new_keys: dict[str, str | None] = {}
        """The request keys that were added, each with its workspace's id."""
        self.dropped_keys: Sequence[str] = ()
        """The oldest request keys, which `freeze` has dropped beyond their limit."""
        self.begun: dict[str, OwnedSession] = {}
        """The sessions that have begun and not ended since, by id."""
        self.ended: list[str] = []
        """The sessions of the original state that have ended."""
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
            and change.save.id not in self.records
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
            self.begin(outcome.begun)
        for session_id in outcome.ended:
            self.end(session_id)
        nothing_is_missing = is_return and self.lost.lists_all and self.lost.is_in(self.records)
        if outcome.acknowledges_recovery or nothing_is_missing:
            self.recovery = None
        if outcome.request_key is not None:
            key, workspace_id = outcome.request_key
            self.request_keys = self.request_keys.with_key(key, workspace_id)
            self.new_keys[key] = workspace_id
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
        """Return the state of the draft, which must not be changed afterwards."""
        if self.new_keys:
            # After a kill, all clients of the last batch may repeat their writes, so all its keys are kept.
            kept = max(MAX_REQUEST_KEYS, len(self.new_keys))
            self.request_keys, self.dropped_keys = self.request_keys.without_oldest(kept)
        self.history = self.history.extended(self.entries)
        return State(*(getattr(self, name) for name in _FIELDS))

    def release_keys(self) -> None:
        """Let the request keys of before the start be dropped as usual."""
        self.request_keys = self.request_keys.released()

    def put(self, workspace: Workspace) -> None:
        """Add the workspace, or replace the one with its id; the revision stays."""
        self.put_record(Record(workspace, encode(workspace)))

    def put_record(self, record: Record) -> None:
        """Do the same with a workspace whose text is known."""
        workspace = record.outline
        current = self.records.get(workspace.id)
        if current is None:
            self.names = self.names.with_workspace(workspace)
        else:
            if not _bear_one_name(current.outline, workspace):
                self.names = self.names.without_workspace(current.outline).with_workspace(workspace)
            if sort_key(current) != sort_key(record):
                self.ordered = self.ordered.without(current)
        self.records = self.records.with_item(workspace.id, record)
        self.ordered = self.ordered.with_item(record)
        self.changed[workspace.id] = record

    def drop(self, id_: str) -> None:
        """Remove the workspace of this id, if there is one; the revision stays."""
        record = self.records.get(id_)
        if record is None:
            return
        self.names = self.names.without_workspace(record.outline)
        self.records = self.records.without(id_)
        self.ordered = self.ordered.without(record)
        self.changed[id_] = None

    def begin(self, owned: OwnedSession) -> None:
        """Add the session."""
        self.sessions = self.sessions.with_session(owned)
        self.begun[owned.session.id] = owned

    def end(self, session_id: str) -> None:
        """Remove the session. Raise KeyError if it is not there."""
        self.sessions = self.sessions.without(session_id)
        if self.begun.pop(session_id, None) is None:
            self.ended.append(session_id)


def _bear_one_name(one: Outline | Workspace, other: Outline | Workspace) -> bool:
    """Return whether two versions of a workspace stand at one place in the index of names."""
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
        workspace_id=either.outline.id,
        name=either.outline.name,
        before=before.json if before else None,
        after=after.json if after else None,
        by=cause.peer or Peer(os.getpid(), os.getuid()),
        correlation_id=cause.correlation_id,
        reasons=reasons,
    )
