"""A whole daemon in a test's nursery, less its files and its listener, and clients on real sockets."""

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import trio

from workspaced import app
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.entries import NOBODY, Cause
from workspaced.domain.projects import PathFacts
from workspaced.events import EventHub
from workspaced.host.path_checks import PathChecker
from workspaced.published_event import PublishedEvent
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.service.registry import Handler
from workspaced.service.requests import Caller
from workspaced.store import WorkspaceStore
from workspaced.writer.actor import Writer
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.models import Workspace

# Any: JSON of many shapes, which each test knows.
Json = dict[str, Any]


class Serve(Protocol):
    """The fixture of that name: starts a daemon."""

    async def __call__(
        self,
        store: WorkspaceStore | None = None,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        slow_request_ms: float = SLOW_REQUEST_MS,
        machine: str | None = None,
        host_name: str | None = None,
    ) -> "Daemon": ...


class CountingWriter(Writer):
    """A writer that counts what is submitted to it."""

    submitted = 0

    def submit(
        self,
        command: Command,
        reply: Callable[[object], None],
        cause: Cause = NOBODY,
        on_settled: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        self.submitted += 1
        return super().submit(command, reply, cause, on_settled)


class CountingHub(EventHub):
    """A hub that counts its listeners."""

    listening = 0

    def listen(
        self, listener: Callable[[PublishedEvent], None], on_gap: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        leave = super().listen(listener, on_gap)
        self.listening += 1

        def leave_and_count() -> None:
            leave()
            self.listening -= 1

        return leave_and_count


class HeldPaths(PathChecker):
    """Looks at paths; once `is_holding`, only when the test lets it. A look that waits is known by its first path."""

    is_holding = False
    under_way = 0
    """How many looks have begun and have not ended."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, trio.Event] = {}

    async def check(self, paths: Iterable[str], resolved: Iterable[str] = ()) -> PathFacts:
        wanted = list(paths)
        self.under_way += 1
        try:
            if self.is_holding:
                gate = self._waiting[wanted[0] if wanted else ""] = trio.Event()
                await gate.wait()
            return await super().check(wanted, resolved)
        finally:
            self.under_way -= 1

    async def wait_for(self, *paths: str) -> None:
        """Wait until looks at these wait."""
        while not self._waiting.keys() >= set(paths):
            await trio.lowlevel.checkpoint()

    async def let_go(self, path: str = "") -> None:
        """Let the look go on whose first path this is, once it waits."""
        await self.wait_for(path)
        self._waiting.pop(path).set()

    def let_all_go(self) -> None:
        """Hold nothing up any more."""
        self.is_holding = False
        for gate in self._waiting.values():
            gate.set()
        self._waiting.clear()


class Daemon:
    """The daemon that `app.build` puts together; `run` must run for it to serve."""

    def __init__(
        self,
        nursery: trio.Nursery,
        store: WorkspaceStore,
        data_dir: Path,
        machine: str | None = None,
        host_name: str | None = None,
    ) -> None:
        self.store = store
        self.hub = CountingHub(store.state.revision, store.state.history)
        self.writer = CountingWriter(store, self.hub)
        self.paths = HeldPaths()
        parts = app.build(
            store,
            data_dir=data_dir,
            socket=Path("/run/sock"),
            hub=self.hub,
            writer=self.writer,
            paths=self.paths,
            machine=machine,
            host_name=host_name,
        )
        self.hub.listening = 0  # less those of the daemon's own parts
        self.real_paths = parts.real_paths
        self.usage = parts.usage
        self.operations = parts.operations
        self.maintenance = parts.maintenance
        self.online = parts.clients
        self.server = parts.server
        self._nursery = nursery
        self._serving: list[trio.CancelScope] = []
        self._clients: list[Client] = []

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the parts that work by themselves."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.writer.run)
            nursery.start_soon(self.paths.run)
            nursery.start_soon(self.real_paths.run)
            nursery.start_soon(self.server.log.run)
            task_status.started()

    def connect(self, kind: socket.SocketKind = socket.SOCK_STREAM, pid: int | None = None) -> "Client":
        """Return a new client of this process, or as if it were of another, on a socket pair.

        On one of SOCK_SEQPACKET, what the daemon writes at once is received at once and alone.
        """
        ours, theirs = trio.socket.socketpair(socket.AF_UNIX, kind)
        client = Client(ours)
        self._clients.append(client)
        caller = Caller(len(self._clients), pid or os.getpid(), os.getuid(), now_ms())
        self._nursery.start_soon(self._serve, theirs, caller)
        return client

    async def _serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        with trio.CancelScope() as scope:
            self._serving.append(scope)
            await self.server.serve(connected, caller)

    def replace(self, method: str, handler: Handler) -> Handler:
        """Serve a method by another handler; return the one that served it."""
        earlier = self.operations[method]
        self.operations[method] = earlier._replace(handler=handler)
        return earlier.handler

    def projects(self, workspace_id: str) -> list[str]:
        """Return the paths bound to the workspace, as every reader sees them."""
        workspace = self.writer.state.get(workspace_id)
        assert workspace is not None
        return [project.root_path for project in workspace.projects]

    def cancel_connections(self) -> None:
        """End the clients' connections, as a stop does."""
        for scope in self._serving:
            scope.cancel()

    def close(self) -> None:
        """Let all clients go, and nothing wait."""
        self.paths.let_all_go()
        for client in self._clients:
            client.close()


class RpcError(NamedTuple):
    """An error answer."""

    code: int
    message: str
    data: Json


class Client:
    """Sends lines or whatever bytes, and takes what comes back."""

    def __init__(self, connected: trio.socket.SocketType) -> None:
        self.socket = connected
        self._received = b""
        self._last_id = 0
        self.answers: list[Json] = []
        """Those that came while another was waited for, in the order in which they came."""
        self.notifications: list[Json] = []

    async def send(self, data: bytes) -> None:
        """Send all of these bytes."""
        view = memoryview(data)
        while view:
            view = view[await self.socket.send(view) :]

    async def request(self, method: str, /, **params: object) -> int:
        """Send a request; return its id."""
        self._last_id += 1
        await self.send(request(method, self._last_id, params))
        return self._last_id

    async def cancel(self, id_: int) -> None:
        """Send `$/cancelRequest`."""
        await self.send(msgspec.json.encode(notification("$/cancelRequest", {"id": id_})) + b"\n")

    async def call(self, method: str, /, **params: object) -> Json:
        """Send a request and return its answer, which has to be the next to come."""
        id_ = await self.request(method, **params)
        answer = await self.receive()
        assert answer["id"] == id_
        return answer

    async def answer(self, id_: int) -> Json:
        """Return the answer to this request, whatever comes before it."""
        while True:
            for answer in self.answers:
                if answer["id"] == id_:
                    self.answers.remove(answer)
                    return answer
            await self._keep_next()

    async def notified(self, count: int = 1) -> list[Any]:
        """Return the params of the notifications kept so far, once there are as many."""
        while len(self.notifications) < count:
            await self._keep_next()
        return [message["params"] for message in self.notifications]

    async def _keep_next(self) -> None:
        message = await self.receive()
        (self.answers if "id" in message else self.notifications).append(message)

    async def result(self, method: str, /, **params: object) -> Any:
        """Return the result of a call that has to be granted."""
        answer = await self.answer(await self.request(method, **params))
        assert "error" not in answer, answer
        return answer["result"]

    async def refusal(self, method: str, /, **params: object) -> RpcError:
        """Return the error of a call that has to be refused."""
        return error_of(await self.answer(await self.request(method, **params)))

    async def create(self, root_path: str = "/src", name: str | None = None) -> str:
        """Return the id of a new workspace."""
        created = await self.result("workspace.create", name=name or f"W{self._last_id}", rootPath=root_path)
        assert isinstance(created["id"], str)
        return created["id"]

    async def line(self) -> bytes | None:
        """Return the next line, or None where the daemon has closed the connection."""
        while b"\n" not in self._received:
            data = await self.socket.recv(65536)
            if not data:
                assert not self._received  # a line is sent whole
                return None
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line

    async def receive(self) -> Json:
        """Return the next message."""
        line = await self.line()
        assert line is not None, "the daemon closed the connection"
        return msgspec.json.decode(line, type=Json)

    async def receive_batch(self) -> list[Json]:
        """Return the next line, which has to be the answer to a batch."""
        line = await self.line()
        assert line is not None, "the daemon closed the connection"
        return msgspec.json.decode(line, type=list[Json])

    def finish(self) -> None:
        """Send no more, but go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Be gone."""
        self.socket.close()


def request(method: str, id_: object, params: object) -> bytes:
    """Return a request's line."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}) + b"\n"


def notification(method: str, params: object) -> Json:
    """Return a request that wants no answer."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def error_of(answer: Json) -> RpcError:
    """Return the error of an error answer."""
    assert set(answer) == {"jsonrpc", "id", "error"}
    return msgspec.convert(answer["error"], RpcErrorObject).parts()


def a_workspace(result: object) -> Workspace:
    """Return a result that has to be a workspace."""
    return msgspec.convert(result, Workspace)


def ids(result: object) -> list[str]:
    """Return the ids of a result that has to be a list of workspaces."""
    return [workspace.id for workspace in msgspec.convert(result, list[Workspace])]


class RpcErrorObject(msgspec.Struct, forbid_unknown_fields=True):
    """The error object as it stands on the wire."""

    code: int
    message: str
    data: Json

    def parts(self) -> RpcError:
        """Return the same as a tuple."""
        return RpcError(self.code, self.message, self.data)
