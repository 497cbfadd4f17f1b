"""The event hub: who is told of what, in which order, and that nobody's failure is another's."""

import time

import pytest

from support.logs import EventDict
from workspaced.domain.entries import NOBODY, Cause, Event
from workspaced.events import EventHub
from workspaced.published_event import PublishedEvent
from workspaced_protocol.events import StoreChanged, Topic, WorkspaceChanged
from workspaced_protocol.models import Peer

pytestmark = pytest.mark.requirement("FR-009")


def event(topic: Topic = "workspace.opened", revision: int = 1) -> Event:
    return Event(topic, WorkspaceChanged("ws_1"), revision)


def test_a_listener_is_told_what_when_and_why() -> None:
    hub = EventHub()
    told: list[PublishedEvent] = []
    hub.listen(told.append)
    published = Event("store.degraded", StoreChanged("the disk is full"), 7)
    before = time.time_ns() // 1_000_000
    cause = Cause("cor_1", Peer(4711, 1000))
    hub.publish(published, cause)
    (only,) = told
    assert only.event is published
    assert only.cause == cause
    assert before <= only.timestamp_ms <= time.time_ns() // 1_000_000


def test_sequence_numbers_rise_by_one_in_each_topic() -> None:
    hub = EventHub()
    told: list[tuple[str, int]] = []
    hub.publish(event(), NOBODY)  # nobody listens yet, and it counts
    hub.listen(lambda published: told.append((published.event.topic, published.sequence)))
    topics: list[Topic] = ["workspace.opened", "workspace.closed", "workspace.opened", "workspace.closed"]
    for topic in topics:
        hub.publish(event(topic), NOBODY)
    assert told == [
        ("workspace.opened", 2),
        ("workspace.closed", 1),
        ("workspace.opened", 3),
        ("workspace.closed", 2),
    ]


def test_every_listener_is_told_in_the_order_of_the_events() -> None:
    hub = EventHub()
    told: list[tuple[str, int]] = []
    for name in "ab":
        hub.listen(lambda published, name=name: told.append((name, published.event.revision)))  # type: ignore[misc]  # a bound default
    for revision in (1, 2):
        hub.publish(event(revision=revision), NOBODY)
    assert told == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_a_listener_that_fails_is_logged_and_stays(logged: list[EventDict]) -> None:
    hub = EventHub()
    told: list[int] = []
    failures = 0

    def failing(_: PublishedEvent) -> None:
        nonlocal failures
        failures += 1
        raise ConnectionError("the subscriber is gone")

    hub.listen(failing)
    hub.listen(lambda published: told.append(published.event.revision))
    hub.publish(event(revision=1), NOBODY)
    hub.publish(event(revision=2), NOBODY)
    assert told == [1, 2]
    assert failures == 2
    assert [(entry["log_level"], entry["topic"]) for entry in logged] == [("error", "workspace.opened")] * 2
    assert all(entry["exc_info"] for entry in logged)


def test_what_ends_the_daemon_is_not_swallowed() -> None:
    hub = EventHub()

    def interrupted(_: PublishedEvent) -> None:
        raise KeyboardInterrupt

    hub.listen(interrupted)
    with pytest.raises(KeyboardInterrupt):
        hub.publish(event(), NOBODY)


def test_a_listener_that_leaves_is_told_no_more() -> None:
    hub = EventHub()
    first: list[PublishedEvent] = []
    second: list[PublishedEvent] = []
    leave = hub.listen(first.append)
    hub.listen(second.append)
    hub.publish(event(), NOBODY)
    leave()
    hub.publish(event(), NOBODY)
    assert (len(first), len(second)) == (1, 2)


def test_listeners_may_come_and_go_while_they_are_told() -> None:
    hub = EventHub()
    told: list[str] = []

    def once(_: PublishedEvent) -> None:
        told.append("once")
        leave()
        hub.listen(lambda _: told.append("late"))

    leave = hub.listen(once)
    hub.listen(lambda _: told.append("other"))
    hub.publish(event(), NOBODY)
    assert told == ["once", "other"]
    hub.publish(event(), NOBODY)
    assert told == ["once", "other", "other", "late"]
