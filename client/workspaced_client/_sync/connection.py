"""The blocking client's connection: calls of many threads over one socket, without a thread of its own.

Written by hand beside `_async/connection.py`, which does the same with tasks. Here, each step must survive Ctrl-C
(see `waiting`).

The strategy is leader and followers:
- Of the threads that wait for an answer, one has the turn to read. It reads for all, settles the calls of
  the others and wakes them. With its own answer, or at its deadline, it passes the turn to another.
- So no answer waits for the slow call of another thread, and a program without calls has no thread running.
- Each thread sends its own request, one at a time. While the socket has no room, the sender also reads if
  nobody else does: the daemon stops reading from a client that does not read its answers.
- The next sender sends the bytes that a thread left when it gave up, so that the stream stays whole.
"""

import socket
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from workspaced_client._core.conversation import (
    CANCEL_SECONDS,
    Conversation,
    OnProgress,
    PendingCall,
    not_responding,
)
from workspaced_client._core.socket_io import RECEIVE_BYTES, SEND_FLAGS, shut_down, wait_until_ready
from workspaced_client._core.timeouts import RESUMED_SECONDS, remaining, was_stopped

from .waiting import Turns, now

T = TypeVar("T")

_LOOK_AGAIN_SECONDS: Final = 0.05
"""A sender without room checks this often whether the reading thread has left, which does not wake it."""


class Connection:
    """One connected socket that never blocks, shared by the threads of one process."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._lock = threading.Lock()  # guards the next four and the conversation; never held during a wait
        self._sending = Turns(self._lock)
        self._reading = Turns(self._lock)
        self._inside: set[PendingCall] = set()  # calls whose threads may use the socket
        self._closed = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in the process that owns it."""
        return self._conversation.ended and not self._conversation.forked

    @property
    def end_reason(self) -> str:
        """The reason of its end; empty before it."""
        return self._conversation.end_reason

    def request(
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
        deadline = now() + timeout_seconds
        call = self._conversation.prepare(method, params, on_progress)
        try:
            with self._lock:
                self._inside.add(call)
            self._send(call, deadline, self._conversation.send)
            self._wait(call, deadline)
        finally:
            try:
                if not call.settled and self._conversation.can_cancel(call):
                    self._reading.give_up(call)  # the wait to send delays no other thread
                    self._send(call, now() + CANCEL_SECONDS, self._conversation.cancel)
                self._leave(call)
            except BaseException:
                self._leave(call)  # again, in case the interrupt came during the first
                raise
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return self._conversation.result_of(call, result)

    def _send(self, call: PendingCall, deadline: float, write: Callable[[PendingCall], None]) -> None:
        """Send the bytes that `write` prepares, or a part of them, by the deadline; nothing if that has passed."""
        current = now()
        in_time = current < deadline or was_stopped(deadline, current)
        if self._sending.get(call, deadline) and in_time and self._flush(call, deadline):
            with self._lock:
                write(call)
            self._flush(call, deadline)
        self._sending.give_up(call)

    def _flush(self, call: PendingCall, deadline: float) -> bool:
        """Send the outgoing bytes; return False if the deadline came first."""
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
        left = remaining(deadline, now())
        if not left:
            return False
        with self._lock:
            reads = self._reading.take(call)
        wait = left if reads else min(left, _LOOK_AGAIN_SECONDS)
        readable, _ = wait_until_ready(self._socket, wait, to_read=reads, to_write=True)
        if reads and readable:
            self._read()
        return True

    def _wait(self, call: PendingCall, deadline: float) -> None:
        """Return once the call is settled or its deadline has passed."""
        while call.id and not call.settled:
            if call.progress is not None:
                with self._lock:
                    self._reading.leave(call)  # the app's function delays no other thread
                call.tell_progress()
            if was_stopped(deadline, now()):
                deadline = now() + RESUMED_SECONDS
            left = remaining(deadline, now())
            turn = self._next_turn(call)
            if not left and not (turn is None and any(wait_until_ready(self._socket, 0, to_read=True))):
                return
            if turn is not None:
                turn.acquire(timeout=left)
            elif any(wait_until_ready(self._socket, left, to_read=True)):
                self._read()

    def _next_turn(self, call: PendingCall) -> "threading.Lock | None":
        """Return None if this thread is the one to read, else a lock that it gets when it should look again."""
        with self._lock:
            return threading.Lock() if call.has_news else self._reading.ask(call)

    def _read(self) -> None:
        """Receive bytes and settle the calls that they answer; only for the thread with the turn to read."""
        try:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""  # the daemon closed it with a request unread
            except OSError as error:
                self._end(f"it failed: {error.strerror or error}")
                return
            with self._lock:
                for told in self._conversation.receive(data):
                    self._reading.wake(told)
            if self._conversation.ended:
                shut_down(self._socket)  # after nonsense, the peer is still connected
        except BaseException:
            self._end_interrupted()
            raise

    def _leave(self, call: PendingCall) -> None:
        """Remove the call and pass its turns on: the last step of every thread, even after an exception."""
        with self._lock:
            self._inside.discard(call)
            call.abandoned = True
            self._sending.leave(call)
            self._reading.leave(call)
            if self._closed and not self._inside:
                self._socket.close()

    def _end(self, reason: str) -> None:
        """End the conversation and wake the threads that wait on the socket; each wakes the next as it leaves."""
        with self._lock:
            self._conversation.end(reason)
        shut_down(self._socket)

    def _end_interrupted(self) -> None:
        """End it after an interrupt that may have lost bytes between the socket and the conversation."""
        self._end("an exception, such as a KeyboardInterrupt, came in the middle of a message")

    def close(self) -> None:
        """End the connection: calls of other threads raise ConnectionLost. A second call has no effect."""
        if self._conversation.forked:
            self._socket.close()  # this process's copy; the parent owns the connection
            return
        with self._lock:
            self._closed = True
            self._conversation.end("this client was closed")
            if self._inside:
                shut_down(self._socket)  # wakes them, as closing would not; the last to leave closes
            else:
                self._socket.close()
