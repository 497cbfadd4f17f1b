"""The interface between the daemon and its service manager, if there is one."""

import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import trio

from workspaced.process.log import Logger
from workspaced.supervision.activation import inherited_socket
from workspaced.supervision.notify import Notifier
from workspaced.supervision.terminal import Terminal
from workspaced.supervision.watchdog import keep_watch, watchdog_seconds
from workspaced_protocol.daemon_models import DaemonStatus

_RELOAD_SECONDS: Final = 10.0
"""A configuration file on a hanging file system must not keep the manager waiting."""

_EXTENSION_SECONDS: Final = 60.0
"""How much longer the manager is asked to wait for a start: many times an attempt to reach etcd, and the pause after it."""

_log = Logger()

Describe = Callable[[], DaemonStatus]
Reload = Callable[[], Awaitable[None]]
"""Reloads the configuration. It is cancelled after ten seconds."""


class Supervisor:
    """The service manager. The daemon notifies it of each stage of its life, and does not depend on it."""

    def __init__(
        self, notifier: Notifier, within_seconds: float | None, inherited: socket.socket | None
    ) -> None:
        self._notifier = notifier
        self._within_seconds = within_seconds
        self._terminal = Terminal()
        self._owes_reload = False
        self.inherited = inherited
        """The passed listening socket, used in place of a new one."""

    @property
    def is_there(self) -> bool:
        """Whether there is a service manager to notify."""
        return self._notifier.is_active

    def socket_path(self, configured: Path) -> Path:
        """Return the path to listen on. An inherited socket overrides the settings, because clients wait there."""
        if self.inherited is None:
            return configured
        path = Path(self.inherited.getsockname())
        if path != configured:
            _log.warning(
                "The socket of the service manager overrides the setting.",
                socket=str(path),
                configured=str(configured),
            )
        return path

    async def restoring(self, data_dir: Path) -> None:
        """Notify that the store is being read."""
        await self._notifier.status(f"Restoring the store in {data_dir}")

    async def waiting(self, status: str) -> None:
        """Notify that the start waits, and ask for more time. Call it again within half a minute."""
        await self._notifier.extend(status, _EXTENSION_SECONDS)

    async def wait_for_end(self, signals: AsyncIterator[int]) -> signal.Signals:
        """Wait for a signal that ends a daemon before it serves, and return it. A SIGHUP is obeyed once it serves."""
        while True:
            number = signal.Signals(await anext(signals))
            if self._ends(number):
                return number
            self._owes_reload = True

    def _ends(self, number: signal.Signals) -> bool:
        return number != signal.SIGHUP or self._terminal.is_closed()

    async def ready(self, describe: Describe) -> None:
        """Notify that the daemon answers."""
        await self._notifier.ready(_status(describe()))

    async def watch(self, path: Path, describe: Describe) -> None:
        """Send keep-alive messages while the daemon answers at `path`, if the manager runs a watchdog."""
        if self._within_seconds is not None:
            await keep_watch(path, self._within_seconds, lambda: self._notifier.alive(_status(describe())))

    async def wait_for_stop(
        self, signals: AsyncIterator[int], reload: Reload, describe: Describe
    ) -> signal.Signals:
        """Wait for the signal that ends the daemon, and return it. On SIGHUP, reload the configuration.

        A stop waits for no reload.
        """
        async with trio.open_nursery() as reloading:
            hangups, wanted = trio.open_memory_channel[None](1)
            reloading.start_soon(self._reload_on, wanted, reload, describe)
            if self._owes_reload:
                hangups.send_nowait(None)
            while True:
                number = signal.Signals(await anext(signals))
                if self._ends(number):
                    reloading.cancel_scope.cancel()
                    return number
                with suppress(trio.WouldBlock):  # one that waits reads the file as it is by then
                    hangups.send_nowait(None)

    async def _reload_on(
        self, wanted: trio.MemoryReceiveChannel[None], reload: Reload, describe: Describe
    ) -> None:
        async for _ in wanted:
            await self._notifier.reloading("Reloading the configuration")
            with trio.move_on_after(_RELOAD_SECONDS) as limit:
                await reload()
            if limit.cancelled_caught:
                _log.error(
                    f"The configuration file could not be read within {_RELOAD_SECONDS:g} s: the settings are "
                    "unchanged. Check the file system that it lies on."
                )
            await self.ready(describe)

    async def stopping(self) -> None:
        """Notify that the daemon accepts no more clients and is stopping."""
        await self._notifier.stopping("Committing the queued writes")


@contextmanager
def supervised(environment: MutableMapping[str, str]) -> Generator[Supervisor]:
    """Make a Supervisor from the variables of the service manager, and remove them. Raises SocketUnusable."""
    notifier = Notifier.from_environment(environment)
    try:
        within_seconds = watchdog_seconds(environment)
        inherited = inherited_socket(environment)
        try:
            yield Supervisor(notifier, within_seconds, inherited)
        finally:
            if inherited is not None:
                inherited.close()
    finally:
        notifier.close()


def _status(status: DaemonStatus) -> str:
    """Return a line for `systemctl status`."""
    workspaces = "1 workspace" if status.workspaces == 1 else f"{status.workspaces} workspaces"
    line = f"{workspaces}, listening on {status.socket}"
    if status.store.state == "ok":
        return line
    return f"{line}; the store is {status.store.state}: {status.store.last_error}"
