"""What the log tells of requests: each at debug, the refused and the slow at warning, and never too much."""

import os
from collections.abc import Iterator

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.samples import fifty_by_ten
from support.scripted_store import GatedStore
from support.serving import Client, Daemon, Json, Serve, request
from support.waiting import until
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.rpc.request_log import LINES_A_WINDOW, WINDOW_SECONDS
from workspaced.store import InMemoryWorkspaceStore

PEER = {"pid": os.getpid(), "uid": os.getuid()}


def told(logged: list[EventDict]) -> list[tuple[object, object, object]]:
    """Level, method and outcome of each line about a request."""
    return [
        (entry["log_level"], entry.get("method"), entry["outcome"]) for entry in logged if "outcome" in entry
    ]


async def flood(client: Client, count: int) -> None:
    """Has so many requests refused."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send, request("workspace.get", 1, {"id": "ws_none"}) * count)
        for _ in range(count):
            assert "error" in await client.receive()


async def test_at_debug_each_request_is_told_with_its_outcome_and_who_asked(
    serve: Serve, logged_in_full: list[EventDict]
) -> None:
    daemon = await serve()
    caused: list[str] = []
    daemon.hub.listen(lambda published: caused.append(published.cause.correlation_id))
    client = daemon.connect()
    await client.result("daemon.ping")
    await client.result("daemon.hello", client="editor", protocol=1)
    await client.result("workspace.create", name="Private", rootPath="/private/path")
    await client.result("store.check")
    await client.refusal("workspace.create", name="PRIVATE", rootPath="/private/path")
    await client.refusal("workspace.get", id="ws_private")
    client.close()
    await until(lambda: not daemon.online)
    assert told(logged_in_full) == [
        ("debug", "daemon.ping", "ok"),
        ("debug", "daemon.hello", "ok"),
        ("debug", "workspace.create", "ok"),
        ("debug", "store.check", "ok"),
        ("warning", "workspace.create", "nameConflict"),
        ("warning", "workspace.get", "notFound"),
    ]
    connected, ping, *rest, gone = logged_in_full
    assert connected == {"event": "A client connected.", "log_level": "debug", "connection": 1, **PEER}
    assert (gone["event"], gone["requests"], gone["unanswered"]) == ("A client disconnected.", 6, 0)
    assert "program" not in ping  # it had not said who it is
    for entry in (*rest, gone):
        assert {**entry, **PEER, "connection": 1, "program": "editor"} == entry
    requests = [ping, *rest]
    assert all(0 <= entry["duration_ms"] < 60_000 for entry in requests)
    ids = [entry["correlation_id"] for entry in requests]
    assert len(set(ids)) == 6
    assert all(id_.startswith("cor_") for id_ in ids)
    assert caused == [ids[2]]
    assert "private" not in repr(logged_in_full).lower()  # names, paths and ids are the client's own business


async def test_without_debug_only_what_was_refused_is_told(serve: Serve, logged: list[EventDict]) -> None:
    client = (await serve()).connect()
    await client.result("daemon.ping")
    await client.result("workspace.create", name="Alpha", rootPath="/src")
    await client.result("store.check")
    await client.send(b"no json\n")
    await client.receive()
    await client.refusal("no.such" + "x" * 1000)
    await client.refusal("daemon.ping", wrong=1)
    await client.refusal("store.remove")
    await client.refusal("store.previewRestore", source="none")
    await client.send(msgspec.json.encode({"jsonrpc": "2.0", "method": "store.getById"}) + b"\n")
    await client.result("daemon.ping")
    assert told(logged) == [
        ("warning", None, "parseError"),
        ("warning", ("no.such" + "x" * 1000)[:100], "methodNotFound"),
        ("warning", "daemon.ping", "invalidParams"),
        ("warning", "store.remove", "invalidParams"),
        ("warning", "store.previewRestore", "invalidParams"),
        ("warning", "store.getById", "invalidParams"),
    ]
    assert {entry["event"] for entry in logged} == {"A request was refused."}


async def test_a_line_over_the_limit_and_the_rest_of_a_batch_are_told(
    serve: Serve, logged: list[EventDict]
) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of(fifty_by_ten())
    client = (await serve(store, max_line_bytes=100_000)).connect()
    calls = [{"jsonrpc": "2.0", "id": number, "method": "store.getAll"} for number in range(85)]
    await client.send(msgspec.json.encode(calls) + b"\n")
    refused = sum("error" in answer for answer in await client.receive_batch())
    assert 0 < refused < LINES_A_WINDOW
    assert told(logged) == [("warning", "store.getAll", "overloaded")] * refused
    await client.send(b"x" * 100_001)
    await client.receive()
    assert told(logged)[refused:] == [("warning", None, "invalidRequest")]


async def test_a_slow_request_is_told_with_how_long_it_took(
    serve: Serve, gated: GatedStore, logged: list[EventDict]
) -> None:
    daemon = await serve(gated, slow_request_ms=30)
    writer, watcher = daemon.connect(), daemon.connect()
    await writer.request("workspace.create", name="A", rootPath="/src")
    attempt = await gated.next_commit()
    while waiting_ms(await watcher.result("daemon.clients")) < 30:
        pass
    assert logged == []
    attempt.succeed()
    await writer.receive()
    (entry,) = logged
    assert (entry["event"], entry["log_level"]) == ("A request was slow.", "warning")
    assert (entry["method"], entry["outcome"]) == ("workspace.create", "ok")
    assert entry["duration_ms"] >= 30


def waiting_ms(clients: object) -> int:
    """How long the oldest request of the first client has waited."""
    assert isinstance(clients, list)
    return int(clients[0]["inFlight"]["oldest"][0]["forMs"])


async def test_a_read_may_be_slow_too(serve: Serve, logged: list[EventDict]) -> None:
    client = (await serve(slow_request_ms=0.0001)).connect()
    await client.result("daemon.ping")
    assert [entry["event"] for entry in logged] == ["A request was slow."]


async def test_what_the_client_cancelled_is_no_refusal(
    serve: Serve, gated: GatedStore, logged_in_full: list[EventDict]
) -> None:
    client = (await serve(gated)).connect()
    await client.send(request("workspace.create", 1, {"name": "A", "rootPath": "/src"}))
    attempt = await gated.next_commit()
    await client.send(request("workspace.create", 2, {"name": "B", "rootPath": "/src"}))
    cancel: Json = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 2}}
    await client.send(msgspec.json.encode(cancel) + b"\n")
    assert (await client.receive())["id"] == 2
    attempt.succeed()
    await client.receive()
    assert told(logged_in_full) == [
        ("debug", "workspace.create", "cancelled"),
        ("debug", "workspace.create", "ok"),
    ]


async def test_a_flood_of_refusals_gets_so_many_lines_a_minute_and_one_for_the_rest(
    serve: Serve, logged: list[EventDict], mock_clock: MockClock
) -> None:
    daemon = await serve()
    first, again, other = daemon.connect(), daemon.connect(), daemon.connect(pid=4711)
    await first.result("daemon.hello", client="noisy", protocol=1)
    await flood(first, 3000)
    await flood(again, 500)  # another connection of the same process
    await flood(other, 1)
    assert told(logged) == [("warning", "workspace.get", "notFound")] * (LINES_A_WINDOW + 1)
    assert logged[-1]["pid"] == 4711
    logged.clear()
    await wait_all_tasks_blocked()
    mock_clock.jump(WINDOW_SECONDS)
    await until(lambda: bool(logged))
    assert logged == [
        {
            "event": "Some refused or slow requests were left out of the log.",
            "log_level": "warning",
            "left_out": 3500 - LINES_A_WINDOW,
            "program": "noisy",
            **PEER,
        }
    ]
    logged.clear()
    await flood(again, 2)
    assert told(logged) == [("warning", "workspace.get", "notFound")] * 2


async def test_at_debug_nothing_is_left_out(serve: Serve, logged_in_full: list[EventDict]) -> None:
    client = (await serve()).connect()
    await flood(client, LINES_A_WINDOW + 5)
    levels = [level for level, *_ in told(logged_in_full)]
    assert levels == ["warning"] * LINES_A_WINDOW + ["debug"] * 5


def broken(_: State) -> Outcome:
    raise ZeroDivisionError


@pytest.fixture
def defective(daemon: Daemon) -> Iterator[Daemon]:
    """A daemon whose flush has a defect, once it runs in the writer."""
    flush = daemon.replace("store.flush", lambda *_: broken)
    yield daemon
    daemon.replace("store.flush", flush)


async def test_a_defect_is_told_with_its_request_and_as_rarely(
    defective: Daemon, logged: list[EventDict]
) -> None:
    client = defective.connect()
    for _ in range(LINES_A_WINDOW + 5):
        await client.refusal("store.flush")
    assert len(logged) == LINES_A_WINDOW
    entry = logged[0]
    assert (entry["event"], entry["log_level"]) == ("A request failed.", "error")
    assert (entry["method"], entry["outcome"]) == ("store.flush", "internalError")
    assert entry["correlation_id"].startswith("cor_")
    assert isinstance(entry["exc_info"], ZeroDivisionError)


async def test_requests_that_nobody_waits_for_any_more_are_counted(
    serve: Serve, logged_in_full: list[EventDict]
) -> None:
    daemon = await serve()

    async def without_end(*_: object) -> bytes:
        await trio.Event().wait()
        return b""

    daemon.replace("store.check", without_end)
    client = daemon.connect()
    await client.request("store.check")
    await wait_all_tasks_blocked()
    client.close()
    await until(lambda: not daemon.online)
    assert (logged_in_full[-1]["event"], logged_in_full[-1]["unanswered"]) == ("A client disconnected.", 1)
