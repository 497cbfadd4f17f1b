"""One client's connection: its lines in, its answers out, both bounded.

The strategy:
- Lines are dispatched by the task that reads them, without a task for each.
- Answers gather in `_outbox`. They are sent together, after all lines of one read are dispatched, or with the
  last answer that the client waits for. The sender task sends the bytes that the socket did not take.
- The daemon does not read from a client that does not read its answers. So the outbox is bounded: one answer
  beyond `OUTBOX_BYTES`, or one batch beyond `BATCH_BYTES`, and the answers of the writes in flight.
"""

import os
import select
from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from workspaced.events import Subscription
from workspaced.process.log import Logger
from workspaced.rpc.batch import Batch
from workspaced.rpc.clients import ClientState
from workspaced.rpc.dispatch import SUBSCRIBE, Dispatcher
from workspaced.rpc.pending_request import Answer
from workspaced_protocol.framing import MAX_LINE_BYTES, LineSplitter
from workspaced_protocol.messages import Call, Malformed, parse_requests

MAX_IN_FLIGHT: Final = 1024
"""Unanswered requests of one connection (protocol.md, Limits)."""

RECEIVE_BYTES: Final = 32 * 1024  # a few hundred requests, about 2 ms; then other clients get a turn
OUTBOX_BYTES: Final = 256 * 1024
_SEND_BYTES: Final = 256 * 1024  # somewhat more than a socket takes at once
_SENDS_A_TURN: Final = 4  # to a client that reads as fast as the daemon sends; then others get a turn
BATCH_BYTES: Final = 8 * 1024 * 1024  # of answers; the remaining requests of the batch are refused
STALL_SECONDS: Final = 30.0  # how long a client may pause in the middle of a line
FLUSH_SECONDS: Final = 10.0  # how long a client may read none of its last answers
_HANGUP_CHECK_SECONDS: Final = 0.5  # between checks of a client that has ended its sending

_log = Logger()


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
        self._sending: bytes | memoryview = b""  # has left the outbox, but is not all written yet
        self._outbox_bytes = 0
        self._in_flight = 0
        self._subscribing = 0  # batches with `events.subscribe`: their answers must precede the events
        self._flushed = trio.lowlevel.ParkingLot()
        self._has_output = trio.Event()
        self._is_dispatching = False
        self._broken = False
        client.on_events = self._wake
        client.notify = self._notify

    async def serve(self) -> None:
        """Read and answer until the client leaves, sends too long a line, or stalls."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send)
                try:
                    await self._receive(nursery)
                except OSError:
                    self._broken = True  # the client is gone
                await self._drain()
                nursery.cancel_scope.cancel()
        finally:
            self._flush()  # when the daemon stops: the answers of the last commit
            self._broken = True  # a write may still be answered later

    async def _drain(self) -> None:
        """Wait until all requests are answered and sent, or the client is gone."""
        # A request may take minutes, such as a clone. If the client is gone, none is waited for.
        while self._in_flight and not self._client_has_left():
            with trio.move_on_after(_HANGUP_CHECK_SECONDS):
                await self._flushed.park()
        self._take_events()
        self._client.disconnect()  # otherwise events could keep the connection open without any request
        self._flush()
        while self._outbox_bytes and not self._broken:
            left = self._outbox_bytes
            with trio.move_on_after(FLUSH_SECONDS) as reading:
                while self._outbox_bytes == left:
                    await self._flushed.park()
            self._flush()
            if reading.cancelled_caught and self._outbox_bytes == left:
                _log.warning(
                    "A client did not read its last answers.", bytes=left, **self._client.caller.log_fields()
                )
                return

    def _client_has_left(self) -> bool:
        """Return whether the client is gone. A client that has only ended its sending still reads."""
        if not self._broken:
            poll = select.poll()
            # POLLHUP is always reported (poll(2)). With POLLIN, macOS reports it at the end of sending too.
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
                requests = parse_requests(line)
                if isinstance(requests, list):
                    await self._take_batch(requests, nursery)
                    continue
                if self._is_full():
                    await self._wait_for_room()
                self._dispatch(requests, self._put_answer, nursery)
            self._is_dispatching = False
            if self._splitter.overflowed:
                self._put(self._dispatcher.refuse_long_line(self._max_line_bytes, self._client))
            self._flush()
            if self._splitter.overflowed:
                return

    async def _next_bytes(self) -> bytes:
        """Return the next bytes; none if the client has ended its sending, or stalled in the middle of a line."""
        while True:
            if not self._splitter.pending_bytes:
                # Without a time limit. Wait before the first read: mostly no bytes are there yet, and
                # a read without data costs more than everything else here.
                await trio.lowlevel.wait_readable(self._socket)
            else:
                with trio.move_on_after(STALL_SECONDS) as stalling:
                    await trio.lowlevel.wait_readable(self._socket)
                # A deadline is judged only after a look at what has arrived.
                if stalling.cancelled_caught and not self._is_readable():
                    _log.warning(
                        "A client stalled in the middle of a line.", **self._client.caller.log_fields()
                    )
                    return b""
            try:
                return os.read(self._socket.fileno(), RECEIVE_BYTES)
            except BlockingIOError:
                continue  # a readable socket may have no data (select(2), BUGS)

    def _is_readable(self) -> bool:
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def _take_batch(self, requests: Sequence[Call | Malformed], nursery: trio.Nursery) -> None:
        subscribes = any(isinstance(each, Call) and each.id and each.method == SUBSCRIBE for each in requests)
        self._subscribing += subscribes
        batch = Batch(len(requests), self._put_subscribing if subscribes else self._put)

        def answer(text: bytes | list[bytes] | None) -> None:
            batch.add(text)
            self._finish()

        for request in requests:
            # A notification adds no answer, and its client would not learn of a refusal.
            if batch.size_bytes > BATCH_BYTES and request.id is not None:
                batch.add(self._dispatcher.refuse_in_batch(request, BATCH_BYTES, self._client))
                continue
            if self._is_full():
                await self._wait_for_room()
            self._dispatch(request, answer, nursery)

    def _dispatch(self, request: Call | Malformed, answer: Answer, nursery: trio.Nursery) -> None:
        self._in_flight += 1
        task = self._dispatcher.dispatch(request, self._client, answer)
        if task is not None:
            nursery.start_soon(task)

    def _is_full(self) -> bool:
        return self._in_flight >= MAX_IN_FLIGHT or self._outbox_bytes >= OUTBOX_BYTES

    async def _wait_for_room(self) -> None:
        """Wait until the client reads its answers or leaves. Other clients do not wait for it."""
        self._flush()
        self._is_dispatching = False
        while self._is_full() and not self._broken:
            await self._flushed.park()
        self._is_dispatching = True

    def _put_answer(self, text: bytes | list[bytes] | None) -> None:
        if text is not None:
            self._put(text)
        self._finish()

    def _finish(self) -> None:
        """Count a request as done; send the outbox unless more answers are about to come."""
        self._in_flight -= 1
        if self._is_dispatching:
            return
        if self._in_flight:
            self._has_output.set()
        else:
            self._flush()

    def _put(self, text: bytes | list[bytes]) -> None:
        """Add a line to the outbox, whole or in pieces."""
        if self._broken:
            return
        if isinstance(text, bytes):
            self._outbox.append(text)
            self._outbox_bytes += len(text) + 1
        else:
            self._outbox += text
            self._outbox_bytes += sum(map(len, text)) + 1
        self._outbox.append(b"\n")

    def _put_subscribing(self, pieces: list[bytes]) -> None:
        """Add the answers of a batch with `events.subscribe`; its events may follow."""
        self._put(pieces)
        self._subscribing -= 1
        self._has_output.set()

    async def _send(self) -> None:
        """Send the bytes that `_flush` left, answers that come while the reader waits, and events."""
        while True:
            await self._has_output.wait()
            self._take_events()
            self._flush()
            while self._outbox_bytes and not self._broken:
                await trio.lowlevel.wait_writable(self._socket)
                self._flush()
            if self._broken:
                return
            subscription = self._active_subscription()
            if not self._outbox_bytes and not (subscription and subscription.has_more()):
                self._has_output = trio.Event()

    def _wake(self) -> None:
        self._has_output.set()

    def _notify(self, text: bytes) -> None:
        """Send a notification, unless the client is slow to read."""
        if self._outbox_bytes < OUTBOX_BYTES:
            self._put(text)
            self._has_output.set()

    def _take_events(self) -> None:
        """Move events to the outbox while it has room; the others stay in the hub."""
        room = OUTBOX_BYTES - self._outbox_bytes
        subscription = self._active_subscription()
        if subscription is not None and room > 0:
            for text in subscription.take(room):
                self._put(text)

    def _active_subscription(self) -> Subscription | None:
        """Return the subscription, or None while its events must not be sent."""
        return None if self._subscribing else self._client.subscription

    def _flush(self) -> None:
        """Write the outbox to the socket, until it takes no more or the client has had its turn.

        The sender task sends the rest.
        """
        for _ in range(_SENDS_A_TURN):
            if not self._outbox_bytes:
                break
            if not self._sending:
                self._sending = self._next_send()
            try:
                # trio has made the socket non-blocking; its own send() is a checkpoint, at which others would run.
                sent = os.write(self._socket.fileno(), self._sending)
            except BlockingIOError:
                break
            except OSError:
                self._broken = True
                self._outbox.clear()
                self._sending, self._outbox_bytes = b"", 0
                break
            self._outbox_bytes -= sent
            if sent < len(self._sending):
                self._sending = memoryview(self._sending)[sent:]
                break
            self._sending = b""
        if self._outbox_bytes:
            self._has_output.set()
        if self._flushed:
            self._flushed.unpark_all()

    def _next_send(self) -> bytes:
        """Take the bytes of one write(2) from the outbox."""
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
