"""Tells the service manager how the daemon fares: sd_notify(3), without its library.

The strategy: each message is one datagram to the socket that NOTIFY_SOCKET names. Where there is none,
nothing is sent. A manager that is gone, or takes nothing, is told of once in the log; the daemon waits
a second for it, in this task alone, and goes on.
"""

import socket
import time
from collections.abc import MutableMapping
from typing import Final

import structlog
import trio

_SEND_SECONDS: Final = 1.0  # as long as the manager's queue may be full, as it is while a user logs in

_log = structlog.get_logger(__name__)


class Notifier:
    """Sends messages to the manager, or nowhere where `address` is None. `close` it after use.

    `address` is a path, or `@` and an abstract name (unix(7), Linux alone).
    """

    def __init__(self, address: str | None) -> None:
        self._address: bytes | None = None
        self._socket: socket.socket | None = None
        self._has_failed = False
        if address is None:
            return
        if not address.startswith(("/", "@")):
            self._fail(f"NOTIFY_SOCKET is {address}, neither a path nor an abstract name")
            return
        name = address.encode(errors="surrogateescape")
        self._address = b"\0" + name[1:] if name.startswith(b"@") else name
        try:
            # One descriptor for good: with none to be had, the watchdog could not be told that the daemon lives.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        except OSError as error:
            self._fail(error.strerror or str(error))

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> "Notifier":
        """For the manager that started this process; takes NOTIFY_SOCKET away, lest git's helpers answer for it."""
        return cls(environment.pop("NOTIFY_SOCKET", None) or None)

    @property
    def is_heard(self) -> bool:
        """Whether there is a manager to tell."""
        return self._socket is not None

    async def ready(self, status: str) -> None:
        """The daemon answers; also the end of a reload."""
        await self._send("READY=1", _status(status))

    async def status(self, status: str) -> None:
        """What the daemon is doing."""
        await self._send(_status(status))

    async def alive(self, status: str) -> None:
        """The daemon answers still: the watchdog's time begins anew."""
        await self._send("WATCHDOG=1", _status(status))

    async def reloading(self, status: str) -> None:
        """The daemon reads its configuration again; `ready` tells the end of it."""
        # systemd pairs a reload with its end by the time at which it began, on CLOCK_MONOTONIC.
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        await self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", _status(status))

    async def stopping(self, status: str) -> None:
        """The daemon begins to end."""
        await self._send("STOPPING=1", _status(status))

    async def _send(self, *lines: str) -> None:
        if self._socket is None or self._address is None:
            return
        message = "\n".join(lines).encode(errors="backslashreplace")
        try:
            with trio.fail_after(_SEND_SECONDS):
                while not _sent(self._socket, self._address, message):
                    # Connected to its address, the socket is writable once the manager's queue has room.
                    await trio.lowlevel.wait_writable(self._socket)
        except OSError as error:
            self._fail(error.strerror or str(error))
        except trio.TooSlowError:
            self._fail(f"it took no message for {_SEND_SECONDS:g} s")

    def _fail(self, reason: str) -> None:
        if not self._has_failed:
            _log.warning("The service manager can't be told how the daemon fares.", reason=reason)
        self._has_failed = True

    def close(self) -> None:
        """Sends no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _sent(notifying: socket.socket, address: bytes, message: bytes) -> bool:
    """Sends the message; False where the manager's queue is full."""
    notifying.connect(address)  # each time: a manager that was started anew has another socket of that name
    try:
        notifying.send(message)
    except BlockingIOError:
        return False
    return True


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"  # a newline would begin another field
