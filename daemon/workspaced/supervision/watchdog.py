"""The watchdog: tells the service manager that the daemon lives, only after it has answered itself.

The strategy: the daemon is its own client. It asks `daemon.ping` over its own socket, as an app would,
so a loop that is blocked, a socket that nobody accepts on and a dispatcher that answers nothing all look
alike: no answer, no WATCHDOG=1, and the manager starts the daemon anew. The connection is kept, so that
it works also where no more descriptors are to be had.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Final

import msgspec
import structlog
import trio

import workspaced_protocol
from workspaced_protocol.framing import LineSplitter

NAME: Final = "workspaced (watchdog)"
"""What the daemon calls itself as its own client; `daemon.clients` shows it."""

_PAUSE_SECONDS: Final = (
    0.1  # before another connection is tried: a full backlog tells nobody that it has room
)
_RECEIVE_BYTES: Final = 4096

_log = structlog.get_logger(__name__)


def watchdog_seconds(environment: MutableMapping[str, str]) -> float | None:
    """In what time the manager wants to hear from the daemon (sd_watchdog_enabled(3)); None: never.

    Takes WATCHDOG_USEC and WATCHDOG_PID away, so that no child takes them for its own.
    """
    given_us = environment.pop("WATCHDOG_USEC", "")
    pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
    if not given_us or pid != str(os.getpid()):
        return None
    if not (given_us.isascii() and given_us.isdigit() and int(given_us)):
        _log.warning("The watchdog is off: WATCHDOG_USEC is no number of microseconds.", given=given_us)
        return None
    return int(given_us) / 1_000_000


async def keep_watch(path: Path, within_seconds: float, alive: Callable[[], Awaitable[None]]) -> None:
    """Asks the daemon at `path` twice `within_seconds`, and calls `alive` after each answer, until cancelled."""
    period_seconds = within_seconds / 2
    call = _SelfCall(path)
    is_silent = False
    try:
        while True:
            began_at = trio.current_time()
            # Half a period: so two answers in a row, one early and one late, are never too far apart.
            with trio.move_on_after(period_seconds / 2) as limit:
                await call.ping()
            if not limit.cancelled_caught:
                await alive()
            elif not is_silent:
                _log.error("The daemon did not answer itself: the service manager is not told that it lives.")
            is_silent = limit.cancelled_caught
            await trio.sleep_until(began_at + period_seconds)
    finally:
        call.close()


class _Answer(msgspec.Struct):
    """What counts of an answer; one that is an error lacks `result`, and is none."""

    id: int
    result: object


class _SelfCall:
    """A connection to the daemon's own socket, opened anew where it is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: trio.SocketStream | None = None
        self._lines = LineSplitter()
        self._last_id = 0

    async def ping(self) -> None:
        """Comes back once the daemon has answered, however often that has to be tried."""
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
        """Asks, and waits for the answer to this; what comes late, to a call that was given up, is passed over."""
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
        """Gives the connection up."""
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None
