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
from workspaced_client._socket import RECEIVE_BYTES, SEND_FLAGS, remaining, shut_down

T = TypeVar("T")

_LOOK_AGAIN_SECONDS: Final = 0.05
"""How soon a sender without room looks whether the thread that read has gone: that does not wake it."""


class BlockingConnection:
    """One connected socket, shared by the threads of one process; it must not block."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._sending = threading.Lock()  # held by the thread whose request is on its way out
        self._lock = threading.Lock()  # guards what follows, and the conversation; never held in a wait
        self._reader: PendingCall | None = None
        self._followers: dict[PendingCall, threading.Lock] = {}
        self._threads_inside = 0
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
        with self._lock:
            self._threads_inside += 1
        try:
            self._send(call, deadline)
            self._wait(call, deadline)
        finally:
            try:
                if not call.settled and self._conversation.can_cancel(call):
                    self._cancel(call)
            finally:
                self._leave(call)
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return result_of(call, result)

    def _send(self, call: PendingCall, deadline: float) -> None:
        if not acquired(self._sending, deadline):
            return
        try:
            if self._flush(call, deadline):
                with self._lock:
                    self._conversation.send(call)
                self._flush(call, deadline)
        finally:
            self._sending.release()

    def _cancel(self, call: PendingCall) -> None:
        """Lets the daemon end a call; it may not hear of it where it does not read."""
        deadline = monotonic() + CANCEL_SECONDS
        if not acquired(self._sending, deadline):
            return
        try:
            if self._flush(call, deadline):
                with self._lock:
                    self._conversation.cancel(call)
                self._flush(call, deadline)
        finally:
            self._sending.release()

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
            if self._reader is None:
                self._reader = call
            reads = self._reader is call
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
                    self._pass_on(call)  # the app's function holds up no other thread
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
            turn = threading.Lock()
            if call.has_news:
                return turn
            if self._reader is None:
                self._reader = call
            if self._reader is call:
                return None
            turn.acquire()
            self._followers[call] = turn
            return turn

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
                    self._wake(told)
            if self._conversation.ended:
                shut_down(self._socket)  # after nonsense, the other end is still there
        except BaseException:
            self._end_interrupted()
            raise

    def _wake(self, call: PendingCall) -> None:
        """Lets a follower look again; the lock is held."""
        turn = self._followers.pop(call, None)
        if turn is not None:
            turn.release()

    def _leave(self, call: PendingCall) -> None:
        """What every thread does last, whatever happened to it: nobody may wait for it in vain."""
        with self._lock:
            self._threads_inside -= 1
            self._followers.pop(call, None)
            if not call.settled:
                self._conversation.abandon(call)
            self._pass_on(call)
            if self._closed and not self._threads_inside:
                self._socket.close()

    def _pass_on(self, call: PendingCall) -> None:
        """Gives the reading role to one that waits, if it is this call's; the lock is held."""
        if self._reader is call:
            self._reader = None
        if self._reader is None and self._followers:
            self._wake(next(iter(self._followers)))

    def _end(self, reason: str) -> None:
        """Ends the conversation, and wakes those who wait for an answer or for the socket itself."""
        with self._lock:
            for settled in self._conversation.end(reason):
                self._wake(settled)
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
            for settled in self._conversation.end("this client was closed"):
                self._wake(settled)
            if self._threads_inside:
                shut_down(self._socket)  # the last of them closes it: closing alone would wake none
            else:
                self._socket.close()


def acquired(lock: threading.Lock, deadline: float) -> bool:
    """Whether the lock, which is then held, was free by the deadline."""
    while not lock.acquire(timeout=(left := remaining(deadline, monotonic()))):
        if not left:
            return False
    return True
