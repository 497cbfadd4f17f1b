"""Events on their way to clients, over real sockets."""

import tracemalloc

import msgspec
import pytest
from trio.testing import wait_all_tasks_blocked

from daemon.scripted_store import GatedStore
from daemon.serving import Client, Json, Serve
from daemon.writing import until
from workspaced.domain.state import Event
from workspaced.events import Cause
from workspaced_protocol.events import StoreChanged

KIB = 1024


async def event(client: Client) -> Json:
    """The next notification's params."""
    message = await client.receive()
    assert message["method"] == "event"
    return msgspec.convert(message["params"], Json)


@pytest.mark.requirement("FR-009")
async def test_a_subscriber_is_told_what_others_do_after_it_is_durable(
    serve: Serve, gated: GatedStore
) -> None:
    daemon = await serve(gated)
    subscriber, other = daemon.connect(), daemon.connect()
    assert await subscriber.result("events.subscribe", topics=["workspace.*"]) == {"revision": 0}
    await other.request("workspace.create", name="Alpha", rootPath="/src")
    attempt = await gated.next_commit()
    assert await subscriber.result("daemon.ping") == "pong"  # and no event before it
    attempt.succeed()
    told = await event(subscriber)
    created = await other.receive()
    assert isinstance(created["result"], dict)
    assert told["topic"] == "workspace.created"
    assert told["revision"] == created["result"]["revision"]
    assert told["payload"] == {
        "workspaceId": created["result"]["id"],
        "name": "Alpha",
        "rootPath": "/src",
    }
    assert isinstance(told["peer"], dict)


async def test_the_answer_comes_before_the_replay(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    for number in range(3):
        await client.result("workspace.create", name=f"W{number}", rootPath="/src")
    assert await client.result("events.subscribe", since=1) == {"revision": 3}
    assert [(await event(client))["revision"] for _ in range(2)] == [2, 3]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("store.remove", {"id": "ws_unknown", "requestKey": "key"}),
        ("store.apply", {"changes": [], "requestKey": "key"}),
    ],
)
async def test_the_revision_that_a_subscriber_was_given_is_no_gap_later(
    serve: Serve, method: str, params: Json
) -> None:
    """A change without an event of its own raises the store's revision too."""
    daemon = await serve()
    client = daemon.connect()
    await client.result("workspace.create", name="A", rootPath="/src")
    await client.result(method, **params)
    answer = await client.result("events.subscribe")
    assert answer == {"revision": 2}
    again = daemon.connect()
    await again.result("events.subscribe", since=2)
    await client.request("workspace.create", name="B", rootPath="/src")
    assert (await event(again))["topic"] == "workspace.created"


async def test_an_unknown_topic_is_refused_and_the_earlier_subscription_goes_on(serve: Serve) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await client.result("events.subscribe")
    code, message, data = await client.refusal("events.subscribe", topics=["no.such"])
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": "topics[0]"})
    assert "no.such" in message
    await other.result("workspace.create", name="A", rootPath="/src")
    assert (await event(client))["topic"] == "workspace.created"


async def test_a_new_subscription_takes_the_place_of_the_earlier_and_can_be_ended(serve: Serve) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await client.result("events.subscribe")
    await client.result("events.subscribe", topics=["workspace.closed"])
    created = await other.result("workspace.create", name="A", rootPath="/src")
    assert isinstance(created, dict)
    await other.result("workspace.close", id=created["id"])
    assert (await event(client))["topic"] == "workspace.closed"
    assert await client.result("events.unsubscribe") is None
    assert await client.result("events.unsubscribe") is None
    await other.result("workspace.open", id=created["id"])
    await other.result("workspace.close", id=created["id"])
    assert await client.result("daemon.ping") == "pong"


async def test_a_subscriber_that_does_not_read_costs_nobody_anything(serve: Serve) -> None:
    daemon = await serve()
    subscriber, other = daemon.connect(), daemon.connect()
    await subscriber.result("events.subscribe")
    reason = "x" * 10_000
    for _ in range(420):  # what is kept is full from here on
        daemon.hub.publish(Event("store.degraded", StoreChanged(reason), 0), Cause(""))
    await wait_all_tasks_blocked()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(2000):
        daemon.hub.publish(Event("store.degraded", StoreChanged(reason), 0), Cause(""))
    await wait_all_tasks_blocked()
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now - before < 6 * KIB * KIB  # the 4 MiB that are kept for all were allocated anew
    assert await other.result("daemon.ping") == "pong"
    topics: list[object] = []
    while len(topics) < 100 or "events.gap" not in topics:
        topics.append((await event(subscriber))["topic"])
    assert set(topics) == {"store.degraded", "events.gap"}


async def test_the_subscription_ends_with_the_connection(serve: Serve) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await client.result("events.subscribe")
    client.close()
    await until(lambda: daemon.service.connections == 1)
    await other.result("workspace.create", name="A", rootPath="/src")
    assert await other.result("daemon.ping") == "pong"
