"""A client's connection: what it sends, in which pieces, and how it gets its answers, whole and together."""

import socket

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.logs import EventDict
from support.samples import fifty_by_ten, workspace
from support.scripted_store import GatedStore
from support.serving import Json, Serve, error_of, notification, request
from support.waiting import until
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol.messages import MAX_BATCH
from workspaced_protocol.models import Workspace


def creations(count: int) -> bytes:
    """The lines of so many writes, each with its number as id."""
    return b"".join(
        request("workspace.create", number, {"name": f"W{number}", "rootPath": "/src"})
        for number in range(count)
    )


async def test_answers_that_are_there_together_leave_together(serve: Serve) -> None:
    client = (await serve()).connect(socket.SOCK_SEQPACKET)
    await client.send(b"".join(request("daemon.ping", number, {}) for number in range(100)))
    packet = await client.socket.recv(65536)
    answers = [msgspec.json.decode(line) for line in packet.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(100))


async def test_the_answers_of_a_commit_leave_together(serve: Serve, gated: GatedStore) -> None:
    client = (await serve(gated)).connect(socket.SOCK_SEQPACKET)
    await client.send(creations(1))
    first = await gated.next_commit()
    await client.send(creations(50)[len(creations(1)) :])
    await wait_all_tasks_blocked()
    first.succeed()
    assert (await client.socket.recv(65536)).count(b"\n") == 1
    await gated.succeed()
    assert (await client.socket.recv(65536)).count(b"\n") == 49


async def test_a_line_may_come_in_any_pieces(serve: Serve) -> None:
    client = (await serve()).connect()
    name = "日本語 🚀"
    line = (
        b'\n  \n{"jsonrpc":"2.0","id":1,"method":"workspace.create","params":["%s","/src"]}\n' % name.encode()
    )
    for index in range(len(line)):
        await client.send(line[index : index + 1])
        await trio.lowlevel.checkpoint()
    result = (await client.receive())["result"]
    assert isinstance(result, dict)
    assert result["name"] == name


async def test_writes_of_one_connection_are_applied_in_the_order_sent(serve: Serve) -> None:
    daemon = await serve()
    clients = [daemon.connect(), daemon.connect()]
    for name, client in zip("AB", clients, strict=True):
        sample = msgspec.to_builtins(workspace(ord(name), name=f"{name} 0"))
        await client.result("store.save", workspace=sample)
    async with trio.open_nursery() as nursery:
        for name, client in zip("AB", clients, strict=True):
            lines = [
                request("workspace.update", number, {"id": f"ws_{ord(name)}", "name": f"{name} {number}"})
                for number in range(1, 301)
            ]
            nursery.start_soon(client.send, b"".join(lines))
    for name, client in zip("AB", clients, strict=True):
        results: dict[object, Json] = {}
        for _ in range(300):
            answer = await client.receive()
            result = answer["result"]
            assert isinstance(result, dict)
            results[answer["id"]] = result
        in_order = [results[number] for number in range(1, 301)]
        assert [result["name"] for result in in_order] == [f"{name} {number}" for number in range(1, 301)]
        revisions = [msgspec.convert(result["revision"], int) for result in in_order]
        assert revisions == sorted(revisions)
    assert daemon.writer.state.revision == 602


async def test_a_batch_gets_one_array_whatever_is_in_it(serve: Serve) -> None:
    client = (await serve()).connect()
    call = {"jsonrpc": "2.0", "method": "daemon.ping"}
    batch: list[object] = [
        {**call, "id": "check", "method": "store.check"},
        {**call, "id": "write", "method": "workspace.create", "params": ["A", "/src"]},
        {**call, "id": "conflict", "method": "workspace.create", "params": ["a", "/src"]},
        {**call, "id": "read"},
        {**call, "id": "unknown", "method": "no.such"},
        {**call, "id": "wrong", "params": {"x": 1}},
        notification("workspace.create", {"name": "B", "rootPath": "/src"}),
        notification("store.check", {}),
        notification("no.such", {}),
        17,
        [],
        {"jsonrpc": "2.0", "id": "malformed"},
    ]
    await client.send(msgspec.json.encode(batch) + b"\n")
    answers = await client.receive_batch()
    by_id = {str(answer["id"]): answer for answer in answers if answer["id"] is not None}
    assert set(by_id) == {"check", "write", "conflict", "read", "unknown", "wrong", "malformed"}
    assert by_id["read"]["result"] == "pong"
    assert "result" in by_id["check"]
    assert "result" in by_id["write"]
    codes = [error_of(by_id[id_])[0] for id_ in ("conflict", "unknown", "wrong", "malformed")]
    assert codes == [1002, -32601, -32602, -32600]
    assert [error_of(answer)[0] for answer in answers if answer["id"] is None] == [-32600, -32600]
    everything = await client.result("store.getAll")
    assert isinstance(everything, list)
    assert [item["name"] for item in everything] == ["A", "B"]


async def test_a_batch_of_notifications_gets_nothing(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    batch = [
        notification("workspace.create", {"name": "A", "rootPath": "/src"}),
        notification("store.check", {}),
        notification("daemon.ping", {}),
        notification("no.such", {}),
    ]
    await client.send(msgspec.json.encode(batch) + b"\n")
    client.finish()
    assert await client.line() is None
    assert daemon.writer.state.get_by_name("A") is not None


async def test_an_empty_batch_and_a_too_large_one_get_one_error(serve: Serve) -> None:
    client = (await serve()).connect()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "daemon.ping"}
    for count, code in ((0, -32600), (MAX_BATCH + 1, -32600)):
        await client.send(msgspec.json.encode([ping] * count) + b"\n")
        answer = await client.receive()
        assert answer["id"] is None
        assert error_of(answer)[0] == code
    await client.send(msgspec.json.encode([ping] * MAX_BATCH) + b"\n")
    assert len(await client.receive_batch()) == MAX_BATCH


async def test_a_batch_waits_for_its_slowest_and_others_do_not(serve: Serve, gated: GatedStore) -> None:
    client = (await serve(gated)).connect()
    write = {"jsonrpc": "2.0", "id": 1, "method": "workspace.create", "params": ["A", "/src"]}
    read = {"jsonrpc": "2.0", "id": 2, "method": "daemon.ping"}
    await client.send(msgspec.json.encode([write, read]) + b"\n")
    assert await client.result("daemon.ping") == "pong"
    await gated.succeed()
    assert [answer["id"] for answer in await client.receive_batch()] == [2, 1]


async def test_what_was_asked_before_the_end_of_sending_is_answered(serve: Serve, gated: GatedStore) -> None:
    daemon = await serve(gated)
    client = daemon.connect()
    await client.send(creations(3) + request("store.check", "check", {}) + b'{"jsonrpc":"2.0","half')
    client.finish()
    await gated.succeed()
    ids = {(await client.receive())["id"] for _ in range(4)}
    assert ids == {0, 1, 2, "check"}
    assert await client.line() is None
    await until(lambda: not daemon.online)


async def test_a_large_answer_comes_whole_after_the_end_of_sending(serve: Serve) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of(fifty_by_ten())
    daemon = await serve(store)
    client = daemon.connect()
    await client.send(b"".join(request("store.getAll", number, {}) for number in range(30)))
    client.finish()
    for number in range(30):
        answer = await client.receive()
        assert answer["id"] == number
        assert msgspec.convert(answer["result"], list[Workspace]) == store.state.workspaces()
    assert await client.line() is None


async def test_writes_of_a_client_that_vanishes_are_carried_out(
    serve: Serve, gated: GatedStore, logged: list[EventDict]
) -> None:
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    await client.send(creations(3))
    hanging = await gated.next_commit()
    await client.send(request("workspace.create", "last", {"name": "last", "rootPath": "/src"}))
    await wait_all_tasks_blocked()
    client.close()
    hanging.succeed()
    await gated.succeed()
    await until(lambda: len(daemon.writer.state.records) == 4)
    await until(lambda: len(daemon.online) == 1)
    assert await other.result("daemon.ping") == "pong"
    assert logged == []


async def test_a_client_that_takes_no_more_answers_is_still_read(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    client.socket.shutdown(socket.SHUT_RD)
    await client.send(creations(3))
    client.finish()
    await until(lambda: not daemon.online)
    await until(lambda: len(daemon.writer.state.records) == 3)


async def test_a_defect_of_a_connection_ends_that_one_alone(
    serve: Serve, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    assert await client.result("daemon.ping") == "pong"

    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("workspaced.rpc.connection.parse_requests", broken)
        await client.request("daemon.ping")
        assert await client.line() is None
    assert await other.result("daemon.ping") == "pong"
    assert len(daemon.online) == 1
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("A connection failed.", "error")]


async def test_an_answer_that_comes_with_the_stop_still_leaves(serve: Serve) -> None:
    daemon = await serve()

    def command(_: State) -> Outcome:
        daemon.cancel_connections()
        return Outcome("done")

    daemon.replace("store.flush", lambda *_: command)
    client = daemon.connect()
    await client.request("store.flush")
    assert (await client.receive())["result"] == "done"
    assert await client.line() is None


async def test_the_answers_of_the_last_commit_leave_before_a_stop_ends_the_connection(
    serve: Serve, gated: GatedStore
) -> None:
    daemon = await serve(gated)
    client = daemon.connect()
    await client.send(creations(2))
    attempt = await gated.next_commit()
    # Events are told just after the answers, with no other task's turn in between.
    daemon.hub.listen(lambda _: daemon.cancel_connections())
    attempt.succeed()
    assert [(await client.receive())["id"] for _ in range(2)] == [0, 1]
    assert await client.line() is None


async def test_a_client_that_sends_no_more_may_read_its_answers_slowly(
    serve: Serve, autojump_clock: object
) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of(fifty_by_ten())
    client = (await serve(store)).connect()
    await client.send(b"".join(request("store.getAll", number, {}) for number in range(5)))
    client.finish()
    received = b""
    while True:
        await trio.sleep(1.5)  # all together, far longer than a client may read nothing
        piece = await client.socket.recv(32 * 1024)
        if not piece:
            break
        received += piece
    assert [msgspec.json.decode(line)["id"] for line in received.splitlines()] == [0, 1, 2, 3, 4]
