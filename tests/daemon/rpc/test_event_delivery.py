"""Events on their way to clients, over real sockets."""

import os
import tracemalloc
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.scripted_store import GatedStore
from support.serving import Client, Json, Serve, notification
from support.waiting import until
from workspaced.domain.entries import Cause, Event
from workspaced.host.git import Git
from workspaced_protocol.events import StoreChanged
from workspaced_protocol.models import Backup, Workspace

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
        "workspace": created["result"],
        "previous": None,
        "by": told["peer"],
    }
    assert told["peer"] == {"pid": os.getpid(), "uid": os.getuid()}


async def test_the_answer_comes_before_the_replay(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    for number in range(3):
        await client.result("workspace.create", name=f"W{number}", rootPath="/src")
    assert await client.result("events.subscribe", since=1) == {"revision": 3}
    assert [(await event(client))["revision"] for _ in range(2)] == [2, 3]


async def test_in_a_batch_the_answers_come_before_the_replay_too(serve: Serve, gated: GatedStore) -> None:
    daemon = await serve(gated)
    client = daemon.connect()
    first = await client.request("workspace.create", name="A", rootPath="/src")
    await gated.succeed()
    assert (await client.receive())["id"] == first
    batch = [
        {"jsonrpc": "2.0", "id": 7, "method": "events.subscribe", "params": {"since": 0}},
        {
            "jsonrpc": "2.0",
            "id": 8,
            "method": "workspace.create",
            "params": {"name": "B", "rootPath": "/src"},
        },
    ]
    await client.send(msgspec.json.encode(batch) + b"\n")
    attempt = await gated.next_commit()
    await wait_all_tasks_blocked()
    attempt.succeed()
    assert {answer["id"] for answer in await client.receive_batch()} == {7, 8}
    assert [(await event(client))["revision"] for _ in range(2)] == [1, 2]


async def test_a_restore_is_answered_before_its_events(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    copy = msgspec.convert(await client.result("store.backup"), Backup)
    await client.result("workspace.create", name="A", rootPath="/src")
    assert await client.result("events.subscribe") == {"revision": 1}
    assert await client.result("store.restore", source=copy.name) == {"revision": 2}
    assert (await event(client))["topic"] == "workspace.deleted"


async def test_a_clone_is_answered_before_its_event(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def clone(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(Git, "clone", clone)
    client = (await serve()).connect()
    workspace = msgspec.convert(
        await client.result("workspace.create", name="A", rootPath=str(tmp_path)), Workspace
    )
    await client.result("events.subscribe")
    for number in range(10):  # else it might be so by chance
        params = {"workspaceId": workspace.id, "gitUrl": "/a", "targetDir": str(tmp_path / f"{number}")}
        assert isinstance(await client.result("project.clone", **params), dict)
        assert (await event(client))["topic"] == "project.bound"


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
    assert daemon.hub.listening == 1
    created = await other.result("workspace.create", name="A", rootPath="/src")
    assert isinstance(created, dict)
    await other.result("workspace.close", id=created["id"])
    assert (await event(client))["topic"] == "workspace.closed"
    assert await client.result("events.unsubscribe") is None
    assert daemon.hub.listening == 0
    assert await client.result("events.unsubscribe") is None
    await other.result("workspace.open", id=created["id"])
    await other.result("workspace.close", id=created["id"])
    assert await client.result("daemon.ping") == "pong"


@pytest.mark.usefixtures("traced")
async def test_subscribers_that_do_not_read_cost_little_and_learn_what_they_missed(serve: Serve) -> None:
    daemon = await serve()
    subscribers = [daemon.connect() for _ in range(8)]
    other = daemon.connect()
    for subscriber in subscribers:
        await subscriber.result("events.subscribe")
    before, _ = tracemalloc.get_traced_memory()
    reason = "x" * 10_000
    for _ in range(2000):  # 20 MB
        daemon.hub.publish(Event("store.degraded", StoreChanged(reason), 0), Cause(""))
        await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked()
    now, _ = tracemalloc.get_traced_memory()
    # 4 MiB are kept for all of them, and what is on its way to each is bounded as for any answer.
    assert now - before < (5 + 8 * 0.75) * KIB * KIB
    assert await other.result("daemon.ping") == "pong"
    topics: list[object] = []
    while "events.gap" not in topics:
        topics.append((await event(subscribers[0]))["topic"])
    assert topics[0] == "store.degraded"
    assert (await event(subscribers[0]))["topic"] == "store.degraded"


@pytest.mark.usefixtures("traced")
async def test_a_replay_is_sent_as_the_subscriber_takes_it(serve: Serve) -> None:
    daemon = await serve()
    reason = "x" * 10_000
    for revision in range(1, 401):  # 4 MB, and all of it is kept
        daemon.hub.publish(Event("store.degraded", StoreChanged(reason), revision), Cause(""))
    before, _ = tracemalloc.get_traced_memory()
    subscribers = [daemon.connect() for _ in range(8)]
    for subscriber in subscribers:
        await subscriber.request("events.subscribe", since=0)
    await wait_all_tasks_blocked()
    now, _ = tracemalloc.get_traced_memory()
    assert now - before < 8 * 0.75 * KIB * KIB
    assert "result" in await subscribers[0].receive()
    for revision in range(1, 401):
        assert (await event(subscribers[0]))["revision"] == revision


async def test_a_subscription_that_wants_no_answer_replays_too(serve: Serve) -> None:
    client = (await serve()).connect()
    await client.result("workspace.create", name="A", rootPath="/src")
    await client.send(msgspec.json.encode(notification("events.subscribe", {"since": 0})) + b"\n")
    assert (await event(client))["revision"] == 1


async def test_the_subscription_ends_with_the_connection(serve: Serve) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await client.result("events.subscribe")
    assert daemon.hub.listening == 1
    client.close()
    await until(lambda: len(daemon.online) == 1)
    assert daemon.hub.listening == 0
    await other.result("workspace.create", name="A", rootPath="/src")
