"""The async client's connection: calls of many tasks over one socket, under trio and asyncio (by anyio).

The strategy: one task reads all answers and settles the calls they are for; each call sends its own
request, one at a time, and waits for its event. What a cancelled call had left to send is sent by the
next, so that the stream stays whole.
"""

import socket as sockets
from typing import TypeVar

import anyio

from workspaced_client._protocol import (
    CANCEL_SECONDS,
    Conversation,
    OnProgress,
    PendingCall,
    not_responding,
    result_of,
)
from workspaced_client._socket import (
    BACKLOG_RETRY_SECONDS,
    RECEIVE_BYTES,
    SEND_FLAGS,
    shut_down,
    try_to_connect,
)
from workspaced_client.errors import NotResponding

T = TypeVar("T")


class AsyncConnection:
    """One connected socket, shared by the tasks of one event loop; it must not block."""

    def __init__(self, connected: sockets.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._sending = anyio.Lock(fast_acquire=True)  # each request waits for its answer anyway
        self._events: dict[PendingCall, anyio.Event] = {}
        self._reading: anyio.Event | None = None  # set once nothing reads any more

    @property
    def is_over(self) -> bool:
        """Whether nothing can be asked over it any more, in the process that it belongs to."""
        return self._conversation.ended and not self._conversation.forked

    @property
    def end_reason(self) -> str:
        """How it ended, once it has."""
        return self._conversation.end_reason

    async def read_answers(self) -> None:
        """Settles calls until the connection ends; runs beside them."""
        self._reading = anyio.Event()
        try:
            await self._read()
        finally:
            self._reading.set()

    async def _read(self) -> None:
        while not self._conversation.ended:
            await anyio.wait_readable(self._socket)
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                data = b""  # the daemon closed it, with something of ours unread
            except OSError as error:
                self.end(f"it failed: {error.strerror or error}")
                return
            self._wake(self._conversation.receive(data))
        shut_down(self._socket)  # after nonsense, the other end is still there

    async def request(
        self,
        method: str,
        params: object,
        result: type[T],
        timeout_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> T:
        """Sends a call and waits for its answer. Raises what `workspaced_client.errors` lists.

        A call that is given up is cancelled, where the daemon can do that.
        """
        call = self._conversation.prepare(method, params, on_progress)
        self._events[call] = anyio.Event()
        try:
            with anyio.move_on_after(timeout_seconds):
                await self._send(call)
                await self._wait(call)
        finally:
            del self._events[call]
            if not call.settled:
                call.abandoned = True
                if self._conversation.can_cancel(call):
                    await self._cancel(call)
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return result_of(call, result)

    async def _wait(self, call: PendingCall) -> None:
        """Returns once the call is settled."""
        while not call.settled:
            await self._events[call].wait()
            self._events[call] = anyio.Event()
            call.tell_progress()

    async def _cancel(self, call: PendingCall) -> None:
        """Lets the daemon end a call; it may not hear of it where it does not read."""
        with anyio.move_on_after(CANCEL_SECONDS, shield=True):
            async with self._sending:
                await self._flush(call)
                self._conversation.cancel(call)
                await self._flush(call)

    async def _send(self, call: PendingCall) -> None:
        async with self._sending:
            await self._flush(call)
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

    def end(self, reason: str) -> None:
        """Ends the conversation: calls under way raise ConnectionLost, and so do later ones."""
        self._wake(self._conversation.end(reason))

    async def close(self) -> None:
        """Closes the socket, once nothing reads from it any more."""
        if self._conversation.forked:
            self._socket.close()  # as in the blocking connection
            return
        shut_down(self._socket)  # it lets those go on who wait to read or to send, and so leave the socket
        with anyio.CancelScope(shield=True):
            if self._reading is not None:
                await self._reading.wait()
            async with self._sending:
                self._socket.close()


async def connected_by(
    path: str, deadline: float, timeout_seconds: float, closed: anyio.Event
) -> sockets.socket:
    """A connected socket. Raises NotResponding where there was no room for it by the deadline, or `closed`."""
    while (connected := try_to_connect(path)) is None:
        if anyio.current_time() >= deadline or closed.is_set():
            raise NotResponding("connect", timeout_seconds)
        with anyio.move_on_after(BACKLOG_RETRY_SECONDS):
            await closed.wait()
    return connected
