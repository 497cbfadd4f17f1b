"""Everything between the daemon and the service manager that started it, if one did."""

import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
import trio

from workspaced.supervision.activation import inherited_socket
from workspaced.supervision.notify import Notifier
from workspaced.supervision.terminal import Terminal
from workspaced.supervision.watchdog import keep_watch, watchdog_seconds
from workspaced_protocol.models import DaemonStatus

_RELOAD_SECONDS: Final = 10.0  # a configuration on a mount that hangs must not keep the daemon from its stop

_log = structlog.get_logger(__name__)

Describe = Callable[[], DaemonStatus]
Reload = Callable[[], Awaitable[None]]
"""Reads the configuration again. It is given ten seconds, and is cancelled after them."""


class Supervisor:
    """The service manager, as the daemon sees it: each stage of its life is told here, and no stage waits for it."""

    def __init__(
        self, notifier: Notifier, within_seconds: float | None, inherited: socket.socket | None
    ) -> None:
        self._notifier = notifier
        self._within_seconds = within_seconds
        self._terminal = Terminal()
        self.inherited = inherited
        """The listening socket that was passed, which is used in place of one of the daemon's own."""

    @property
    def is_there(self) -> bool:
        """Whether there is one that is told."""
        return self._notifier.is_heard

    def socket_path(self, configured: Path) -> Path:
        """Where the daemon listens: an inherited socket is stronger than the settings, since clients wait there."""
        if self.inherited is None:
            return configured
        path = Path(self.inherited.getsockname())
        if path != configured:
            _log.warning(
                "The service manager's socket is used, not that of the settings.",
                socket=str(path),
                configured=str(configured),
            )
        return path

    async def restoring(self, data_dir: Path) -> None:
        """The store is being read."""
        await self._notifier.status(f"Restoring the store in {data_dir}")

    async def ready(self, describe: Describe) -> None:
        """The daemon answers."""
        await self._notifier.ready(_status(describe()))

    async def watch(self, path: Path, describe: Describe) -> None:
        """Tells that the daemon lives for as long as it answers at `path`, where the manager wants to hear it."""
        if self._within_seconds is not None:
            await keep_watch(path, self._within_seconds, lambda: self._notifier.alive(_status(describe())))

    async def wait_for_stop(
        self, signals: AsyncIterator[int], reload: Reload, describe: Describe
    ) -> signal.Signals:
        """Has the configuration read again on each SIGHUP; gives the signal that ends the daemon."""
        while True:
            number = signal.Signals(await anext(signals))
            if number != signal.SIGHUP or self._terminal.is_closed():
                return number
            await self._notifier.reloading("Reading the configuration again")
            with trio.move_on_after(_RELOAD_SECONDS) as limit:
                await reload()
            if limit.cancelled_caught:
                _log.error(f"The configuration was not read within {_RELOAD_SECONDS:g} s: the settings stay.")
            await self.ready(describe)

    async def stopping(self) -> None:
        """No more clients are accepted, and the daemon ends."""
        await self._notifier.stopping("Committing what is queued")


@contextmanager
def supervised(environment: MutableMapping[str, str]) -> Generator[Supervisor]:
    """What the environment tells of a service manager, which is taken out of it. Raises SocketUnusable."""
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
    """One line for `systemctl status`."""
    workspaces = "1 workspace" if status.workspaces == 1 else f"{status.workspaces} workspaces"
    line = f"{workspaces}, listening on {status.socket}"
    if status.store.state == "ok":
        return line
    return f"{line}; the store is {status.store.state}: {status.store.last_error}"
