"""The events of a daemon, without I/O: each once, in order, over many connections.

The strategy:
- A feed has a connection of its own, so that an app that is slow with an event delays no call.
- It knows the revision of the last event that the app took, and the next connection resumes after it.
- After a restart the daemon sends the changes that this feed missed from its history, under numbers of its own.
- Events of sessions and of the store's health have no revision of their own, so the daemon sends the ones
  at that revision again. Among these, sequence numbers, which rise per topic while one daemon lives, reveal repeats.
- Events that the daemon can't send any more are reported as an `EventGap`.
- The next connection is made once the app has taken all received events. So receiving needs no accounting:
  events that an exception cut off are sent again.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

import msgspec

from workspaced_client._core.conversation import ANSWER_LIMIT_BYTES
from workspaced_client._core.daemon_errors import from_answer
from workspaced_client._core.hello import greeting
from workspaced_client._core.json_values import items_value, plain_params, type_of
from workspaced_client._core.local_errors import BadAnswer, ConnectionLost, UsedAfterFork, WorkspacedError
from workspaced_client._core.local_paths import to_local
from workspaced_protocol import params as p
from workspaced_protocol import unknown
from workspaced_protocol.daemon_models import DaemonStatus, Hello
from workspaced_protocol.errors import RpcError
from workspaced_protocol.events import GAP, PAYLOADS, EventNotification, EventsMissed
from workspaced_protocol.framing import LineSplitter
from workspaced_protocol.messages import EVENT, NotAnAnswer, Notification, encode_request, parse_answer
from workspaced_protocol.models import Model, Peer, StoreRevision

OnLost = Callable[[WorkspacedError], None]
"""Called with the reason each time the connection is lost; the stream then reconnects by itself."""

_HELLO, _STATUS, _SUBSCRIBE = 1, 2, 3
_RESULTS: Final[dict[int, Any]] = {_HELLO: Hello, _STATUS: DaemonStatus, _SUBSCRIBE: StoreRevision}


@dataclass(frozen=True)
class Event:
    """A change that is durable, or news of a session or of the store's health."""

    __module__ = "workspaced_client.events"  # as users import it

    topic: str
    """Such as `workspace.created`."""
    payload: Model | dict[str, Any]
    """The topic's struct of `workspaced_protocol.events`, or plain values for a topic unknown to this
    release."""
    revision: int
    """The store's revision; events of sessions and of the store's health have that of the last change."""
    sequence: int
    """Rises by one per topic while the daemon lives."""
    timestamp_ms: int
    correlation_id: str
    """That of the request that caused it; empty if the daemon did."""
    peer: Peer | None
    """The process that caused it and its user, or None."""


@dataclass(frozen=True)
class EventGap:
    """Events that were missed for good: list their subjects again."""

    __module__ = "workspaced_client.events"

    first_revision: int
    last_revision: int


class EventFeed:
    """The place of one subscriber in the events, through all of its connections."""

    def __init__(self, topics: Sequence[str] | None, since: int | None) -> None:
        names: Any = items_value(topics)
        if type(names) not in (tuple, NoneType):
            told = repr(names) if type(names) in (str, bytes, int) else type_of(names)
            raise TypeError(f"topics must be a list of names such as 'workspace.*', not {told}.")
        wanted = p.SubscribeParams(topics=names, since=since)
        plain: p.SubscribeParams = plain_params("events.subscribe", wanted)
        self._topics = plain.topics
        self.revision = plain.since
        """That of the last event taken; before the first event, that of the subscription, or None before it."""
        self._waiting: deque[Event | EventGap] = deque()
        self._daemon: tuple[int, int] | None = None
        self._daemon_version: str | None = None
        self._taken: dict[str, int] = {}  # the last sequence number of each topic
        # Where this connection goes on: only an event at that revision can be a repeat.
        self._since = plain.since
        self.outgoing = b""
        """The bytes to send next."""
        self._lines = LineSplitter(ANSWER_LIMIT_BYTES)
        self._open: set[int] = set()
        self._early: list[msgspec.Raw] = []  # events that came before the status, which tells the daemon
        self._pid = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this process is a forked child of the stream's owner."""
        return os.getpid() != self._pid

    def check_process(self) -> None:
        """Raise UsedAfterFork in a forked child."""
        if self.forked:
            raise UsedAfterFork(self._pid)

    @property
    def is_subscribed(self) -> bool:
        """Whether the subscription of this connection holds."""
        return not self._open

    @property
    def has_events(self) -> bool:
        """Whether an event can be taken."""
        return bool(self._waiting)

    def take(self) -> Event | EventGap:
        """Return the next event. Raises IndexError if there is none."""
        event = self._waiting[0]
        if isinstance(event, EventGap):
            self.revision = event.last_revision
        else:
            # A change of the store is one event, the first with its revision. Events that share the revision
            # come later, and the daemon sends them again after it.
            self.revision = event.revision
            self._taken[event.topic] = event.sequence
        del self._waiting[0]  # no call, so no interrupt can lose the event
        return event

    def begin(self) -> None:
        """Start on a new connection, once all events are taken: set the outgoing bytes."""
        self._lines = LineSplitter(ANSWER_LIMIT_BYTES)
        self._open = set(_RESULTS)
        self._early = []
        self._since = self.revision
        calls: tuple[tuple[int, str, p.Params], ...] = (
            (_HELLO, "daemon.hello", greeting()),
            (_STATUS, "daemon.status", p.NoParams()),
            (_SUBSCRIBE, "events.subscribe", p.SubscribeParams(topics=self._topics, since=self.revision)),
        )
        self.outgoing = b"".join(
            encode_request(id_, name, msgspec.json.encode(params)) + b"\n" for id_, name, params in calls
        )

    def receive(self, data: bytes) -> None:
        """Read received bytes, whose events can then be taken; empty bytes stand for the end of the stream.

        Raises ConnectionLost at the end, BadAnswer for nonsense, and the daemon's errors.
        """
        if not data:
            raise ConnectionLost("events.subscribe", "the daemon closed it")
        try:
            for line in self._lines.feed(data):
                self._read(line)
            if self._lines.overflowed:
                raise NotAnAnswer(f"One line has more than {ANSWER_LIMIT_BYTES} bytes.")
        except (NotAnAnswer, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = str(error).removesuffix(".")
            raise BadAnswer("events.subscribe", problem, daemon_version=self._daemon_version) from error

    def _read(self, line: bytes) -> None:
        message = parse_answer(line)
        if isinstance(message, Notification):
            if message.method == EVENT and _STATUS in self._open:
                self._early.append(message.params)
            elif message.method == EVENT:
                self._read_event(message.params)
            return
        if isinstance(message.result, RpcError):
            raise from_answer(message.result, "events.subscribe")
        if not isinstance(message.id, int) or message.id not in self._open:
            raise NotAnAnswer(f"There is an answer to {message.id!r}, which was never asked.")
        self._open.discard(message.id)
        result, _left_out = unknown.decode(message.result, _RESULTS[message.id])
        if isinstance(result, Hello):
            self._daemon_version = result.version
        elif isinstance(result, DaemonStatus):
            self._is_of((result.pid, result.started_at))
            for event in self._early:
                self._read_event(event)
            self._early.clear()
        elif isinstance(result, StoreRevision) and self.revision is None:
            self.revision = result.revision

    def _is_of(self, daemon: tuple[int, int]) -> None:
        """Note which daemon this connection leads to: another one than before numbers its events from the first."""
        if daemon != self._daemon:
            self._daemon = daemon
            self._taken.clear()

    def _read_event(self, params: msgspec.Raw) -> None:
        told, _left_out = unknown.decode(params, EventNotification)
        if told.topic == GAP:
            missed, _left_out = unknown.decode(told.payload, EventsMissed)
            self._waiting.append(EventGap(missed.from_, missed.to))
            return
        if told.revision == self._since and told.sequence <= self._taken.get(told.topic, 0):
            return  # sent again by a new connection
        payload: Model | dict[str, Any]
        if told.topic in PAYLOADS:
            found, _left_out = unknown.decode(told.payload, PAYLOADS[told.topic])
            payload = to_local(found)
        else:
            payload = msgspec.json.decode(told.payload, type=dict[str, Any])
        event = Event(
            told.topic, payload, told.revision, told.sequence, told.timestamp, told.correlation_id, told.peer
        )
        self._waiting.append(event)
