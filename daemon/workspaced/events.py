"""The event hub: numbers what happened, keeps the newest, and lets each subscriber read on at its own pace.

The strategy: events are kept once, as the text that goes out, and a subscription is a place in that
row. Nothing is queued for a subscriber, so a slow one costs nothing; one that falls behind what is
kept is told which revisions it missed. What is kept is bounded by number and by bytes.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import structlog

from workspaced.domain.clock import now_ms
from workspaced.domain.errors import InvalidField
from workspaced.domain.state import Event, encode
from workspaced_protocol.events import (
    GAP,
    TOPICS,
    EventNotification,
    EventsMissed,
    Peer,
)
from workspaced_protocol.messages import encode_notification

_log = structlog.get_logger(__name__)

KEPT_EVENTS: Final = 10_000
KEPT_BYTES: Final = 4 * 1024 * 1024
"""What is kept for those who come back or fall behind (protocol.md, Limits)."""


class Cause(NamedTuple):
    """Who made something happen: a client's process and user, or, without a peer, the daemon itself."""

    correlation_id: str
    peer: Peer | None = None


class PublishedEvent(NamedTuple):
    """An event with its place in time, and the notification that tells of it."""

    event: Event
    sequence: int
    """Rises by one per topic while the daemon lives."""
    timestamp_ms: int
    cause: Cause
    text: bytes


class KeptEvent(msgspec.Struct, frozen=True, gc=False):
    """What subscribers may still read of an event. There may be thousands: the collector passes over them."""

    topic: str
    revision: int
    text: bytes


class EventHub:
    """Publishes events, and knows the subscribers."""

    def __init__(self, revision: int = 0) -> None:
        """`revision` is the store's at the start: of what came before, no event is known."""
        self._sequences: Counter[str] = Counter()
        self._kept: deque[KeptEvent] = deque()
        self._kept_bytes = 0
        self._first = 0  # the number of the oldest event that is kept
        self._lost_to = revision  # every event above this revision is kept
        self._revision = revision
        self._listeners: list[Callable[[PublishedEvent], None]] = []

    def listen(self, listener: Callable[[PublishedEvent], None]) -> Callable[[], None]:
        """From now on `listener` is told of each event. The function that is given back ends that.

        It must not block; one that fails is logged, and fails nobody else (FR-009). A write that it
        causes is one more in the writer's queue.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Event, cause: Cause) -> None:
        """Keeps an event that is durable now, and tells the listeners."""
        self._sequences[event.topic] += 1
        sequence, timestamp_ms = self._sequences[event.topic], now_ms()
        notification = EventNotification(
            topic=event.topic,
            revision=event.revision,
            sequence=sequence,
            timestamp=timestamp_ms,
            correlation_id=cause.correlation_id,
            peer=cause.peer,
            payload=msgspec.Raw(encode(event.payload)),
        )
        text = encode_notification("event", encode(notification))
        published = PublishedEvent(event, sequence, timestamp_ms, cause, text)
        self._revision = max(self._revision, event.revision)
        self._kept.append(KeptEvent(event.topic, event.revision, text))
        self._kept_bytes += len(text)
        while len(self._kept) > KEPT_EVENTS or self._kept_bytes > KEPT_BYTES:
            oldest = self._kept.popleft()
            self._kept_bytes -= len(oldest.text)
            self._lost_to = oldest.revision
            self._first += 1
        for listener in tuple(self._listeners):
            try:
                listener(published)
            except Exception:  # noqa: BLE001 - whatever a listener does, the operation has succeeded already
                _log.exception("An event could not be delivered.", topic=event.topic)

    def subscribe(
        self, topics: Sequence[str] | None, since: int | None, wake: Callable[[], None]
    ) -> "Subscription":
        """A subscription to `topics` (None: all), from now on or from after the revision `since`.

        `wake` is called, and must not block, when there may be something to take.
        Raises InvalidField for a topic that there is not.
        """
        return Subscription(self, topics, since, wake)

    def reached(self, revision: int) -> None:
        """The store is at this revision now; some changes, such as a key that is remembered, have no event."""
        self._revision = revision

    @property
    def revision(self) -> int:
        """The store's revision, as far as the hub was told."""
        return self._revision

    @property
    def lost_to(self) -> int:
        """The revision above which every event is kept."""
        return self._lost_to

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept."""
        return self._first

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._first + len(self._kept)

    def kept(self, number: int) -> KeptEvent:
        """The event of this number, which is kept."""
        return self._kept[number - self._first]

    def number_after(self, revision: int) -> int:
        """The number of the first event that somebody who knows `revision` may not have seen.

        Events of sessions and of the store's health have no revision of their own: those at
        `revision` itself are given again, and their sequence numbers tell the repeat.
        """
        number = self.end
        while number > self._first:
            event = self.kept(number - 1)
            if event.revision < revision or (event.revision == revision and not _is_transient(event.topic)):
                break
            number -= 1
        return number


class Subscription:
    """One subscriber's place in the row of events."""

    def __init__(
        self, hub: EventHub, topics: Sequence[str] | None, since: int | None, wake: Callable[[], None]
    ) -> None:
        self.asked = None if topics is None else tuple(topics)
        """The topics and patterns that it is for, or None for all topics."""
        self._hub = hub
        self._topics = _matching(topics)
        self._gaps = 0
        self._missed: EventsMissed | None = None
        if since is None:
            self._next = hub.end
            self._seen_to = hub.revision
        elif since > hub.revision:
            # It knew a store that is lost: nothing that it knew holds.
            self._missed = EventsMissed(from_=hub.revision, to=hub.revision)
            self._next = hub.end
            self._seen_to = hub.revision
        else:
            self._seen_to = since
            self._next = hub.number_after(since)
            if since < hub.lost_to:
                self._miss()
        self._stop = hub.listen(lambda _: wake())

    def has_more(self) -> bool:
        """Whether there is something to take, for this subscriber or to be passed over."""
        return self._missed is not None or self._next < self._hub.end

    def take(self, limit_bytes: int) -> list[bytes]:
        """The next notifications, without their newlines; at least one where there is one."""
        texts: list[bytes] = []
        size = 0
        if self._next < self._hub.first:
            self._miss()
        if self._missed is not None:
            texts.append(self._gap(self._missed))
            self._missed = None
        while self._next < self._hub.end and size < limit_bytes:
            event = self._hub.kept(self._next)
            self._next += 1
            self._seen_to = event.revision
            if event.topic in self._topics:
                texts.append(event.text)
                size += len(event.text)
        return texts

    def close(self) -> None:
        """Ends the subscription."""
        self._stop()

    def _miss(self) -> None:
        """Notes that what is not kept any more was missed."""
        self._next = self._hub.first
        first_missed = self._missed.from_ if self._missed else self._seen_to + 1
        # Only events without a revision of their own may be missing: the newest revision stands for them.
        self._missed = EventsMissed(from_=min(first_missed, self._hub.lost_to), to=self._hub.lost_to)
        self._seen_to = self._hub.lost_to

    def _gap(self, missed: EventsMissed) -> bytes:
        self._gaps += 1
        notification = EventNotification(
            topic=GAP,
            revision=missed.to,
            sequence=self._gaps,
            timestamp=now_ms(),
            correlation_id="",
            payload=msgspec.Raw(encode(missed)),
        )
        return encode_notification("event", encode(notification))


def _matching(topics: Sequence[str] | None) -> frozenset[str]:
    """The topics that names and `workspace.*` patterns stand for."""
    if topics is None:
        return frozenset(TOPICS)
    chosen: set[str] = set()
    for index, topic in enumerate(topics):
        group = topic.removesuffix("*")
        matching = {
            known for known in TOPICS if known == topic or (topic.endswith(".*") and known.startswith(group))
        }
        if not matching:
            raise InvalidField(
                f"topics[{index}]", f"There is no topic “{topic}”: the topics are {', '.join(TOPICS)}."
            )
        chosen |= matching
    return frozenset(chosen)


def _is_transient(topic: str) -> bool:
    return topic.startswith(("session.", "store."))
