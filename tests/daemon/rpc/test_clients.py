"""`daemon.clients`: who is connected, since when, what they asked, and what has no answer yet."""

import os
import time

import msgspec
from trio.testing import wait_all_tasks_blocked

from support.scripted_store import GatedStore
from support.serving import Client, Serve, request
from support.waiting import until
from workspaced_protocol.daemon_models import ConnectedClient, InFlight, RequestInFlight, Subscribed
from workspaced_protocol.models import Session


async def clients(asking: Client) -> list[ConnectedClient]:
    return msgspec.convert(await asking.result("daemon.clients"), list[ConnectedClient])


async def test_each_connection_is_told_with_who_is_there(serve: Serve) -> None:
    daemon = await serve()
    before_ms = time.time_ns() // 1_000_000
    named, silent = daemon.connect(), daemon.connect(pid=4711)
    await named.result("daemon.hello", client="editor" + "x" * 1000, protocol=1)
    await silent.result("daemon.ping")
    await silent.refusal("no.such")
    await silent.send(b"no json\n")
    await silent.receive()
    first, second = await clients(named)
    assert (first.pid, first.uid, first.program) == (os.getpid(), os.getuid(), "editor" + "x" * 94)
    assert (second.pid, second.uid, second.program) == (4711, os.getuid(), None)
    assert (first.requests, second.requests) == (2, 3)
    assert first.connection != second.connection
    assert before_ms <= first.connected_at <= second.connected_at <= time.time_ns() // 1_000_000
    for found in (first, second):
        assert found.in_flight == InFlight(0, ())
        assert found.subscription is None
        assert found.sessions == ()
    silent.close()
    await until(lambda: len(daemon.online) == 1)
    assert [found.pid for found in await clients(named)] == [os.getpid()]


async def test_subscriptions_and_sessions_are_told(serve: Serve) -> None:
    daemon = await serve()
    some, everything, asking = daemon.connect(), daemon.connect(), daemon.connect()
    created = await asking.result("workspace.create", name="A", rootPath="/src")
    assert isinstance(created, dict)
    sessions = [
        msgspec.convert(await some.result("session.begin", workspaceId=created["id"]), Session).id
        for _ in range(2)
    ]
    await some.result("events.subscribe", topics=["workspace.*", "project.bound"])
    await everything.result("events.subscribe")
    found = await clients(asking)
    assert [each.subscription for each in found] == [
        Subscribed(("workspace.*", "project.bound")),
        Subscribed(None),
        None,
    ]
    assert [each.sessions for each in found] == [tuple(sessions), (), ()]
    await some.result("session.end", id=sessions[0])
    await some.result("events.unsubscribe")
    first = (await clients(asking))[0]
    assert first.sessions == (sessions[1],)
    assert first.subscription is None


async def test_what_is_in_flight_is_told_the_oldest_first(serve: Serve, gated: GatedStore) -> None:
    daemon = await serve(gated)
    busy, asking = daemon.connect(), daemon.connect()
    await busy.send(request("workspace.create", 1, {"name": "A", "rootPath": "/src"}))
    first = await gated.next_commit()
    await busy.send(
        b"".join(request("workspace.delete", number, {"id": "ws_none"}) for number in range(2, 40))
    )
    await wait_all_tasks_blocked()
    (found, own) = await clients(asking)
    assert (found.requests, found.in_flight.count) == (39, 39)
    assert [each.method for each in found.in_flight.oldest] == ["workspace.create", *["workspace.delete"] * 9]
    times = [each.for_ms for each in found.in_flight.oldest]
    assert times == sorted(times, reverse=True)
    assert own.in_flight == InFlight(0, ())
    assert all(isinstance(each, RequestInFlight) for each in found.in_flight.oldest)
    first.succeed()
    for _ in range(39):
        await busy.receive()
    assert (await clients(asking))[0].in_flight == InFlight(0, ())
