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
from workspaced_protocol.models import Session


class Disagreement(Exception):
    """A change does not make of the state what its head says. Nothing was applied: the store must be read again."""


class Taken(NamedTuple):
    """What a store holds after the news, and what they were."""

    held: Held
    entries: Sequence[Entry] = ()
    is_gap: bool = False
    is_whole: bool = False
    """Whether the store was read again as a whole."""
    orphans: Sequence[Session] = ()
    """Sessions of this daemon that it does not have (any more), but etcd may: of commits whose outcome was unknown, and
    those that ended with a lease."""


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
    taken = _without_own(held) if has_lost_sessions else Taken(held)
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
    if head.revision < held.head.revision or (change.entries and head.revision == held.head.revision):
        raise Disagreement  # revisions rise with each change
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
    if len(draft.records) != head.workspaces:
        raise Disagreement
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
        is_gap=taken.is_gap or change.is_gap,
        is_whole=taken.is_whole,
        orphans=[*taken.orphans, *orphans],
    )


def _with_contents(taken: Taken, contents: Contents, is_own: Callable[[StoredSession], bool]) -> Taken:
    before, after = taken.held.state, contents.held.state
    # Where the reading is older than an own commit, nobody else has committed in between, and only leases may have ended.
    is_older = contents.held.head_revision < taken.held.head_revision
    ended = {
        id_: None
        for id_, owned in before.sessions.items()
        if id_ not in contents.sessions and (owned.connection == ELSEWHERE or not is_older)
    }
    if is_older:
        sessions, _ = _changed_sessions(before.sessions, ended, is_own)
        return taken._replace(
            held=taken.held._replace(state=replace(before, sessions=sessions)), is_whole=True
        )
    sessions, orphans = _changed_sessions(before.sessions, {**ended, **contents.sessions}, is_own)
    entries = after.history.after(before.revision, len(after.history))
    state = replace(after, sessions=sessions, lost=before.lost)
    return Taken(
        contents.held._replace(state=state),
        [*taken.entries, *entries],
        is_gap=taken.is_gap or after.history.complete_since > before.revision,
        is_whole=True,
        orphans=[*taken.orphans, *orphans],
    )


def _changed_sessions(
    sessions: ActiveSessions,
    changes: Mapping[str, StoredSession | None],
    is_own: Callable[[StoredSession], bool],
) -> tuple[ActiveSessions, Sequence[Session]]:
    """Return the sessions after these changes, and those of this daemon that it does not have."""
    orphans: list[Session] = []
    for id_ in sorted(changes):
        stored = changes[id_]
        if stored is None:
            sessions = sessions.without(id_) if id_ in sessions else sessions
        elif id_ not in sessions:
            if is_own(stored):
                orphans.append(stored.session)
            else:
                sessions = sessions.with_session(stored.as_elsewhere())
    return sessions, orphans


def _without_own(held: Held) -> Taken:
    """Return the same without this daemon's own sessions. A key may be there still: its lease is another one by now."""
    sessions = held.state.sessions
    own = [owned.session for owned in sessions.values() if owned.connection != ELSEWHERE]
    if not own:
        return Taken(held)
    for session in own:
        sessions = sessions.without(session.id)
    return Taken(held._replace(state=replace(held.state, sessions=sessions)), orphans=own)
