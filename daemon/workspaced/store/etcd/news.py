"""What others have committed, applied to the state of a store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from workspaced.domain.active_sessions import ActiveSessions
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Entry
from workspaced.domain.history import History
from workspaced.domain.records import ELSEWHERE
from workspaced.store import stored_texts
from workspaced.store.etcd.journal import Change
from workspaced.store.etcd.reading import Contents
from workspaced.store.etcd.transaction import Held
from workspaced.store.etcd.values import StoredSession


class Disagreement(Exception):
    """A change does not make of the state what its head says. Nothing was applied: the store must be read anew."""


class Taken(NamedTuple):
    """What a store holds after the news, and what they were."""

    held: Held
    entries: Sequence[Entry] = ()
    is_gap: bool = False
    orphans: Sequence[StoredSession] = ()
    """Sessions of this daemon that it does not have: of commits whose outcome was unknown, and of its earlier lives."""


def apply(
    held: Held,
    news: Sequence[Change | Contents],
    is_own: Callable[[StoredSession], bool],
    *,
    has_lost_sessions: bool,
) -> Taken:
    """Return what a store holds after these news. `is_own` tells the sessions of this daemon from others.

    With `has_lost_sessions` this daemon's own sessions are over. Raises Disagreement.
    """
    taken = Taken(held)
    if has_lost_sessions:
        taken = Taken(_without_own(held))
    for each in news:
        if isinstance(each, Contents):
            taken = _with_contents(taken, each, is_own)
        else:
            taken = _with_change(taken, each, is_own)
    return taken


def _with_change(taken: Taken, change: Change, is_own: Callable[[StoredSession], bool]) -> Taken:
    held, head = taken.held, change.head
    draft = Draft(held.state)
    draft.sessions, orphans = _changed_sessions(draft.sessions, change.sessions, is_own)
    if head is None:
        return taken._replace(held=held._replace(state=draft.freeze()), orphans=[*taken.orphans, *orphans])
    before = (held.state.records.get(id_) for id_ in change.records)
    hashes = (
        stored_texts.hash_of(each.json) for each in (*before, *change.records.values()) if each is not None
    )
    if int(held.head.digest, 16) ^ stored_texts.xor(hashes) != int(head.digest, 16):
        raise Disagreement
    for id_, record in change.records.items():
        if record is None:
            draft.drop(id_)
        else:
            draft.put_record(record)
    for key, value in change.requests.items():
        if key not in draft.request_keys:
            draft.request_keys = draft.request_keys.with_key(key, value.workspace_id)
            draft.new_keys[key] = value.workspace_id
    draft.revision, draft.recovery = head.revision, head.recovery
    if change.is_gap:
        draft.history = History(head.revision)
    else:
        draft.entries.extend(change.entries)
    return Taken(
        Held(draft.freeze(), head, change.revision),
        [*taken.entries, *change.entries],
        taken.is_gap or change.is_gap,
        [*taken.orphans, *orphans],
    )


def _with_contents(taken: Taken, contents: Contents, is_own: Callable[[StoredSession], bool]) -> Taken:
    if contents.held.head_revision < taken.held.head_revision:
        return taken._replace(held=_without_ended(taken.held, contents))
    before, after = taken.held.state, contents.held.state
    ended = {id_: None for id_ in before.sessions if id_ not in contents.sessions}
    sessions, orphans = _changed_sessions(before.sessions, {**ended, **contents.sessions}, is_own)
    entries = after.history.after(before.revision, len(after.history))
    state = replace(after, sessions=sessions, lost=before.lost)
    return Taken(
        contents.held._replace(state=state),
        [*taken.entries, *entries],
        taken.is_gap or after.history.complete_since > before.revision,
        [*taken.orphans, *orphans],
    )


def _without_ended(held: Held, contents: Contents) -> Held:
    """Return what a store holds after contents that were read before its own last commits.

    These compared the head, so no commit of others lies between: at most the ends of their sessions are new.
    """
    sessions = held.state.sessions
    for id_, owned in held.state.sessions.items():
        if owned.connection == ELSEWHERE and id_ not in contents.sessions:
            sessions = sessions.without(id_)
    return held._replace(state=replace(held.state, sessions=sessions))


def _changed_sessions(
    sessions: ActiveSessions,
    changes: Mapping[str, StoredSession | None],
    is_own: Callable[[StoredSession], bool],
) -> tuple[ActiveSessions, Sequence[StoredSession]]:
    """Return the sessions after these changes, and those of this daemon that it does not have."""
    orphans: list[StoredSession] = []
    for id_ in sorted(changes):
        stored = changes[id_]
        if stored is None:
            sessions = sessions.without(id_) if id_ in sessions else sessions
        elif id_ not in sessions:
            if is_own(stored):
                orphans.append(stored)
            else:
                sessions = sessions.with_session(stored.as_elsewhere())
    return sessions, orphans


def _without_own(held: Held) -> Held:
    sessions = held.state.sessions
    for id_, owned in held.state.sessions.items():
        if owned.connection != ELSEWHERE:
            sessions = sessions.without(id_)
    return held._replace(state=replace(held.state, sessions=sessions))
