"""The event hub: numbers the events, keeps the newest, and lets each subscriber read at its own pace.

The strategy:
- Each event since the start is kept once. A subscription is a position among them.
- The text of its notification, which holds a workspace twice, is made for the first subscriber that reads it.
- Events of before the start are made again from the history that the store had then, while a subscriber reads them.
- Nothing is queued for a subscriber, so a slow one costs nothing.
- The kept events are bounded by number and by bytes. A subscriber that falls behind them gets the missed revisions
  in `events.gap`. Once one is dropped, nothing leads from the history to the kept events any more.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from workspaced.domain.clock import now_ms
from workspaced.domain.entries import Cause, Event, events_of, topics_of
from workspaced.domain.errors import InvalidField, quoted
from workspaced.domain.history import History
from workspaced.domain.past_events import PastEvents
from workspaced.process.log import Logger
from workspaced.published_event import PublishedEvent, gap_text, notification_text
from workspaced_protocol.events import TOPICS, EventsMissed

_log = Logger()

KEPT_EVENTS: Final = 10_000
KEPT_BYTES: Final = 4 * 1024 * 1024
"""The limits of the kept events, for clients that reconnect or fall behind (protocol.md, Limits)."""

_CHANGES_A_TURN: Final = 64  # of the history: made into events in a millisecond or two


class _Listener(msgspec.Struct, eq=False, frozen=True):
    """Called with each event, and where events are missing."""

    on_event: Callable[[PublishedEvent], None]
    on_gap: Callable[[], None] | None


class EventHub:
    """Publishes events to listeners and subscriptions."""

    def __init__(self, revision: int = 0, history: History | None = None) -> None:
        """Start at `revision`, the store's. Earlier events are those of `history`, where one is given."""
        if history is None:  # an empty one counts: it tells since when nothing has changed
            history = History(revision)
        self._past: PastEvents | None = PastEvents(history)
        self._sequences = Counter(self._past.counts())
        self._kept: deque[PublishedEvent] = deque()
        self._kept_bytes = 0
        self._first = 0  # the number of the oldest kept event
        self._dropped_to = history.complete_since
        self._revision = revision
        self._listeners: list[_Listener] = []

    def listen(
        self, listener: Callable[[PublishedEvent], None], on_gap: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call `listener` with each event, until the returned function is called.

        `on_gap` is called where events are missing between the last one and the next: anything may have changed.
        A listener must not block. If it fails, the error is logged, and others still get the event (FR-009). A
        write that it causes is one more in the writer's queue.
        """
        added = _Listener(listener, on_gap)
        self._listeners.append(added)
        return lambda: self._listeners.remove(added)

    def publish(self, event: Event, cause: Cause) -> None:
        """Keep an event, whose change must be durable, and call the listeners."""
        self._sequences[event.topic] += 1
        sequence, timestamp_ms = self._sequences[event.topic], now_ms()
        if event.entry is not None:
            cause, timestamp_ms = event.entry.cause, event.entry.at_ms
        published = PublishedEvent(event, sequence, timestamp_ms, cause)
        self._revision = max(self._revision, event.revision)
        self._kept.append(published)
        self._kept_bytes += published.size_bytes()
        while len(self._kept) > KEPT_EVENTS or self._kept_bytes > KEPT_BYTES:
            oldest = self._kept.popleft()
            self._kept_bytes -= oldest.size_bytes()
            self._dropped_to = oldest.event.revision
            self._past = None
            self._first += 1
        for listener in tuple(self._listeners):
            try:
                listener.on_event(published)
            except Exception:  # noqa: BLE001 - the write has succeeded, whatever a listener does
                _log.exception("An event could not be delivered.", topic=event.topic)

    def skip_to(self, revision: int) -> None:
        """Go on at the store's new revision after unknown changes: each subscriber is told of the gap."""
        # One number more than there are events, so that those who have read all of them fall behind, too.
        self._first = self.end + 1
        self._kept.clear()
        self._kept_bytes = 0
        self._past = None
        self._dropped_to = self._revision = revision
        for listener in tuple(self._listeners):
            if listener.on_gap is None:
                continue
            try:
                listener.on_gap()
            except Exception:  # noqa: BLE001 - as with an event
                _log.exception("A gap in the events could not be told.", revision=revision)

    def subscribe(
        self, topics: Sequence[str] | None, since: int | None, wake: Callable[[], None]
    ) -> "Subscription":
        """Return a subscription to `topics` (None: all), from now on or from after the revision `since`.

        `wake` is called when there may be events to take; it must not block. Raises InvalidField for an unknown
        topic.
        """
        return Subscription(self, topics, since, wake)

    def advance_to(self, revision: int) -> None:
        """Take the store's new revision: some changes, such as a stored request key, have no event."""
        self._revision = revision

    @property
    def revision(self) -> int:
        """The store's latest revision known to the hub."""
        return self._revision

    @property
    def dropped_to(self) -> int:
        """The revision above which all events can still be sent."""
        return self._dropped_to

    def past_after(self, revision: int) -> PastEvents | None:
        """Return the events of before the start, if some of them are above this revision."""
        return self._past if self._past is not None and revision < self._past.newest else None

    @property
    def first(self) -> int:
        """The number of the oldest kept event."""
        return self._first

    @property
    def end(self) -> int:
        """The number of the next event."""
        return self._first + len(self._kept)

    def kept(self, number: int) -> PublishedEvent:
        """Return the event of this number, which must be kept."""
        return self._kept[number - self._first]

    def number_after(self, revision: int) -> int:
        """Return the number of the first event that a client at `revision` may not have seen.

        Events of sessions and of the store's health have no revision of their own. Those at `revision` itself
        are sent again; a client recognises the repeat by its sequence number.
        """
        number = self.end
        while number > self._first:
            event = self.kept(number - 1).event
            if event.revision < revision or (event.revision == revision and not _is_transient(event.topic)):
                break
            number -= 1
        return number


class Subscription:
    """One subscriber's position in the events."""

    def __init__(
        self, hub: EventHub, topics: Sequence[str] | None, since: int | None, wake: Callable[[], None]
    ) -> None:
        self.requested_topics = None if topics is None else tuple(topics)
        """The topics and patterns of the request, or None for all topics."""
        self._hub = hub
        self._topics = _matching(topics)
        self._gap_count = 0
        self._missed: EventsMissed | None = None
        self._past: PastEvents | None = None  # while it reads the events of before the start
        if since is None:
            self._next = hub.end
            self._seen_to = hub.revision
        elif since > hub.revision:
            # The client knew a store that is lost: all its knowledge is outdated.
            self._missed = EventsMissed(from_=hub.revision, to=hub.revision)
            self._next = hub.end
            self._seen_to = hub.revision
        else:
            self._seen_to = since
            self._next = hub.number_after(since)
            if since < hub.dropped_to:
                self._skip_dropped()
            self._past = hub.past_after(self._seen_to)
        self._stop_listening = hub.listen(lambda _: wake(), on_gap=wake)

    def has_more(self) -> bool:
        """Return whether there are events to take, including those of other topics."""
        return self._missed is not None or self._past is not None or self._next < self._hub.end

    def take(self, limit_bytes: int) -> list[bytes]:
        """Return the next notifications, without newlines: those of one turn, which may be none."""
        texts: list[bytes] = []
        size = 0
        if self._past is None and self._next < self._hub.first:
            self._skip_dropped()
        if self._missed is not None:
            texts.append(self._gap(self._missed))
            self._missed = None
        if self._past is not None:
            return texts + self._take_past(self._past, limit_bytes)
        while self._next < self._hub.end and size < limit_bytes:
            kept = self._hub.kept(self._next)
            self._next += 1
            self._seen_to = kept.event.revision
            if kept.event.topic in self._topics:
                texts.append(kept.text)
                size += len(kept.text)
        return texts

    def _take_past(self, past: PastEvents, limit_bytes: int) -> list[bytes]:
        """Return the next notifications of before the start."""
        texts: list[bytes] = []
        size = 0
        for entry in past.changes_after(self._seen_to, _CHANGES_A_TURN):
            for event in () if self._topics.isdisjoint(topics_of(entry)) else events_of(entry):
                if event.revision <= self._seen_to:
                    continue  # a part of this change was sent before
                if size >= limit_bytes:
                    return texts
                self._seen_to = event.revision
                if event.topic in self._topics:
                    texts.append(notification_text(event, past.sequence(event), entry.cause, entry.at_ms))
                    size += len(texts[-1])
            self._seen_to = entry.revision
        if self._seen_to >= past.newest:
            self._past = None
        return texts

    def close(self) -> None:
        """End the subscription."""
        self._stop_listening()

    def _skip_dropped(self) -> None:
        """Move to the oldest kept event, and note the missed revisions."""
        self._next = self._hub.first
        first_missed = self._missed.from_ if self._missed else self._seen_to + 1
        # If only events without their own revision were missed, the range is the newest revision.
        self._missed = EventsMissed(from_=min(first_missed, self._hub.dropped_to), to=self._hub.dropped_to)
        self._seen_to = self._hub.dropped_to

    def _gap(self, missed: EventsMissed) -> bytes:
        self._gap_count += 1
        return gap_text(missed, self._gap_count)


def _matching(topics: Sequence[str] | None) -> frozenset[str]:
    """Return all topics that match names and patterns such as `workspace.*`."""
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
                f"topics[{index}]",
                f"There is no topic {quoted(topic)}: the topics are {', '.join(TOPICS)}, "
                "`workspace.*` and the like for all of a kind. Leave `topics` out for all.",
            )
        chosen |= matching
    return frozenset(chosen)


def _is_transient(topic: str) -> bool:
    return topic.startswith(("session.", "store."))
