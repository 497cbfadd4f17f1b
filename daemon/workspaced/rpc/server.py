"""The server: serves each accepted connection, and ends its sessions after it."""

from collections.abc import Mapping
from dataclasses import replace

import trio

from workspaced.domain.ids import IdFactory
from workspaced.domain.machines import Here
from workspaced.process.log import Logger
from workspaced.rpc.clients import Clients, ClientState
from workspaced.rpc.connection import Connection
from workspaced.rpc.dispatch import Dispatcher
from workspaced.rpc.request_log import RequestLog
from workspaced.service.registry import Operation
from workspaced.service.requests import Caller
from workspaced.service.sessions import SessionOperations
from workspaced.writer.actor import Writer
from workspaced_protocol.framing import MAX_LINE_BYTES

_log = Logger()


class Server:
    """Serves accepted clients. The request log is complete only while `log.run` runs."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        writer: Writer,
        clients: Clients,
        sessions: SessionOperations,
        ids: IdFactory,
        here: Here,
    ) -> None:
        self._clients = clients
        self._sessions = sessions
        self._here = here
        self.log = RequestLog(ids.correlation)
        self._dispatcher = Dispatcher(operations, writer, ids, self.log)
        self.max_line_bytes = MAX_LINE_BYTES
        """The limit of future connections."""

    async def serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        """Serve one client. A defect ends this connection only."""
        client = ClientState(replace(caller, machine=self._here.mark))
        self._clients.add(client)
        _log.debug("A client connected.", **caller.log_fields())
        try:
            await Connection(connected, client, self._dispatcher, self.max_line_bytes).serve()
        except Exception:  # noqa: BLE001 - a defect must not end the other clients' connections
            _log.exception("A connection failed.", **client.caller.log_fields())
        finally:
            connected.close()
            client.disconnect()
            self._clients.remove(client)
            _log.debug(
                "A client disconnected.",
                requests=client.request_count,
                unanswered=len(client.pending),
                **client.caller.log_fields(),
            )
            client.forget_requests()
            self._sessions.client_left(caller)
