"""The async client's connection: calls of many tasks over one socket, under trio and asyncio (by anyio).

Written by hand beside `_sync/connection.py`, which has no reader of its own.

The strategy:
- One task reads all answers and settles their calls.
- Each call sends its own request, one at a time, and waits for its event.
- The next sender sends the bytes that a cancelled call left, so that the stream stays whole.
"""

import socket
from typing import TypeVar

import anyio

from workspaced_client._core.conversation import (
    CANCEL_SECONDS,
    Conversation,
    OnProgress,
    PendingCall,
    not_responding,
    result_of,
)
from workspaced_client._core.socket_io import RECEIVE_BYTES, SEND_FLAGS, shut_down
from workspaced_client._core.timeouts import RESUMED_SECONDS, was_stopped

from .waiting import now

T = TypeVar("T")


class Connection:
    """One connected socket that never blocks, shared by the tasks of one event loop."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._sending = anyio.Lock(fast_acquire=True)  # each request waits for its answer anyway
        self._events: dict[PendingCall, anyio.Event] = {}
        self._reading: anyio.Event | None = None  # set once the reader has ended; None before it began

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in the process that owns it."""
        return self._conversation.ended and not self._conversation.forked

    @property
    def end_reason(self) -> str:
        """The reason of its end; empty before it."""
        return self._conversation.end_reason

    async def read_answers(self) -> None:
        """Settle calls until the connection ends: the body of the reader task."""
        self._reading = anyio.Event()
        try:
            await self._read()
        finally:
            self._reading.set()

    async def _read(self) -> None:
        while not self._conversation.ended:
            await anyio.wait_readable(self._socket)
            self._receive()
        shut_down(self._socket)  # after nonsense, the peer is still connected

    def _receive(self) -> bool:
        """Take what has arrived, without waiting; return False if there is nothing."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""  # the daemon closed it with a request unread
        except OSError as error:
            self._end(f"it failed: {error.strerror or error}")
            return False
        self._wake(self._conversation.receive(data))
        return True

    async def request(
        self,
        method: str,
        params: object,
        result: type[T],
        timeout_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> T:
        """Send a call and wait for its answer. Raises one of `workspaced_client.errors`.

        A call that is given up is cancelled, if the daemon can cancel it.
        """
        call = self._conversation.prepare(method, params, on_progress)
        self._events[call] = anyio.Event()
        try:
            deadline = now() + timeout_seconds
            await self._exchange(call, deadline)
            if not call.settled and was_stopped(deadline, now()):
                await self._exchange(call, now() + RESUMED_SECONDS)
        finally:
            del self._events[call]
            if not call.settled:
                call.abandoned = True
                if self._conversation.can_cancel(call):
                    await self._cancel(call)
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return result_of(call, result)

    async def _exchange(self, call: PendingCall, deadline: float) -> None:
        """Send the call and wait for its answer, until the deadline; then look at what has arrived."""
        with anyio.CancelScope(deadline=deadline):
            await self._send(call)
            await self._wait(call)
        while call.id and not call.settled and not self._conversation.ended and self._receive():
            pass

    async def _wait(self, call: PendingCall) -> None:
        """Return once the call is settled."""
        while not call.settled:
            await self._events[call].wait()
            self._events[call] = anyio.Event()
            call.tell_progress()

    async def _cancel(self, call: PendingCall) -> None:
        """Ask the daemon to end a call; the request is lost if the daemon does not read in time."""
        with anyio.move_on_after(CANCEL_SECONDS, shield=True):
            async with self._sending:
                await self._flush(call)
                self._conversation.cancel(call)
                await self._flush(call)

    async def _send(self, call: PendingCall) -> None:
        async with self._sending:
            await self._flush(call)
            if not call.id:
                self._conversation.send(call)
            await self._flush(call)

    async def _flush(self, call: PendingCall) -> None:
        while self._conversation.outgoing and not call.settled:
            try:
                self._conversation.sent(self._socket.send(self._conversation.outgoing, SEND_FLAGS))
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError:
                self._conversation.stop_sending()

    def _wake(self, told: list[PendingCall]) -> None:
        for call in told:
            self._events[call].set()

    def _end(self, reason: str) -> None:
        """End the conversation: calls under way raise ConnectionLost, and so do later ones."""
        self._wake(self._conversation.end(reason))

    async def close(self) -> None:
        """End the connection: calls of other tasks raise ConnectionLost. A second call has no effect."""
        if self._conversation.forked:
            self._socket.close()  # this process's copy; the parent owns the connection
            return
        self._end("this client was closed")
        shut_down(self._socket)  # wakes the tasks that wait to read or to send, and so release the socket
        with anyio.CancelScope(shield=True):
            if self._reading is not None:
                await self._reading.wait()
            async with self._sending:
                self._socket.close()
