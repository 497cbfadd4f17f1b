"""Subscriptions: a place in the row of events, replays from a revision, and the gap for what is not kept."""

import tracemalloc

import msgspec
import pytest

from support.logs import EventDict
from workspaced.domain.entries import NOBODY, Cause, Entry, Event
from workspaced.domain.errors import InvalidField
from workspaced.events import KEPT_BYTES, KEPT_EVENTS, EventHub, Subscription
from workspaced_protocol.events import (
    TOPICS,
    SessionChanged,
    StoreChanged,
    Topic,
    WorkspaceChanged,
    WorkspaceCreated,
)
from workspaced_protocol.models import Peer

pytestmark = pytest.mark.requirement("FR-009")

UNLIMITED = 1 << 40


def publish(hub: EventHub, revision: int, topic: Topic = "workspace.opened") -> None:
    hub.publish(Event(topic, WorkspaceChanged("ws_1"), revision), Cause(""))


def hub_with(*revisions: int, start: int = 0) -> EventHub:
    hub = EventHub(start)
    for revision in revisions:
        publish(hub, revision)
    return hub


def subscribe(hub: EventHub, topics: list[str] | None = None, since: int | None = None) -> Subscription:
    return hub.subscribe(topics, since, lambda: None)


def params(text: bytes) -> dict[str, object]:
    message = msgspec.json.decode(text, type=dict[str, object])
    assert set(message) == {"jsonrpc", "method", "params"}
    assert (message["jsonrpc"], message["method"]) == ("2.0", "event")
    return msgspec.convert(message["params"], dict[str, object])


def taken(subscription: Subscription, limit_bytes: int = UNLIMITED) -> list[object]:
    """Topic and revision of each notification, or the payload of a gap."""
    told: list[object] = []
    for text in subscription.take(limit_bytes):
        event = params(text)
        told.append(event["payload"] if event["topic"] == "events.gap" else event["revision"])
    return told


def test_a_notification_holds_what_the_contract_says() -> None:
    hub = EventHub(4)
    subscription = subscribe(hub)
    payload = WorkspaceCreated("ws_1", "Alpha", "/src")
    hub.publish(Event("workspace.created", payload, 5), Cause("cor_1", Peer(4711, 1000)))
    (text,) = subscription.take(UNLIMITED)
    event = params(text)
    timestamp = event.pop("timestamp")
    assert isinstance(timestamp, int)
    assert timestamp > 1_700_000_000_000
    assert event == {
        "topic": "workspace.created",
        "revision": 5,
        "sequence": 1,
        "correlationId": "cor_1",
        "peer": {"pid": 4711, "uid": 1000},
        "payload": {"workspaceId": "ws_1", "name": "Alpha", "rootPath": "/src"},
    }


def test_without_a_revision_it_starts_with_what_comes() -> None:
    hub = hub_with(1, 2)
    subscription = subscribe(hub)
    assert not subscription.has_more()
    assert taken(subscription) == []
    publish(hub, 3)
    assert subscription.has_more()
    assert taken(subscription) == [3]
    assert not subscription.has_more()


@pytest.mark.parametrize(("since", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, [])])
def test_from_a_revision_it_replays_and_goes_on_without_gap_or_repeat(
    since: int, expected: list[int]
) -> None:
    hub = hub_with(1, 2, 3)
    subscription = subscribe(hub, since=since)
    assert taken(subscription) == expected
    publish(hub, 4)
    assert taken(subscription) == [4]


def test_after_a_restart_the_stores_revision_is_no_gap_and_an_older_one_is() -> None:
    hub = EventHub(7)
    assert taken(subscribe(hub, since=7)) == []
    assert taken(subscribe(hub, since=5)) == [{"from": 6, "to": 7}]
    publish(hub, 8)
    assert taken(subscribe(hub, since=7)) == [8]
    assert taken(subscribe(hub, since=5)) == [{"from": 6, "to": 7}, 8]


def test_a_revision_of_a_store_that_was_lost_is_a_gap() -> None:
    hub = hub_with(1, start=0)
    subscription = subscribe(hub, since=99)
    (gap,) = taken(subscription)
    assert isinstance(gap, dict)
    publish(hub, 2)
    assert taken(subscription) == [2]


def test_a_subscriber_that_falls_behind_gets_a_gap_in_place_of_what_it_missed() -> None:
    hub = EventHub()
    slow, quick = subscribe(hub), subscribe(hub)
    for revision in range(1, KEPT_EVENTS + 11):
        publish(hub, revision)
        if revision % 1000 == 0:
            taken(quick)
    told = taken(slow)
    assert told[0] == {"from": 1, "to": 10}
    assert told[1:] == list(range(11, KEPT_EVENTS + 11))
    assert taken(quick) == list(range(KEPT_EVENTS + 1, KEPT_EVENTS + 11))
    publish(hub, KEPT_EVENTS + 11)
    assert taken(slow) == [KEPT_EVENTS + 11]
    assert taken(subscribe(hub, since=0))[0] == {"from": 1, "to": 11}
    assert taken(subscribe(hub, since=11))[0] == 12


def test_a_gap_begins_after_what_was_taken() -> None:
    hub = EventHub()
    subscription = subscribe(hub)
    for revision in range(1, 4):
        publish(hub, revision)
    assert taken(subscription) == [1, 2, 3]
    for revision in range(4, KEPT_EVENTS + 6):
        publish(hub, revision)
    assert taken(subscription)[:2] == [{"from": 4, "to": 5}, 6]


def test_what_is_kept_is_bounded_in_bytes_too() -> None:
    hub = EventHub()
    subscription = subscribe(hub)
    reason = "x" * 100_000
    for revision in range(1, 101):
        hub.publish(Event("store.degraded", StoreChanged(reason), revision), Cause(""))
    texts = subscription.take(UNLIMITED)
    assert params(texts[0])["topic"] == "events.gap"
    assert KEPT_BYTES - 2 * len(reason) < sum(map(len, texts)) <= KEPT_BYTES + 1000


def test_a_gap_that_falls_behind_again_grows() -> None:
    hub = EventHub(5)
    subscription = subscribe(hub, since=2)
    for revision in range(6, KEPT_EVENTS + 9):
        publish(hub, revision)
    told = taken(subscription)
    assert told[0] == {"from": 3, "to": 8}
    assert told[1] == 9


def test_no_more_is_taken_than_there_is_room_for_but_always_one() -> None:
    hub = EventHub()
    subscription = subscribe(hub)
    for revision in range(1, 11):
        publish(hub, revision)
    size = len(subscribe(hub, since=9).take(1)[0])
    assert taken(subscription, 1) == [1]
    assert taken(subscription, 2 * size) == [2, 3, 4]  # each is a byte shorter than the tenth, or two
    assert subscription.has_more()
    assert taken(subscription) == [5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (None, list(TOPICS)),
        (["workspace.closed"], ["workspace.closed"]),
        (["session.*", "store.ok"], ["session.began", "session.ended", "store.ok"]),
        ([], []),
    ],
)
def test_a_subscriber_gets_the_topics_that_it_asked_for(
    topics: list[str] | None, expected: list[str]
) -> None:
    hub = EventHub()
    subscription = subscribe(hub, topics)
    for revision, topic in enumerate(TOPICS, start=1):
        publish(hub, revision, msgspec.convert(topic, Topic))
    texts = subscription.take(UNLIMITED)
    assert [params(text)["topic"] for text in texts] == expected
    assert not subscription.has_more()


@pytest.mark.parametrize(
    "topic", ["workspace", "workspace.", "*", "workspace.create", "work*", "", "events.gap"]
)
def test_a_topic_that_there_is_not_is_named(topic: str) -> None:
    with pytest.raises(InvalidField) as refused:
        subscribe(EventHub(), ["workspace.*", topic])
    assert refused.value.data == {"path": "topics[1]"}
    assert "workspace.created" in refused.value.message
    assert "`workspace.*`" in refused.value.message


def test_events_of_sessions_are_not_lost_to_one_who_knows_their_revision() -> None:
    """They have the revision of the last change before them, so a repeat can't be told from a first time."""
    hub = EventHub()
    publish(hub, 1)
    hub.publish(Event("session.began", SessionChanged("ss_1", "ws_1"), 1), Cause(""))
    publish(hub, 2)
    assert [params(text)["topic"] for text in subscribe(hub, since=1).take(UNLIMITED)] == [
        "session.began",
        "workspace.opened",
    ]


def test_it_wakes_its_subscriber_until_it_is_closed() -> None:
    hub = EventHub()
    wakes: list[None] = []
    subscription = hub.subscribe(None, None, lambda: wakes.append(None))
    publish(hub, 1)
    assert len(wakes) == 1
    subscription.close()
    publish(hub, 2)
    assert len(wakes) == 1


LARGE = b'{"name":"x","rootPath":"/","projects":[],"metadata":"%b"}' % (b"x" * 100_000)


def publish_updates(hub: EventHub, count: int) -> None:
    """Publish changes of a workspace with this text, which the history has too."""
    for revision in range(1, count + 1):
        entry = Entry(
            revision=revision,
            at_ms=1,
            method="workspace.update",
            workspace_id="ws_1",
            name="x",
            before=LARGE,
            after=LARGE,
            by=Peer(1, 1),
            correlation_id="cor_1",
        )
        hub.publish(Event("workspace.updated", WorkspaceChanged("ws_1"), revision, entry), NOBODY)


def test_an_event_costs_no_text_until_a_subscriber_reads_it_and_then_one_for_all(traced: None) -> None:
    hub = EventHub()
    one, other = subscribe(hub), subscribe(hub)
    before_bytes, _ = tracemalloc.get_traced_memory()
    publish_updates(hub, 10)
    assert tracemalloc.get_traced_memory()[0] - before_bytes < len(LARGE)
    texts = one.take(UNLIMITED)
    assert [len(text) > 2 * len(LARGE) for text in texts] == [True] * 10
    assert all(text is same for text, same in zip(texts, other.take(UNLIMITED), strict=True))


def test_the_bound_on_kept_bytes_counts_the_texts_that_are_not_made_yet() -> None:
    hub = EventHub()
    subscription = subscribe(hub)
    publish_updates(hub, 30)
    gap, *texts = subscription.take(UNLIMITED)
    assert params(gap)["topic"] == "events.gap"
    assert KEPT_BYTES - 2 * len(LARGE) - 1000 < sum(map(len, texts)) <= KEPT_BYTES


def test_where_changes_are_not_known_each_subscriber_gets_a_gap_up_to_there() -> None:
    hub = hub_with(1, 2)
    woken: list[str] = []
    behind, up_to_date = subscribe(hub, since=0), hub.subscribe(None, None, lambda: woken.append("woken"))
    assert not up_to_date.has_more()
    hub.skip_to(9)
    assert woken == ["woken"]
    assert hub.revision == 9
    assert taken(behind) == [{"from": 1, "to": 9}]
    assert taken(up_to_date) == [{"from": 3, "to": 9}]
    publish(hub, 10)
    assert taken(behind) == taken(up_to_date) == [10]
    assert taken(subscribe(hub, since=5)) == [{"from": 6, "to": 9}, 10]
    assert taken(subscribe(hub, since=9)) == [10]


def test_a_gap_after_a_gap_is_one_for_those_who_read_neither() -> None:
    hub = hub_with(1)
    subscription = subscribe(hub)
    hub.skip_to(4)
    publish(hub, 5)
    hub.skip_to(8)
    assert taken(subscription) == [{"from": 2, "to": 8}]
    assert not subscription.has_more()


def test_a_listener_is_told_of_a_gap_and_one_that_fails_stays(logged: list[EventDict]) -> None:
    hub = EventHub()
    told: list[str] = []

    def fail() -> None:
        raise RuntimeError("a defect")

    hub.listen(lambda _: None, fail)
    hub.listen(lambda _: None)
    hub.listen(lambda _: told.append("event"), lambda: told.append("gap"))
    hub.skip_to(3)
    publish(hub, 4)
    assert told == ["gap", "event"]
    assert [entry["log_level"] for entry in logged] == ["error"]
