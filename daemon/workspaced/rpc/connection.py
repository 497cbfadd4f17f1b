"""One client's connection: its lines in, its answers out, and no more of either than it takes.

The strategy: lines are dispatched where they are read, with no task for each. Answers gather in
`_outbox` and leave together: once all lines that were read are dispatched, or with the last answer
that the client waits for. What the socket does not take then is left to the sender task. A client
that does not take its answers is not read from, so what is kept for it is bounded: one answer over
`OUTBOX_BYTES`, or a batch's over `BATCH_BYTES`, and those of the writes in flight.
"""

import os
import select
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
import trio

from workspaced.events import Subscription
from workspaced.rpc.batch import Batch
from workspaced.rpc.clients import ClientState
from workspaced.rpc.dispatch import SUBSCRIBE, Dispatcher
from workspaced.rpc.pending_request import Answer
from workspaced_protocol.framing import MAX_LINE_BYTES, LineSplitter
from workspaced_protocol.messages import Call, Malformed, parse_requests

MAX_IN_FLIGHT: Final = 1024
"""Requests of one connection that are not answered yet (protocol.md, Limits)."""

RECEIVE_BYTES: Final = 32 * 1024  # a few hundred requests: about 2 ms, then other clients get their turn
OUTBOX_BYTES: Final = 256 * 1024
_SEND_BYTES: Final = 256 * 1024  # some more than a socket takes at once
_SENDS_A_TURN: Final = 4  # to a client that reads as fast as it is sent to; then others get their turn
BATCH_BYTES: Final = 8 * 1024 * 1024  # of answers, after which the rest of a batch is refused
STALL_SECONDS: Final = 30.0  # how long half a line may stand still
FLUSH_SECONDS: Final = 10.0  # how long a client may read nothing of its last answers
_LOOK_SECONDS: Final = 0.5  # how often it is looked whether a client that sends no more is still there

_log = structlog.get_logger(__name__)


class Connection:
    """Serves one connected socket until either side ends it."""

    def __init__(
        self,
        socket: trio.socket.SocketType,
        client: ClientState,
        dispatcher: Dispatcher,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self._socket = socket
        self._client = client
        self._dispatcher = dispatcher
        self._max_line_bytes = max_line_bytes
        self._splitter = LineSplitter(max_line_bytes)
        self._outbox: deque[bytes] = deque()
        self._leaving = memoryview(b"")  # the start of the outbox, of which the socket has taken a part
        self._outbox_bytes = 0
        self._in_flight = 0
        self._subscribing = 0  # batches that subscribe to events, whose answers these must not precede
        self._changed = trio.lowlevel.ParkingLot()
        self._has_output = trio.Event()
        self._is_dispatching = False
        self._broken = False
        client.on_events = self._wake
        client.notify = self._notify

    async def serve(self) -> None:
        """Reads and answers until the client is gone, has sent a line too long, or has stalled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send)
                try:
                    await self._receive(nursery)
                except OSError:
                    self._broken = True  # the client is gone, and takes no answer
                await self._drain()
                nursery.cancel_scope.cancel()
        finally:
            self._flush()  # at a stop of the daemon: the answers of the last commit
            self._broken = True  # a write may end later

    async def _drain(self) -> None:
        """Waits until all that was asked is answered and sent, or the client is gone."""
        # Each request ends in its own time, a clone within minutes. A client that is gone ends them all.
        while self._in_flight and not self._is_gone():
            with trio.move_on_after(_LOOK_SECONDS):
                await self._changed.park()
        self._take_events()
        self._client.disconnect()  # else events could keep a client here that has nothing left to ask
        self._flush()
        while self._outbox_bytes and not self._broken:
            left = self._outbox_bytes
            with trio.move_on_after(FLUSH_SECONDS) as reading:
                while self._outbox_bytes == left:
                    await self._changed.park()
            if reading.cancelled_caught:
                _log.warning(
                    "A client did not read its last answers.", bytes=left, **self._client.caller.log_fields()
                )
                return

    def _is_gone(self) -> bool:
        """Whether nobody will read an answer; a client that only sends no more still does."""
        if not self._broken:
            poll = select.poll()
            # POLLHUP is there unasked; with POLLIN, macOS would give it for a client that sends no more.
            poll.register(self._socket.fileno(), select.POLLOUT)
            self._broken = any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
        return self._broken

    async def _receive(self, nursery: trio.Nursery) -> None:
        while True:
            data = await self._next_bytes()
            if not data:
                return
            self._is_dispatching = True
            for line in self._splitter.feed(data):
                await self._take(line, nursery)
            self._is_dispatching = False
            if self._splitter.overflowed:
                self._put(self._dispatcher.refuse_long_line(self._max_line_bytes, self._client))
            self._flush()
            if self._splitter.overflowed:
                return

    async def _next_bytes(self) -> bytes:
        """What the client sent; nothing once it has ended, or stalled in the middle of a line."""
        while True:
            if not self._splitter.pending_bytes:
                # For as long as it has nothing to say. Asked first: mostly nothing is there yet, and a
                # recv that finds nothing costs more than all else here.
                await trio.lowlevel.wait_readable(self._socket)
            else:
                with trio.move_on_after(STALL_SECONDS) as stalling:
                    await trio.lowlevel.wait_readable(self._socket)
                if stalling.cancelled_caught:
                    _log.warning(
                        "A client stalled in the middle of a line.", **self._client.caller.log_fields()
                    )
                    return b""
            with suppress(BlockingIOError):  # a socket may be told of that has nothing (select(2), BUGS)
                return os.read(self._socket.fileno(), RECEIVE_BYTES)

    async def _take(self, line: bytes, nursery: trio.Nursery) -> None:
        requests = parse_requests(line)
        if not isinstance(requests, list):
            await self._start(requests, self._put_answer, nursery)
            return
        subscribes = any(isinstance(each, Call) and each.id and each.method == SUBSCRIBE for each in requests)
        self._subscribing += subscribes
        batch = Batch(len(requests), self._put_subscribed if subscribes else self._put)

        def answer(text: bytes | list[bytes] | None) -> None:
            batch.add(text)
            self._finish()

        for request in requests:
            # A notification adds nothing to the answers, and nobody would learn that it was refused.
            if batch.size_bytes > BATCH_BYTES and request.id is not None:
                batch.add(self._dispatcher.refuse_in_batch(request, BATCH_BYTES, self._client))
            else:
                await self._start(request, answer, nursery)

    async def _start(self, request: Call | Malformed, answer: Answer, nursery: trio.Nursery) -> None:
        """Dispatches a request once there is room for it."""
        if self._is_full():
            self._flush()
            self._is_dispatching = False
            await self._wait_until(lambda: self._broken or not self._is_full())
            self._is_dispatching = True
        self._in_flight += 1
        task = self._dispatcher.dispatch(request, self._client, answer)
        if task is not None:
            nursery.start_soon(task)

    def _put_answer(self, text: bytes | list[bytes] | None) -> None:
        if text is not None:
            self._put(text)
        self._finish()

    def _finish(self) -> None:
        """A request is done; unless more are being dispatched or awaited, what there is to send leaves now."""
        self._in_flight -= 1
        if self._is_dispatching:
            return
        if self._in_flight:
            self._has_output.set()
        else:
            self._flush()

    def _put(self, text: bytes | list[bytes]) -> None:
        """Takes a line for the client, whole or in pieces."""
        if self._broken:
            return
        pieces = [text] if isinstance(text, bytes) else text
        self._outbox += pieces
        self._outbox.append(b"\n")
        self._outbox_bytes += sum(map(len, pieces)) + 1

    def _put_subscribed(self, pieces: list[bytes]) -> None:
        """Takes the answers of a batch that subscribes: events may follow."""
        self._put(pieces)
        self._subscribing -= 1
        self._has_output.set()

    def _is_full(self) -> bool:
        return self._in_flight >= MAX_IN_FLIGHT or self._outbox_bytes >= OUTBOX_BYTES

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            # Until the client reads its answers or leaves: it keeps nobody waiting but itself.
            await self._changed.park()

    async def _send(self) -> None:
        """Sends what the reader could not, and the answers that came while it waited."""
        while True:
            await self._has_output.wait()
            self._take_events()
            self._flush()
            while self._outbox_bytes and not self._broken:
                await trio.lowlevel.wait_writable(self._socket)
                self._flush()
            if self._broken:
                return
            subscription = self._subscription()
            if not self._outbox_bytes and not (subscription and subscription.has_more()):
                self._has_output = trio.Event()

    def _wake(self) -> None:
        self._has_output.set()

    def _notify(self, text: bytes) -> None:
        """Sends what nobody waits for, unless the client is behind with reading."""
        if self._outbox_bytes < OUTBOX_BYTES:
            self._put(text)
            self._has_output.set()

    def _take_events(self) -> None:
        """Moves events to the outbox, as far as it has room: the rest waits in the hub."""
        room = OUTBOX_BYTES - self._outbox_bytes
        subscription = self._subscription()
        if subscription is not None and room > 0:
            for text in subscription.take(room):
                self._put(text)

    def _subscription(self) -> Subscription | None:
        """What there may be events of now."""
        return None if self._subscribing else self._client.subscription

    def _flush(self) -> None:
        """Hands the socket as much of the outbox as it takes now, or as one client gets at a time.

        The rest is left to the sender task.
        """
        for _ in range(_SENDS_A_TURN):
            if not self._outbox_bytes:
                break
            if not self._leaving:
                self._leaving = memoryview(self._next_send())
            try:
                # trio has made the socket non-blocking; its own send() would give other tasks a turn first.
                sent = os.write(self._socket.fileno(), self._leaving)
            except BlockingIOError:
                break
            except OSError:
                self._broken = True
                self._outbox.clear()
                self._leaving, self._outbox_bytes = memoryview(b""), 0
                break
            self._leaving = self._leaving[sent:]
            self._outbox_bytes -= sent
            if self._leaving:
                break
        if self._outbox_bytes:
            self._has_output.set()
        if self._changed:
            self._changed.unpark_all()

    def _next_send(self) -> bytes:
        """Takes from the outbox what one call hands the socket."""
        if self._outbox_bytes <= _SEND_BYTES:
            text = b"".join(self._outbox)
            self._outbox.clear()
            return text
        pieces: list[bytes] = []
        size_bytes = 0
        while size_bytes < _SEND_BYTES and self._outbox:
            pieces.append(self._outbox.popleft())
            size_bytes += len(pieces[-1])
        return b"".join(pieces)
