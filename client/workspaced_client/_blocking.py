"""The blocking client's connection: calls of many threads over one socket, without a thread of its own.

The strategy is leader and followers. Of the threads that wait for an answer one holds the reading
role: it reads for all, settles the calls of the others and wakes them. When its own answer came, or
its time is over, it passes the role on to one that waits. So an answer never waits for the slow call
of another thread, and a program without calls has no thread running.

A request is sent by its own thread, one at a time. While the socket has no room, the sender takes the
reading role if nobody has it: the daemon stops reading from a client that does not read its answers.
What a thread that gave up had left to send is sent by the next, so that the stream stays whole.
"""

import select
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

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
    remaining,
    shut_down,
    try_to_connect,
)
from workspaced_client._waits import Closed, Turns
from workspaced_client.errors import NotResponding

T = TypeVar("T")

_LOOK_AGAIN_SECONDS: Final = 0.05
"""How soon a sender without room looks whether the thread that read has gone: that does not wake it."""


class BlockingConnection:
    """One connected socket, shared by the threads of one process; it must not block."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._lock = threading.Lock()  # guards what follows, and the conversation; never held in a wait
        self._sending = Turns(self._lock)
        self._reading = Turns(self._lock)
        self._inside: set[PendingCall] = set()  # those whose threads may use the socket
        self._closed = False
        self._readable = select.poll()  # used by the reader alone
        self._readable.register(connected, select.POLLIN)
        self._writable = select.poll()  # used by the sender alone

    @property
    def is_over(self) -> bool:
        """Whether nothing can be asked over it any more, in the process that it belongs to."""
        return self._conversation.ended and not self._conversation.forked

    @property
    def end_reason(self) -> str:
        """How it ended, once it has."""
        return self._conversation.end_reason

    def request(
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
        deadline = monotonic() + timeout_seconds
        call = self._conversation.prepare(method, params, on_progress)
        try:
            with self._lock:
                self._inside.add(call)
            self._send(call, deadline, self._conversation.send)
            self._wait(call, deadline)
        finally:
            try:
                if not call.settled and self._conversation.can_cancel(call):
                    self._reading.give_up(call)  # the wait for its turn to send holds up no other thread
                    self._send(call, monotonic() + CANCEL_SECONDS, self._conversation.cancel)
                self._leave(call)
            except BaseException:
                self._leave(call)  # again, where the interrupt came in the leaving itself
                raise
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return result_of(call, result)

    def _send(self, call: PendingCall, deadline: float, write: Callable[[PendingCall], None]) -> None:
        """Sends what `write` makes the outgoing bytes, or a part of it, by the deadline."""
        if self._sending.get(call, deadline) and self._flush(call, deadline):
            with self._lock:
                write(call)
            self._flush(call, deadline)
        self._sending.give_up(call)

    def _flush(self, call: PendingCall, deadline: float) -> bool:
        """Sends the outgoing bytes; False where the deadline came first."""
        while self._conversation.outgoing and not call.settled:
            try:
                self._conversation.sent(self._socket.send(self._conversation.outgoing, SEND_FLAGS))
            except BlockingIOError:
                if not self._wait_for_room(call, deadline):
                    return False
            except OSError:
                self._conversation.stop_sending()
            except BaseException:
                self._end_interrupted()
                raise
        return True

    def _wait_for_room(self, call: PendingCall, deadline: float) -> bool:
        left = remaining(deadline, monotonic())
        if not left:
            return False
        with self._lock:
            reads = self._reading.take(call)
        self._writable.register(self._socket, select.POLLOUT | (select.POLLIN if reads else 0))
        events = self._writable.poll((left if reads else min(left, _LOOK_AGAIN_SECONDS)) * 1000)
        if reads and events and events[0][1] & ~select.POLLOUT:
            self._read()
        return True

    def _wait(self, call: PendingCall, deadline: float) -> None:
        """Returns once the call is settled or its deadline has passed."""
        while call.id and not call.settled:
            if call.progress is not None:
                with self._lock:
                    self._reading.leave(call)  # the app's function holds up no other thread
                call.tell_progress()
            left = remaining(deadline, monotonic())
            if not left:
                return
            turn = self._next_turn(call)
            if turn is not None:
                turn.acquire(timeout=left)
            elif self._readable.poll(left * 1000):
                self._read()

    def _next_turn(self, call: PendingCall) -> "threading.Lock | None":
        """None where it is this thread that reads; else a lock that it gets when it is to look again."""
        with self._lock:
            return threading.Lock() if call.has_news else self._reading.ask(call)

    def _read(self) -> None:
        """Takes what has come and hands out the answers in it; only the holder of the role may."""
        try:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""  # the daemon closed it, with something of ours unread
            except OSError as error:
                self._end(f"it failed: {error.strerror or error}")
                return
            with self._lock:
                for told in self._conversation.receive(data):
                    self._reading.wake(told)
            if self._conversation.ended:
                shut_down(self._socket)  # after nonsense, the other end is still there
        except BaseException:
            self._end_interrupted()
            raise

    def _leave(self, call: PendingCall) -> None:
        """What every thread does last, whatever happened to it: nobody may wait for it in vain."""
        with self._lock:
            self._inside.discard(call)
            call.abandoned = True
            self._sending.leave(call)
            self._reading.leave(call)
            if self._closed and not self._inside:
                self._socket.close()

    def _end(self, reason: str) -> None:
        """Ends the conversation, and wakes who waits for the socket itself; who leaves then wakes the next."""
        with self._lock:
            self._conversation.end(reason)
        shut_down(self._socket)

    def _end_interrupted(self) -> None:
        """Bytes may have been lost between the socket and the conversation: it can't go on."""
        self._end("an exception, such as a KeyboardInterrupt, came in the middle of a message")

    def close(self) -> None:
        """Ends the connection: calls that wait in other threads get ConnectionLost. Again: no effect."""
        if self._conversation.forked:
            self._socket.close()  # this process's copy; the connection is the parent's
            return
        with self._lock:
            self._closed = True
            self._conversation.end("this client was closed")
            if self._inside:
                shut_down(self._socket)  # the last of them closes it: closing alone would wake none
            else:
                self._socket.close()


def connected_by(path: str, deadline: float, timeout_seconds: float, closed: Closed) -> socket.socket:
    """A connected socket. Raises NotResponding where there was no room for it by the deadline, or `closed`."""
    while (connected := try_to_connect(path)) is None:
        left = remaining(deadline, monotonic())
        if not left or closed.is_set():
            raise NotResponding("connect", timeout_seconds)
        closed.wait(min(left, BACKLOG_RETRY_SECONDS))
    return connected
