"""The operations on sessions: begin, end, list; and the end of a lost connection's sessions."""

from workspaced.domain import sessions
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.ids import IdFactory
from workspaced.domain.records import encode
from workspaced.service.requests import Caller, Client, Json, Request
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.models import Session


class SessionOperations:
    """The methods `session.*`."""

    def __init__(self, writer: Writer, ids: IdFactory) -> None:
        self._writer = writer
        self._ids = ids
        self._connections: set[int] = set()  # with a `session.begin` so far

    def begin(self, params: p.BeginSessionParams, request: Request) -> Command:
        """Begin a session in an active workspace."""
        caller = request.caller
        self._connections.add(caller.connection)
        session = Session(
            self._ids.session(),
            params.workspace_id,
            params.label,
            caller.pid,
            now_ms(),
            exclusive=bool(params.exclusive),
            machine=caller.machine,
        )
        return sessions.begin_session(session, caller.connection)

    def end(self, params: p.EndSessionParams, request: Request) -> Command:
        """End a session of this connection."""
        return sessions.end_session(params.id, request.caller.connection)

    def list_all(self, params: p.ListSessionsParams, _: Client) -> Json:
        """Return all sessions, or those of one workspace, by start time."""
        found = [owned.session for owned in self._writer.state.sessions.values()]
        if params.workspace_id is not None:
            found = [session for session in found if session.workspace_id == params.workspace_id]
        return encode(found)

    def client_left(self, caller: Caller) -> None:
        """End the sessions of a closed connection."""
        if caller.connection in self._connections:
            self._connections.discard(caller.connection)
            self._writer.end_sessions_of(caller.connection)
