"""A daemon in a test's nursery, on a store in memory, whose looks at paths a test can hold up; and its clients."""

import os
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

from workspaced.domain.projects import PathFacts
from workspaced.events import EventHub
from workspaced.host.git import Git
from workspaced.host.path_checks import PathChecker, Tell
from workspaced.rpc.server import Server
from workspaced.service.callers import Caller
from workspaced.service.maintenance import Maintenance
from workspaced.service.operations import Service
from workspaced.store import InMemoryWorkspaceStore
from workspaced.store.backups import Backups
from workspaced.writer.actor import Writer

# Any: JSON of many shapes, which each test knows.
Json = dict[str, Any]


class HeldPaths(PathChecker):
    """Looks at paths once the test lets it; each look that waits is known by the first path of it."""

    def __init__(self) -> None:
        super().__init__(60)
        self.is_holding = False
        self.under_way = 0
        """How many looks have begun, and are not told yet."""
        self._waiting: dict[str, Callable[[], None]] = {}

    def ask(self, paths: Iterable[str], tell: Tell, resolved: Iterable[str] = ()) -> None:
        wanted = list(paths)

        def counted(found: PathFacts | Exception) -> None:
            self.under_way -= 1
            tell(found)

        self.under_way += 1
        ask = partial(super().ask, wanted, counted, resolved)
        if self.is_holding:
            self._waiting[wanted[0] if wanted else ""] = ask
        else:
            ask()

    async def wait_for(self, *paths: str) -> None:
        """Waits until looks at these wait."""
        while not self._waiting.keys() >= set(paths):
            await trio.lowlevel.checkpoint()

    async def let_go(self, path: str = "") -> None:
        """Lets the look go on whose first path this is, once it waits."""
        await self.wait_for(path)
        self._waiting.pop(path)()

    def let_all_go(self) -> None:
        """Holds nothing up any more."""
        self.is_holding = False
        for go in self._waiting.values():
            go()
        self._waiting.clear()


class ProjectDaemon:
    """Writer, service and server; `run` must run."""

    def __init__(self, store: InMemoryWorkspaceStore | None = None) -> None:
        self.store = store or InMemoryWorkspaceStore()
        self.paths = HeldPaths()
        hub = EventHub()
        self.writer = Writer(self.store, hub)
        data_dir = Path("/data")  # nobody asks for a backup here
        service = Service(
            self.store,
            self.writer,
            hub,
            Maintenance(self.store, self.writer, Backups(data_dir), data_dir),
            data_dir=str(data_dir),
            socket="/socket",
            paths=self.paths,
            git=Git(),
        )
        self._server = Server(service, self.writer)
        self._clients: list[ProjectClient] = []
        self.open_connections = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Runs the writer, and looks at paths."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.writer.run)
            nursery.start_soon(self.paths.run)
            task_status.started()

    def connect(self, nursery: trio.Nursery) -> "ProjectClient":
        """A new client, on a socket pair."""
        ours, theirs = trio.socket.socketpair()
        client = ProjectClient(ours)
        self._clients.append(client)
        nursery.start_soon(self._serve, theirs, Caller(len(self._clients), os.getpid(), os.getuid()))
        return client

    async def _serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        self.open_connections += 1
        await self._server.serve(connected, caller)
        self.open_connections -= 1

    def projects(self, workspace_id: str) -> list[str]:
        """The paths bound to the workspace, as every reader sees them."""
        workspace = self.writer.state.get(workspace_id)
        assert workspace is not None
        return [project.root_path for project in workspace.projects]

    def close(self) -> None:
        """All clients are gone, and nothing waits."""
        self.paths.let_all_go()
        for client in self._clients:
            client.close()


class ProjectClient:
    """Sends requests, and keeps whatever comes back until it is asked for."""

    def __init__(self, connected: trio.socket.SocketType) -> None:
        self._socket = connected
        self._pending = b""
        self._last_id = 0
        self.answers: list[Json] = []
        """Those not taken yet, in the order in which they came."""
        self.notifications: list[Json] = []

    async def send(self, method: str, /, **params: object) -> int:
        """Sends a request; gives its id."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        await self._socket.send(msgspec.json.encode(request) + b"\n")
        return self._last_id

    async def cancel(self, id_: int) -> None:
        """Sends `$/cancelRequest`."""
        text = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id_}}
        await self._socket.send(msgspec.json.encode(text) + b"\n")

    async def answer(self, id_: int) -> Json:
        """The answer to this request."""
        while True:
            for answer in self.answers:
                if answer["id"] == id_:
                    self.answers.remove(answer)
                    return answer
            await self.receive()

    async def receive(self) -> None:
        """Takes what comes next."""
        data = await self._socket.recv(65536)
        assert data, "the daemon closed the connection"
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            message = msgspec.json.decode(line, type=Json)
            (self.answers if "id" in message else self.notifications).append(message)

    async def notified(self, count: int = 1) -> list[Any]:
        """The params of the notifications so far, once there are as many."""
        while len(self.notifications) < count:
            await self.receive()
        return [message["params"] for message in self.notifications]

    async def result(self, method: str, /, **params: object) -> Any:
        """The result of a call that has to be granted."""
        answer = await self.answer(await self.send(method, **params))
        assert "error" not in answer, answer
        return answer["result"]

    async def refusal(self, method: str, /, **params: object) -> Json:
        """The error of a call that has to be refused."""
        return error_of(await self.answer(await self.send(method, **params)))

    async def create(self, root_path: str = "/src") -> str:
        """A new workspace; gives its id."""
        created = await self.result("workspace.create", name=f"W{self._last_id}", rootPath=root_path)
        assert isinstance(created["id"], str)
        return created["id"]

    def finish(self) -> None:
        """Sends no more, but goes on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Is gone."""
        self._socket.close()


def error_of(answer: Json) -> Json:
    """The error of an answer that has to be one."""
    error = answer["error"]
    assert isinstance(error, dict), answer
    return error
