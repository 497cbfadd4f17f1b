"""The watchdog: keep-alive messages to the service manager while the daemon answers its own requests.

The strategy: the daemon is its own client. It calls `daemon.ping` over its own socket, as an app would. A
blocked event loop, a listener that does not accept and a dispatcher that does not answer all have the same
effect: no answer, no WATCHDOG=1, and the manager restarts the daemon. The connection is kept, so that the
watchdog works even if no more descriptors are available.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Final

import msgspec
import trio

import workspaced_protocol
from workspaced.process.log import Logger
from workspaced_protocol.framing import LineSplitter

NAME: Final = "workspaced (watchdog)"
"""The daemon's name as its own client, shown by `daemon.clients`."""

_PAUSE_SECONDS: Final = (
    0.1  # before the next attempt to connect: there is no event for room in a full backlog
)
_RECEIVE_BYTES: Final = 4096

_log = Logger()


def watchdog_seconds(environment: MutableMapping[str, str]) -> float | None:
    """Return the watchdog timeout in seconds (sd_watchdog_enabled(3)), or None without a watchdog.

    Removes WATCHDOG_USEC and WATCHDOG_PID, so that no child process uses them.
    """
    given_us = environment.pop("WATCHDOG_USEC", "")
    pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
    if not given_us or pid != str(os.getpid()):
        return None
    if not (given_us.isascii() and given_us.isdigit() and int(given_us)):
        _log.warning("The watchdog is off: WATCHDOG_USEC is not a number of microseconds.", given=given_us)
        return None
    return int(given_us) / 1_000_000


async def keep_watch(path: Path, within_seconds: float, alive: Callable[[], Awaitable[None]]) -> None:
    """Ping the daemon at `path` twice per `within_seconds`, and call `alive` after each answer, until cancelled."""
    period_seconds = within_seconds / 2
    call = _SelfCall(path)
    is_silent = False
    try:
        while True:
            began_at, by_manager = trio.current_time(), time.monotonic()
            # Half a period, so that an early answer and a late one after it are never too far apart.
            with trio.move_on_after(period_seconds / 2) as limit:
                await call.ping()
            if not limit.cancelled_caught:
                await alive()
            elif not is_silent:
                _log.error(
                    "The daemon did not answer its own ping: no keep-alive message is sent to the service manager."
                )
            is_silent = limit.cancelled_caught
            await _sleep_until(began_at + period_seconds, by_manager + period_seconds)
    finally:
        call.close()


async def _sleep_until(deadline: float, by_manager: float) -> None:
    """Sleep until `deadline`, or until `by_manager` on the system's clock.

    The service manager counts the time in which this process was stopped, and the daemon's clock does not.
    """
    step_seconds = (deadline - trio.current_time()) / 16
    while trio.current_time() < deadline and time.monotonic() < by_manager:  # noqa: ASYNC110 - no event tells it
        await trio.sleep_until(min(trio.current_time() + step_seconds, deadline))


class _Answer(msgspec.Struct):
    """The needed members of an answer. An error answer lacks `result`, so it fails to decode."""

    id: int
    result: object


class _SelfCall:
    """A connection to the daemon's own socket, opened again after a loss."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: trio.SocketStream | None = None
        self._lines = LineSplitter()
        self._last_id = 0

    async def ping(self) -> None:
        """Wait until the daemon answers; retry after each failure."""
        while True:
            try:
                stream = self._stream or await self._connect()
                await self._call(stream, "daemon.ping")
            except (OSError, EOFError, trio.BrokenResourceError, msgspec.DecodeError, UnicodeDecodeError):
                self.close()
                await trio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _connect(self) -> trio.SocketStream:
        self._stream = await trio.open_unix_socket(self._path)
        self._lines = LineSplitter()
        await self._call(
            self._stream, "daemon.hello", client=NAME, protocol=workspaced_protocol.PROTOCOL_VERSION
        )
        return self._stream

    async def _call(self, stream: trio.SocketStream, method: str, **params: object) -> None:
        """Send a request and wait for its answer. Skip late answers to abandoned requests."""
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        await stream.send_all(msgspec.json.encode(request) + b"\n")
        while True:
            data = await stream.receive_some(_RECEIVE_BYTES)
            if not data:
                raise EOFError
            for line in self._lines.feed(bytes(data)):
                if msgspec.json.decode(line, type=_Answer).id == self._last_id:
                    return

    def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None
