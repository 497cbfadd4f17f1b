"""Events of earlier lives of the daemon, through a connection: replayed from the history, then on without a break."""

from pathlib import Path

import msgspec
import pytest

from support.lives import next_life
from support.serving import Client, Daemon, Json, Serve
from workspaced.domain.entries import Cause, Event
from workspaced.events import KEPT_EVENTS
from workspaced_protocol.events import StoreChanged, StoreRecovered

pytestmark = pytest.mark.requirement("FR-009")


async def subscribed(daemon: Daemon, **params: object) -> Client:
    client = daemon.connect()
    assert await client.result("events.subscribe", **params) == {"revision": daemon.writer.state.revision}
    return client


async def taken(client: Client, daemon: Daemon) -> list[Json]:
    """All that the subscriber is sent until a change that is made now, without it."""
    other = daemon.connect()
    last = await other.create("/last", f"Last {daemon.writer.state.revision}")
    told: list[Json] = []
    while not told or told[-1]["payload"].get("workspaceId") != last:
        told = await client.notified(len(told) + 1)
    client.notifications.clear()
    return told[:-1]


def revisions(told: list[Json]) -> list[int]:
    return [event["revision"] for event in told]


async def live_some(client: Client, path: Path) -> None:
    """Change workspaces in every way that has an event."""
    await client.result("daemon.hello", client="editor", protocol=1)
    id_ = await client.create(str(path), "Größe")
    bound: Json = {}
    for name in "ab":
        (path / name).mkdir()
        bound = await client.result("project.bind", workspaceId=id_, rootPath=str(path / name))
    (path / "a").rmdir()
    (path / "b").rmdir()
    (path / "b").touch()
    await client.result("workspace.close", id=id_)
    await client.result("workspace.open", id=id_)
    (path / "a").mkdir()
    await client.result("project.check", workspaceId=id_)
    await client.result("project.unbind", workspaceId=id_, projectId=bound["projects"][0]["id"])
    updated = await client.result("workspace.update", id=id_, name="Other")
    await client.result("store.save", workspace={**updated, "id": "ws_b", "name": "B", "projects": []})
    await client.result("store.apply", changes=[{"save": {**updated, "state": "closed"}}, {"remove": "ws_b"}])
    await client.result("workspace.delete", id=id_)
    await client.result(
        "history.undo", revision=(await client.result("history.list", limit=1))[0]["revision"]
    )


async def test_a_replayed_event_is_the_one_that_was_told(serve: Serve, tmp_path: Path) -> None:
    first = await serve()
    live = await subscribed(first, topics=["workspace.*", "project.*"], since=0)
    await live_some(first.connect(), tmp_path)
    told = await taken(live, first)
    assert [event["topic"] for event in told] == [
        "workspace.created",
        "project.bound",
        "project.bound",
        "workspace.closed",
        "workspace.opened",
        "project.statusChanged",
        "project.statusChanged",
        "project.statusChanged",
        "project.unbound",
        "workspace.updated",
        "workspace.created",
        "workspace.updated",
        "workspace.deleted",
        "workspace.deleted",
        "workspace.created",
    ]
    assert revisions(told) == list(range(1, len(told) + 1))
    second = await next_life(serve, first)
    for since in range(len(told) + 1):  # also in the middle of the open and its checks
        again = await subscribed(second, since=since)
        assert (await taken(again, second))[: len(told) - since] == told[since:]


async def test_it_goes_on_with_what_happens_now(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    ids = [await client.create(name=name) for name in "abc"]
    await client.result("workspace.close", id=ids[0])
    second = await next_life(serve, first)
    client = second.connect()
    await client.create(name="d")
    subscriber = await subscribed(second, since=1)
    await client.result("workspace.close", id=ids[1])
    told = [(event["revision"], event["topic"], event["sequence"]) for event in await subscriber.notified(5)]
    assert told == [
        (2, "workspace.created", 2),
        (3, "workspace.created", 3),
        (4, "workspace.closed", 1),
        (5, "workspace.created", 4),
        (6, "workspace.closed", 2),
    ]
    third = await next_life(serve, second)
    assert revisions(await taken(await subscribed(third, since=1), third)) == [2, 3, 4, 5, 6]


async def test_only_the_topics_that_were_asked_for_and_each_with_its_number(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    for name in "abc":
        await client.result("workspace.close", id=await client.create(name=name))
    second = await next_life(serve, first)
    subscriber = await subscribed(second, topics=["workspace.closed"], since=2)
    await second.connect().result("workspace.close", id=await second.connect().create())
    told = [(event["revision"], event["sequence"]) for event in await subscriber.notified(3)]
    assert told == [(4, 2), (6, 3), (8, 4)]


async def test_thousands_of_changes_of_other_topics_end_too(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    saved: Json = {
        "id": "ws_a",
        "name": "A",
        "rootPath": "/a",
        "state": "active",
        "createdAt": 1,
        "updatedAt": 1,
    }
    changes: list[Json] = [
        {"save": {**saved, "projects": [], "updatedAt": number}} for number in range(1, 1001)
    ]
    await client.result("store.apply", changes=changes)
    second = await next_life(serve, first)
    subscriber = await subscribed(second, topics=["workspace.closed"], since=0)
    await second.connect().result("workspace.close", id="ws_a")
    assert revisions(await subscriber.notified()) == [1001]


async def test_the_stores_revision_is_no_gap_and_one_above_it_is(serve: Serve) -> None:
    first = await serve()
    for name in "ab":
        await first.connect().create(name=name)
    second = await next_life(serve, first)
    assert await taken(await subscribed(second, since=2), second) == []
    (gap,) = await taken(await subscribed(second, since=9), second)
    assert (gap["topic"], gap["payload"]) == ("events.gap", {"from": 3, "to": 3})


async def test_where_the_history_ends_a_gap_comes_first(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaced.domain.history.KEPT_ENTRIES", 3)
    first = await serve()
    for name in "abcde":
        await first.connect().create(name=name)
    second = await next_life(serve, first)
    for since in (0, 1):
        gap, *rest = await taken(await subscribed(second, topics=["workspace.created"], since=since), second)
        assert (gap["topic"], gap["payload"]) == ("events.gap", {"from": since + 1, "to": 2})
        assert revisions(rest)[:3] == [3, 4, 5]
    assert revisions(await taken(await subscribed(second, since=2), second))[:3] == [3, 4, 5]


async def test_a_revision_without_a_change_is_no_gap(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    await client.create()
    await client.result("store.remove", id="ws_none", requestKey="k")  # stores its key alone
    await client.create()
    second = await next_life(serve, first)
    assert revisions(await taken(await subscribed(second, since=0), second)) == [1, 3]


async def test_a_history_without_any_change_has_no_gap_either(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    for key in "ab":
        await client.result("store.remove", id="ws_none", requestKey=key)
    assert first.writer.state.revision == 2
    for since in (0, 1, 2):
        second = await next_life(serve, first)
        assert await taken(await subscribed(second, since=since), second) == []


async def test_sessions_of_an_earlier_life_are_not_told_again(serve: Serve) -> None:
    first = await serve()
    client = first.connect()
    id_ = await client.create()
    await client.result("session.begin", workspaceId=id_)
    await client.result("workspace.close", id=id_)
    second = await next_life(serve, first)
    told = await taken(await subscribed(second, since=0), second)
    assert [event["topic"] for event in told] == ["workspace.created", "workspace.closed"]


async def test_news_of_the_start_come_between_the_history_and_what_follows(serve: Serve) -> None:
    first = await serve()
    await first.connect().create(name="a")
    second = await next_life(serve, first)
    second.hub.publish(Event("store.recovered", StoreRecovered("recovered", "why", ()), 1), Cause(""))
    await second.connect().create(name="b")
    for since in (0, 1):
        told = await subscribed(second, since=since)
        topics = [event["topic"] for event in await told.notified(3 - since)]
        assert topics == ["workspace.created", "store.recovered", "workspace.created"][since:]


def publish(daemon: Daemon, count: int) -> None:
    """Publish news of the store, as many as are kept, at its revision."""
    for _ in range(count):
        daemon.hub.publish(Event("store.degraded", StoreChanged(), daemon.writer.state.revision), Cause(""))


async def test_what_was_dropped_since_the_start_is_a_gap_from_the_first_missed(serve: Serve) -> None:
    first = await serve()
    await first.connect().create(name="a")
    second = await next_life(serve, first)
    await second.connect().create(name="b")
    publish(second, KEPT_EVENTS)
    subscriber = await subscribed(second, topics=["workspace.*"], since=0)
    (gap,) = await subscriber.notified()
    assert gap["payload"] == {"from": 1, "to": 2}


async def test_a_slow_reader_gets_all_of_the_history_and_a_gap_only_behind_it(serve: Serve) -> None:
    """What it reads is a value: nothing that happens meanwhile takes it away."""
    first = await serve()
    for name in "abc":
        await first.connect().create(name=name)
    second = await next_life(serve, first)
    slow = second.hub.subscribe(["workspace.*"], 0, lambda: None)
    assert len(slow.take(1)) == 1
    await second.connect().create(name="d")
    publish(second, KEPT_EVENTS)
    await second.connect().create(name="e")
    told: list[tuple[str, int]] = []
    while slow.has_more():
        events = [msgspec.json.decode(text)["params"] for text in slow.take(1)]
        # Nothing is made ahead of what there is room for.
        assert len([event for event in events if event["topic"] != "events.gap"]) <= 1
        told += [(event["topic"], event["revision"]) for event in events]
    assert told == [
        ("workspace.created", 2),
        ("workspace.created", 3),
        ("events.gap", 4),
        ("workspace.created", 5),
    ]
