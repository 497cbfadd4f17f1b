"""The commands on sessions: begin, end, and the end of all sessions of a connection.

A session lasts as long as its connection at most. Sessions take no revision, so their events have the store's current
one.
"""

from collections.abc import Collection, Iterable, Sequence

from workspaced.domain.commands import Command, require_workspace
from workspaced.domain.entries import Event
from workspaced.domain.errors import Claimed, InvalidState, NotFound
from workspaced.domain.outcome import Outcome
from workspaced.domain.records import OwnedSession
from workspaced.domain.state import State
from workspaced_protocol.events import SessionChanged
from workspaced_protocol.models import Session
from workspaced_protocol.urls import told


def begin_session(session: Session, connection: int) -> Command:
    """Begin a session in an active workspace; it ends with its connection.

    An exclusive one is refused with Claimed while there is another exclusive one in the workspace.
    """

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, session.workspace_id)
        if workspace.state != "active":
            raise InvalidState(workspace, "active", "used in a session")
        if session.exclusive:
            for owned in state.sessions.of_workspace(workspace.id):
                if owned.session.exclusive:
                    raise Claimed(workspace, owned)
        event = began(session, state.revision)
        return Outcome(session, begun=OwnedSession(session, connection), events=(event,))

    return command


def end_session(session_id: str, connection: int) -> Command:
    """End a session; only its own connection may do so."""

    def command(state: State) -> Outcome:
        owned = state.sessions.get(session_id)
        if owned is None or owned.connection != connection:
            raise NotFound(
                f"This connection has no session {told(session_id)}: it has ended, or belongs to another connection."
            )
        return Outcome(None, ended=(session_id,), events=(ended(owned.session, state.revision),))

    return command


def held_by(connections: Collection[int], all_sessions: Iterable[OwnedSession]) -> Sequence[Session]:
    """Return those of the sessions that belong to one of these connections."""
    if not connections:
        return ()
    numbers = frozenset(connections)
    return [owned.session for owned in all_sessions if owned.connection in numbers]


def end_all(held: Sequence[Session]) -> Command:
    """End these sessions, each of which must be there."""

    def command(state: State) -> Outcome:
        events = tuple(ended(session, state.revision) for session in held)
        return Outcome(None, ended=tuple(session.id for session in held), events=events)

    return command


def end_sessions_of(connections: Collection[int]) -> Command:
    """End all sessions of these connections."""

    def command(state: State) -> Outcome:
        return end_all(held_by(connections, state.sessions.values()))(state)

    return command


def began(session: Session, revision: int) -> Event:
    """Return the event that a session has begun; `revision` is the store's."""
    return Event("session.began", SessionChanged(session.id, session.workspace_id), revision)


def ended(session: Session, revision: int) -> Event:
    """Return the event that a session has ended; `revision` is the store's."""
    return Event("session.ended", SessionChanged(session.id, session.workspace_id), revision)
