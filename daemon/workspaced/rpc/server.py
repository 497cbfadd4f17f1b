"""Serves clients: each accepted connection from its first line to the end of its sessions."""

import structlog
import trio

from workspaced.rpc.connection import Connection
from workspaced.rpc.dispatch import Dispatcher
from workspaced.service import Caller, Service
from workspaced.writer import Writer
from workspaced_protocol.framing import MAX_LINE_BYTES

_log = structlog.get_logger(__name__)


class Server:
    """What happens to a client once it is let in."""

    def __init__(self, service: Service, writer: Writer, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._service = service
        self._writer = writer
        self._dispatcher = Dispatcher(service, writer)
        self._max_line_bytes = max_line_bytes

    async def serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        """Serves one client; whatever goes wrong with it ends its own connection alone."""
        self._service.connections += 1
        try:
            await Connection(connected, caller, self._dispatcher, self._max_line_bytes).serve()
        except Exception:  # noqa: BLE001 - a defect must not end the other clients' connections
            _log.exception("A connection failed.", pid=caller.pid)
        finally:
            connected.close()
            caller.close()
            self._service.connections -= 1
            if caller.has_begun_sessions:
                self._writer.end_sessions_of(caller.connection)
