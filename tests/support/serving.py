"""A whole daemon in a test's nursery, less its files and its listener, and clients on real sockets."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import trio

from workspaced.domain.commands import Command
from workspaced.domain.ids import IdFactory
from workspaced.events import Cause, EventHub, Listener
from workspaced.host.path_checks import PathChecker
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.rpc.server import Server
from workspaced.service.callers import Caller
from workspaced.service.maintenance import Maintenance
from workspaced.service.operations import Service
from workspaced.store import WorkspaceStore
from workspaced.store.backups import Backups
from workspaced.writer.actor import Writer
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.models import Workspace

Json = dict[str, object]
NOBODY = Cause("")


class Serve(Protocol):
    """The fixture of that name: starts a daemon."""

    async def __call__(
        self,
        store: WorkspaceStore | None = None,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        slow_request_ms: float = SLOW_REQUEST_MS,
    ) -> "Daemon": ...


class CountingWriter(Writer):
    """A writer that counts what is submitted to it."""

    submitted = 0

    def submit(
        self, command: Command, reply: Callable[[object], None], cause: Cause = NOBODY
    ) -> Callable[[], None]:
        self.submitted += 1
        return super().submit(command, reply, cause)


class CountingHub(EventHub):
    """A hub that counts who listens to it."""

    listening = 0

    def listen(self, listener: Listener) -> Callable[[], None]:
        leave = super().listen(listener)
        self.listening += 1

        def leave_and_count() -> None:
            leave()
            self.listening -= 1

        return leave_and_count


class Daemon:
    """Store, writer, service and server, as the composition root puts them together."""

    def __init__(
        self,
        nursery: trio.Nursery,
        store: WorkspaceStore,
        max_line_bytes: int,
        slow_request_ms: float,
        copies_in: Path,
    ) -> None:
        self.store = store
        self.hub = CountingHub(store.state.revision)
        self.writer = CountingWriter(store, self.hub)
        maintenance = Maintenance(store, self.writer, Backups(copies_in), copies_in)
        self.paths = PathChecker()
        self.service = Service(
            store,
            self.writer,
            self.hub,
            maintenance,
            data_dir="/data",
            socket="/run/sock",
            ids=IdFactory(),
            paths=self.paths,
        )
        self.server = Server(self.service, self.writer, max_line_bytes, slow_request_ms)
        self._nursery = nursery
        self._serving: list[trio.CancelScope] = []
        self._clients: list[Client] = []

    def connect(self, kind: socket.SocketKind = socket.SOCK_STREAM, pid: int | None = None) -> "Client":
        """A new client of this process, or as if it were of another, on a socket pair.

        On one of SOCK_SEQPACKET, what the daemon writes at once is received at once and alone.
        """
        ours, theirs = trio.socket.socketpair(socket.AF_UNIX, kind)
        client = Client(ours)
        self._clients.append(client)
        caller = Caller(len(self._clients), pid or os.getpid(), os.getuid())
        self._nursery.start_soon(self._serve, theirs, caller)
        return client

    async def _serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        with trio.CancelScope() as scope:
            self._serving.append(scope)
            await self.server.serve(connected, caller)

    def cancel_connections(self) -> None:
        """Ends the clients' connections, as a stop does."""
        for scope in self._serving:
            scope.cancel()

    def close(self) -> None:
        """All clients are gone."""
        for client in self._clients:
            client.close()


class Client:
    """Sends lines or whatever bytes, and takes what comes back."""

    def __init__(self, connected: trio.socket.SocketType) -> None:
        self.socket = connected
        self._pending = b""
        self._last_id = 0

    async def send(self, data: bytes) -> None:
        """Sends all of these bytes."""
        view = memoryview(data)
        while view:
            view = view[await self.socket.send(view) :]

    async def request(self, method: str, /, **params: object) -> int:
        """Sends a request; gives its id."""
        self._last_id += 1
        await self.send(request(method, self._last_id, params))
        return self._last_id

    async def call(self, method: str, /, **params: object) -> Json:
        """Sends a request and gives its answer, which has to be the next to come."""
        id_ = await self.request(method, **params)
        answer = await self.receive()
        assert answer["id"] == id_
        return answer

    async def result(self, method: str, /, **params: object) -> object:
        """The result of a call that has to be granted."""
        answer = await self.call(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    async def refusal(self, method: str, /, **params: object) -> tuple[int, str, Json]:
        """Code, message and data of a call that has to be refused."""
        return error_of(await self.call(method, **params))

    async def line(self) -> bytes | None:
        """The next line, or None where the daemon has closed the connection."""
        while b"\n" not in self._pending:
            data = await self.socket.recv(65536)
            if not data:
                assert not self._pending  # a line is sent whole
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    async def receive(self) -> Json:
        """The next answer."""
        line = await self.line()
        assert line is not None, "the daemon closed the connection"
        return msgspec.json.decode(line, type=Json)

    async def receive_batch(self) -> list[Json]:
        """The next line, which has to be the answer to a batch."""
        line = await self.line()
        assert line is not None, "the daemon closed the connection"
        return msgspec.json.decode(line, type=list[Json])

    def finish(self) -> None:
        """Sends no more, but goes on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Is gone."""
        self.socket.close()


def request(method: str, id_: object, params: object) -> bytes:
    """A request's line."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}) + b"\n"


def notification(method: str, params: object) -> Json:
    """A request that wants no answer."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def error_of(answer: Json) -> tuple[int, str, Json]:
    """Code, message and data of an error answer."""
    assert set(answer) == {"jsonrpc", "id", "error"}
    return msgspec.convert(answer["error"], _Error).parts()


def a_workspace(result: object) -> Workspace:
    """A result that has to be a workspace."""
    return msgspec.convert(result, Workspace)


def ids(result: object) -> list[str]:
    """The ids of a result that has to be a list of workspaces."""
    return [workspace.id for workspace in msgspec.convert(result, list[Workspace])]


class _Error(msgspec.Struct, forbid_unknown_fields=True):
    code: int
    message: str
    data: Json

    def parts(self) -> tuple[int, str, Json]:
        return self.code, self.message, self.data
