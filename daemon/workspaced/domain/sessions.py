"""The commands on sessions: an app works in a workspace for as long as its connection lasts.

Sessions are kept in memory alone, so their events carry the store's revision as it is.
"""

from collections.abc import Sequence

from workspaced.domain.commands import Command, require_workspace
from workspaced.domain.errors import InvalidState, NotFound
from workspaced.domain.state import Event, Outcome, OwnedSession, State
from workspaced_protocol.events import SessionChanged, Topic
from workspaced_protocol.models import Session


def begin_session(session: Session, connection: int) -> Command:
    """A session in an active workspace, which ends with its connection."""

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, session.workspace_id)
        if workspace.state != "active":
            raise InvalidState(workspace, "active", "worked in")
        event = _session_event("session.began", session, state.revision)
        return Outcome(session, begun=OwnedSession(session, connection), events=(event,))

    return command


def end_session(session_id: str, connection: int) -> Command:
    """The session is over; only the connection that began it may end it."""

    def command(state: State) -> Outcome:
        owned = state.sessions.get(session_id)
        if owned is None or owned.connection != connection:
            raise NotFound(f"This connection has no session {session_id}: it has ended, or is another's.")
        event = _session_event("session.ended", owned.session, state.revision)
        return Outcome(None, ended=(session_id,), events=(event,))

    return command


def end_sessions_of(connections: Sequence[int]) -> Command:
    """All sessions of connections that are gone."""
    gone = frozenset(connections)

    def command(state: State) -> Outcome:
        ended = [owned.session for owned in state.sessions.values() if owned.connection in gone]
        events = tuple(_session_event("session.ended", session, state.revision) for session in ended)
        return Outcome(None, ended=tuple(session.id for session in ended), events=events)

    return command


def _session_event(topic: Topic, session: Session, revision: int) -> Event:
    return Event(topic, SessionChanged(session.id, session.workspace_id), revision)
