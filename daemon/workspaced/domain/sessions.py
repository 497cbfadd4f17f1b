"""The commands on sessions: begin, end, and the end of all sessions of a connection.

A session lasts as long as its connection at most. Sessions are in memory only, so their events have the
store's current revision.
"""

from collections.abc import Sequence

from workspaced.domain.commands import Command, require_workspace
from workspaced.domain.entries import Event
from workspaced.domain.errors import Claimed, InvalidState, NotFound
from workspaced.domain.outcome import Outcome
from workspaced.domain.records import OwnedSession
from workspaced.domain.state import State
from workspaced_protocol.events import SessionChanged, Topic
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
                    raise Claimed(workspace, owned.session)
        event = _session_event("session.began", session, state.revision)
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
        event = _session_event("session.ended", owned.session, state.revision)
        return Outcome(None, ended=(session_id,), events=(event,))

    return command


def end_sessions_of(connections: Sequence[int]) -> Command:
    """End all sessions of these connections."""
    numbers = frozenset(connections)

    def command(state: State) -> Outcome:
        if not numbers:
            return Outcome(None)
        ended = [owned.session for owned in state.sessions.values() if owned.connection in numbers]
        events = tuple(_session_event("session.ended", session, state.revision) for session in ended)
        return Outcome(None, ended=tuple(session.id for session in ended), events=events)

    return command


def _session_event(topic: Topic, session: Session, revision: int) -> Event:
    return Event(topic, SessionChanged(session.id, session.workspace_id), revision)
