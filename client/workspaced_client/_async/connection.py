"""The async client's connection: calls of many tasks over one socket, under trio and asyncio (by anyio).

Written by hand beside `_sync/connection.py`, which does the same with threads. No task of its own: so a client
needs no task group, may be closed by another task than the one that connected it, and in any order.

The strategy is leader and followers:
- Of the calls that wait for an answer, one has the turn to read. It reads for all, settles the others and wakes
  them. When it leaves, answered or cancelled, it passes the turn to another.
- Each call sends its own request, one at a time. While the socket has no room, the sender also takes part in
  the reading: the daemon stops reading from a client that does not read its answers.
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
        self._events: dict[PendingCall, anyio.Event] = {}  # of the calls whose tasks may use the socket
        self._followers: set[PendingCall] = set()  # calls that would read if it were their turn
        self._reader: PendingCall | None = None
        self._closed = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in the process that owns it; without a reader, this looks."""
        if self._conversation.forked:
            return False
        if self._reader is None and not self._conversation.ended:
            self._read()
        return self._conversation.ended

    @property
    def end_reason(self) -> str:
        """The reason of its end; empty before it."""
        return self._conversation.end_reason

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
            try:
                if not call.settled and self._conversation.can_cancel(call):
                    await self._cancel(call)
            finally:
                self._leave(call)
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return self._conversation.result_of(call, result)

    async def _exchange(self, call: PendingCall, deadline: float) -> None:
        """Send the call and wait for its answer, until the deadline; then look at what has arrived."""
        with anyio.CancelScope(deadline=deadline):
            await self._send(call)
            await self._wait(call)
        while call.id and not call.settled and not self._conversation.ended and self._read():
            pass

    async def _wait(self, call: PendingCall) -> None:
        """Return once the call is settled; tell its progress until then."""
        while not call.settled:
            await self._wait_for_news(call)
            call.tell_progress()

    async def _wait_for_news(self, call: PendingCall) -> None:
        """Return once there is an outcome, progress, or the end: by reading, or by another call's reading."""
        self._followers.add(call)
        try:
            while not (call.has_news or self._conversation.ended):
                if self._reader is None:
                    self._reader = call
                if self._reader is call:
                    await anyio.wait_readable(self._socket)
                    self._read()
                else:
                    await self._events[call].wait()
                    self._events[call] = anyio.Event()
        finally:
            self._stop_reading(call)
        if not call.has_news:
            self._end(self._conversation.end_reason)  # again, in case an interrupt cut the first short

    def _stop_reading(self, call: PendingCall) -> None:
        """Pass the turn to read on, if the call has it; the app's function and a cancellation delay no other."""
        self._followers.discard(call)
        if self._reader is call:
            self._reader = next(iter(self._followers), None)
            if self._reader is not None:
                self._events[self._reader].set()

    def _read(self) -> bool:
        """Receive bytes, without waiting, and settle the calls that they answer; return False if there are none."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""  # the daemon closed it with a request unread
        except OSError as error:
            self._end(f"it failed: {error.strerror or error}")
            return False
        try:
            self._wake(self._conversation.receive(data))
        except BaseException:
            self._end("an exception, such as a KeyboardInterrupt, came in the middle of a message")
            raise
        if self._conversation.ended:
            self._end(self._conversation.end_reason)  # after nonsense, the peer is still connected
        return True

    def _leave(self, call: PendingCall) -> None:
        """Remove the call: the last step of every task, even after an exception."""
        call.abandoned = True
        del self._events[call]
        if self._closed and not self._events:
            self._socket.close()

    async def _cancel(self, call: PendingCall) -> None:
        """Ask the daemon to end a call; the request is lost if the daemon does not read in time."""
        call.on_progress = call.progress = None  # its caller has left
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
                await self._wait_for_room(call)
            except OSError:
                self._conversation.stop_sending()

    async def _wait_for_room(self, call: PendingCall) -> None:
        """Return once the socket takes bytes again, or there is news; read meanwhile if nobody else does."""
        async with anyio.create_task_group() as group:

            async def read() -> None:
                await self._wait_for_news(call)
                group.cancel_scope.cancel()

            group.start_soon(read)
            await anyio.wait_writable(self._socket)
            group.cancel_scope.cancel()

    def _wake(self, told: list[PendingCall]) -> None:
        for call in told:
            self._events[call].set()

    def _end(self, reason: str) -> None:
        """End the conversation: calls under way raise ConnectionLost, and so do later ones."""
        self._conversation.end(reason)
        shut_down(self._socket)  # wakes the tasks that wait to read or to send
        for event in self._events.values():
            event.set()

    async def close(self) -> None:
        """End the connection: calls of other tasks raise ConnectionLost. A second call has no effect."""
        if self._conversation.forked:
            self._socket.close()  # this process's copy; the parent owns the connection
            return
        self._closed = True
        self._end("this client was closed")
        if not self._events:  # else the last to leave closes it
            self._socket.close()
