"""The whole daemon in this process, on real files and a real socket, and clients of it."""

from collections.abc import Callable

import trio

from support.serving import Client
from workspaced import app
from workspaced.settings.model import Settings


class Running:
    """`app.run`, and clients of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = trio.Event()
        self.load: Callable[[], Settings] = lambda: self.settings
        self._ready = trio.Event()
        self._clients: list[Client] = []

    async def run(self) -> None:
        try:
            await app.run(self.settings, lambda _: self._ready.set(), lambda: self.load())
        finally:
            self.stopped.set()

    async def connect(self) -> Client:
        await self._ready.wait()
        connected = trio.socket.socket(trio.socket.AF_UNIX)
        self._clients.append(Client(connected))
        await connected.connect(str(self.settings.socket))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()
