"""The event hub: numbers what happened and tells the listeners, once it is durable."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import structlog

from workspaced.domain.state import Event

_log = structlog.get_logger(__name__)


class PublishedEvent(NamedTuple):
    """An event with its place in time: `sequence` rises by one per topic while the daemon lives."""

    event: Event
    sequence: int
    timestamp_ms: int
    correlation_id: str


Listener = Callable[[PublishedEvent], None]


class EventHub:
    """Hands each event to every listener; one that fails is logged, and fails nobody else (FR-009).

    A listener must not block; a write that it causes is one more in the writer's queue.
    """

    def __init__(self) -> None:
        self._sequences: Counter[str] = Counter()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """From now on `listener` is told of each event. The function that is given back ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Event, correlation_id: str) -> None:
        """Tells all listeners of something that is durable now."""
        self._sequences[event.topic] += 1
        published = PublishedEvent(
            event, self._sequences[event.topic], time.time_ns() // 1_000_000, correlation_id
        )
        for listener in tuple(self._listeners):
            try:
                listener(published)
            except Exception:  # noqa: BLE001 - whatever a listener does, the operation has succeeded already
                _log.exception("An event could not be delivered.", topic=event.topic)
