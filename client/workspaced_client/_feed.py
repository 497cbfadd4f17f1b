"""The events of a daemon as an app gets them, without I/O: each once, in order, over many connections.

The strategy: a feed has a connection of its own, so that an app that takes its time with an event holds up
no call. It knows the revision of the last event that the app took, and begins there on the next connection.
The daemon gives the events of sessions and of the store's health at that very revision again, since they
have none of their own; their sequence numbers, which rise per topic while one daemon lives, tell the
repeat. What can't be given any more comes as an `EventGap`.

The next connection is for when the app has taken all that came. So nothing has to be counted while it
comes, and what an exception cuts off is simply given again.
"""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from workspaced_client._local_errors import BadAnswer, ConnectionLost, UsedAfterFork
from workspaced_client._protocol import ANSWER_LIMIT_BYTES, greeting
from workspaced_client.errors import from_answer
from workspaced_protocol import params as p
from workspaced_protocol import unknown
from workspaced_protocol.errors import RpcError
from workspaced_protocol.events import GAP, PAYLOADS, EventNotification, EventsMissed, Peer
from workspaced_protocol.framing import LineSplitter
from workspaced_protocol.messages import NotAnAnswer, Notification, encode_request, parse_answer
from workspaced_protocol.models import DaemonStatus, Hello, Model, StoreRevision

_HELLO, _STATUS, _SUBSCRIBE = 1, 2, 3
_RESULTS: Final[dict[int, Any]] = {_HELLO: Hello, _STATUS: DaemonStatus, _SUBSCRIBE: StoreRevision}


@dataclass(frozen=True)
class Event:
    """Something that happened, once it was durable."""

    topic: str
    """Such as `workspace.created`."""
    payload: Model | dict[str, Any]
    """What the topic says: the struct of `workspaced_protocol.events` for it, or plain values for a topic
    that this release does not know."""
    revision: int
    """The store's; an event of a session or of the store's health has that of the last change before it."""
    sequence: int
    """Rises by one per topic while the daemon lives."""
    timestamp_ms: int
    correlation_id: str
    """Of the request that caused it; empty where the daemon did."""
    peer: Peer | None
    """The process and the user that caused it, or None."""


@dataclass(frozen=True)
class EventGap:
    """Events that can't be given any more: list anew what they were about."""

    first_revision: int
    last_revision: int


class EventFeed:
    """What a subscriber has seen, through all of its connections."""

    def __init__(self, topics: Sequence[str] | None, since: int | None) -> None:
        self._topics = None if topics is None else tuple(topics)
        self.revision = since
        """That of the last event taken; before the first, that of the subscription, or None where there is none yet."""
        self._waiting: deque[Event | EventGap] = deque()
        self._daemon: tuple[int, int] | None = None
        self._taken: dict[str, int] = {}  # the last sequence number of each topic
        self._lines = LineSplitter(ANSWER_LIMIT_BYTES)
        self._open: set[int] = set()
        self._early: list[msgspec.Raw] = []  # events that came before it was known of which daemon they are
        self._pid = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this is a child process, whose parent the events are for."""
        return os.getpid() != self._pid

    def check_process(self) -> None:
        """Raises UsedAfterFork in a child process."""
        if self.forked:
            raise UsedAfterFork(self._pid)

    @property
    def is_subscribed(self) -> bool:
        """Whether this connection gives events by now."""
        return not self._open

    @property
    def has_events(self) -> bool:
        """Whether there is one to take."""
        return bool(self._waiting)

    def take(self) -> Event | EventGap:
        """The next event. Raises IndexError where there is none."""
        event = self._waiting[0]
        if isinstance(event, EventGap):
            self.revision = event.last_revision
        else:
            # A change of the store is one event, and the first with its revision; those that share it come
            # after, and are among what the daemon gives since then.
            self.revision = event.revision
            self._taken[event.topic] = event.sequence
        del self._waiting[0]  # no call, and so no moment for an interrupt to lose it
        return event

    def begin(self) -> bytes:
        """A new connection, once all events are taken: what to send over it."""
        self._lines = LineSplitter(ANSWER_LIMIT_BYTES)
        self._open = set(_RESULTS)
        self._early = []
        calls: tuple[tuple[int, str, p.Params], ...] = (
            (_HELLO, "daemon.hello", greeting()),
            (_STATUS, "daemon.status", p.NoParams()),
            (_SUBSCRIBE, "events.subscribe", p.SubscribeParams(topics=self._topics, since=self.revision)),
        )
        return b"".join(
            encode_request(id_, name, msgspec.json.encode(params)) + b"\n" for id_, name, params in calls
        )

    def receive(self, data: bytes) -> None:
        """Lets the events in what came be taken; empty bytes stand for the end of the stream.

        Raises ConnectionLost at the end, BadAnswer for nonsense, and what the daemon refuses.
        """
        if not data:
            raise ConnectionLost("events.subscribe", "the daemon closed it")
        try:
            for line in self._lines.feed(data):
                self._read(line)
            if self._lines.overflowed:
                raise NotAnAnswer(f"One line has more than {ANSWER_LIMIT_BYTES} bytes.")
        except (NotAnAnswer, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer("events.subscribe", str(error).removesuffix(".")) from error

    def _read(self, line: bytes) -> None:
        message = parse_answer(line)
        if isinstance(message, Notification):
            if message.method == "event" and _STATUS in self._open:
                self._early.append(message.params)
            elif message.method == "event":
                self._read_event(message.params)
            return
        if isinstance(message.result, RpcError):
            raise from_answer(message.result)
        if not isinstance(message.id, int) or message.id not in self._open:
            raise NotAnAnswer(f"There is an answer to {message.id!r}, which was never asked.")
        self._open.discard(message.id)
        result, _left_out = unknown.decode(message.result, _RESULTS[message.id])
        if isinstance(result, DaemonStatus):
            self._is_of((result.pid, result.started_at))
            for event in self._early:
                self._read_event(event)
            self._early.clear()
        elif isinstance(result, StoreRevision) and self.revision is None:
            self.revision = result.revision

    def _is_of(self, daemon: tuple[int, int]) -> None:
        """The connection leads to this daemon: another one than before counts its events anew."""
        if daemon != self._daemon:
            self._daemon = daemon
            self._taken.clear()

    def _read_event(self, params: msgspec.Raw) -> None:
        told, _left_out = unknown.decode(params, EventNotification)
        if told.topic == GAP:
            missed, _left_out = unknown.decode(told.payload, EventsMissed)
            self._waiting.append(EventGap(missed.from_, missed.to))
            return
        if told.sequence <= self._taken.get(told.topic, 0):
            return  # given again by a new connection
        payload: Model | dict[str, Any]
        if told.topic in PAYLOADS:
            payload, _left_out = unknown.decode(told.payload, PAYLOADS[told.topic])
        else:
            payload = msgspec.json.decode(told.payload, type=dict[str, Any])
        event = Event(
            told.topic, payload, told.revision, told.sequence, told.timestamp, told.correlation_id, told.peer
        )
        self._waiting.append(event)
