"""Notifications to the service manager: the protocol of sd_notify(3), without its library.

The strategy: each message is one datagram to the socket in NOTIFY_SOCKET. Without that variable, nothing is
sent. If the manager is gone or accepts no message within a second, this is logged once and the daemon goes
on. Only the task that sends waits.
"""

import socket
import time
from collections.abc import MutableMapping
from typing import Final

import trio

from workspaced.process.log import Logger

_SEND_SECONDS: Final = 1.0  # the manager's queue may be full for a while, as during a login

_log = Logger()


class Notifier:
    """Sends messages to the service manager. If `address` is None, it sends nothing. Call `close` after use.

    `address` is a path, or `@` and an abstract name (unix(7), only on Linux).
    """

    def __init__(self, address: str | None) -> None:
        self._address: bytes | None = None
        self._socket: socket.socket | None = None
        self._has_failed = False
        if address is None:
            return
        if not address.startswith(("/", "@")):
            self._fail(f"NOTIFY_SOCKET is {address}, which is neither an absolute path nor an abstract name")
            return
        name = address.encode(errors="surrogateescape")
        self._address = b"\0" + name[1:] if name.startswith(b"@") else name
        try:
            # One descriptor for all messages: keep-alive messages must go out even if no more descriptors are
            # available.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        except OSError as error:
            self._fail(error.strerror or str(error))

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> "Notifier":
        """Remove NOTIFY_SOCKET from the environment and use it. git and its helpers must not inherit it."""
        return cls(environment.pop("NOTIFY_SOCKET", None) or None)

    @property
    def is_active(self) -> bool:
        """Whether there is a service manager to notify."""
        return self._socket is not None

    async def ready(self, status: str) -> None:
        """Notify that the daemon answers, after the start or after a reload."""
        await self._send("READY=1", _status(status))

    async def status(self, status: str) -> None:
        """Send a status text only."""
        await self._send(_status(status))

    async def extend(self, status: str, seconds: float) -> None:
        """Ask for this many more seconds, counted from now, until the next message."""
        await self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", _status(status))

    async def alive(self, status: str) -> None:
        """Notify that the daemon still answers; this restarts the watchdog's timer."""
        await self._send("WATCHDOG=1", _status(status))

    async def reloading(self, status: str) -> None:
        """Notify that the daemon reloads its configuration; `ready` notifies the end."""
        # systemd matches a reload and its end by the start time on CLOCK_MONOTONIC.
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        await self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", _status(status))

    async def stopping(self, status: str) -> None:
        """Notify that the daemon is stopping."""
        await self._send("STOPPING=1", _status(status))

    async def _send(self, *lines: str) -> None:
        if self._socket is None or self._address is None:
            return
        message = "\n".join(lines).encode(errors="backslashreplace")
        try:
            with trio.fail_after(_SEND_SECONDS):
                while not _try_send(self._socket, self._address, message):
                    # The socket is connected, so it becomes writable once the manager's queue has room.
                    await trio.lowlevel.wait_writable(self._socket)
        except OSError as error:
            self._fail(error.strerror or str(error))
        except trio.TooSlowError:
            self._fail(f"it accepted no message for {_SEND_SECONDS:g} s")

    def _fail(self, reason: str) -> None:
        if not self._has_failed:
            _log.warning("The service manager can't be notified.", reason=reason)
        self._has_failed = True

    def close(self) -> None:
        """Close the socket; later messages are not sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _try_send(notifying: socket.socket, address: bytes, message: bytes) -> bool:
    """Send the message; return False if the manager's queue is full."""
    notifying.connect(address)  # each time: a restarted manager has a new socket at the same address
    try:
        notifying.send(message)
    except BlockingIOError:
        return False
    return True


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"  # a newline would begin a new assignment
