"""Serves clients: each accepted connection from its first line to the end of its sessions."""

import structlog
import trio

from workspaced.rpc.connection import Connection
from workspaced.rpc.dispatch import Dispatcher
from workspaced.rpc.request_log import SLOW_REQUEST_MS, RequestLog
from workspaced.service.callers import Caller
from workspaced.service.operations import Service
from workspaced.writer.actor import Writer
from workspaced_protocol.framing import MAX_LINE_BYTES

_log = structlog.get_logger(__name__)


class Server:
    """What happens to a client once it is let in."""

    def __init__(
        self,
        service: Service,
        writer: Writer,
        max_line_bytes: int = MAX_LINE_BYTES,
        slow_request_ms: float = SLOW_REQUEST_MS,
    ) -> None:
        self._service = service
        self._writer = writer
        self.log = RequestLog(service.new_correlation_id, slow_request_ms)
        self._dispatcher = Dispatcher(service, writer, self.log)
        self.max_line_bytes = max_line_bytes
        """Of the connections from now on."""

    async def serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        """Serves one client; whatever goes wrong with it ends its own connection alone."""
        self._service.callers.add(caller)
        _log.debug("A client connected.", **caller.peer)
        try:
            await Connection(connected, caller, self._dispatcher, self.max_line_bytes).serve()
        except Exception:  # noqa: BLE001 - a defect must not end the other clients' connections
            _log.exception("A connection failed.", **caller.peer)
        finally:
            connected.close()
            caller.close()
            self._service.callers.remove(caller)
            _log.debug(
                "A client is gone.", requests=caller.requests, unanswered=len(caller.pending), **caller.peer
            )
            # Each knows its caller: what has no answer would be left to the garbage collector.
            caller.pending.clear()
            caller.cancels.clear()
            if caller.has_begun_sessions:
                self._writer.end_sessions_of(caller.connection)
