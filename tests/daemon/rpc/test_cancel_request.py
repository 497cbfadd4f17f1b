"""Requests that a client cancels: what waits is ended, and what has begun is told as it ends."""

import gc
import weakref

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.scripted_store import GatedStore
from support.serving import Client, Serve, error_of, notification, request
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced_protocol.models import Backup


async def cancel(client: Client, params: object) -> None:
    await client.send(msgspec.json.encode(notification("$/cancelRequest", params)) + b"\n")


@pytest.mark.parametrize("by_position", [False, True])
async def test_a_write_that_waits_can_be_cancelled_and_is_never_applied(
    serve: Serve, gated: GatedStore, by_position: bool
) -> None:
    daemon = await serve(gated)
    client = daemon.connect()
    first = await client.request("workspace.create", name="A", rootPath="/src")
    attempt = await gated.next_commit()
    second = await client.request("workspace.create", name="B", rootPath="/src")
    for id_ in (second, first):  # the first has begun: its answer tells how it ends
        await cancel(client, [id_] if by_position else {"id": id_})
    answer = await client.receive()
    assert answer["id"] == second
    code, message, data = error_of(answer)
    assert (code, data) == (-32800, {"kind": "cancelled"})
    assert "not applied" in message
    attempt.succeed()
    assert (await client.receive())["id"] == first
    client.finish()
    assert await client.line() is None
    assert [item.name for item in daemon.writer.state.workspaces()] == ["A"]
    assert len(gated.attempts) == 1


@pytest.mark.parametrize("id_", ["long", 7, 10**30, None])
@pytest.mark.parametrize("by_position", [False, True])
async def test_a_task_can_be_cancelled(serve: Serve, id_: object, by_position: bool) -> None:
    daemon = await serve()
    ended = trio.Event()

    async def wait() -> bytes:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    daemon.replace("store.check", lambda *_: wait())
    client = daemon.connect()
    await client.send(request("store.check", id_, {}))
    await wait_all_tasks_blocked()
    await cancel(client, [id_] if by_position else {"id": id_})
    answer = await client.receive()
    assert answer["id"] == id_
    assert error_of(answer)[0] == -32800
    await ended.wait()
    assert await client.result("daemon.ping") == "pong"


@pytest.mark.parametrize("params", [{"id": 4711}, {"id": None}, {}, {"x": 1}, []])
async def test_a_cancel_of_nothing_is_nothing(serve: Serve, params: object) -> None:
    client = (await serve()).connect()
    await cancel(client, params)
    assert await client.result("daemon.ping") == "pong"


@pytest.mark.parametrize("with_nursery", [False, True])
async def test_a_task_is_told_of_a_stop(serve: Serve, *, with_nursery: bool) -> None:
    daemon = await serve()

    async def wait() -> bytes:
        async with trio.open_nursery() as nursery:
            if with_nursery:  # then what leaves it is a group
                nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()
        raise AssertionError

    daemon.replace("store.check", lambda *_: wait())
    client = daemon.connect()
    await client.request("store.check")
    await wait_all_tasks_blocked()
    daemon.cancel_connections()
    assert error_of(await client.receive())[0] == 2005
    assert await client.line() is None


@pytest.mark.parametrize("id_", [2, "two", None])
async def test_what_is_answered_can_not_be_cancelled_and_is_kept_no_longer(serve: Serve, id_: object) -> None:
    class Flush:
        def __call__(self, _: State) -> Outcome:
            return Outcome("done")

    daemon = await serve()
    kept: list[weakref.ref[Flush]] = []

    def handler(*_: object) -> Flush:
        flush = Flush()
        kept.append(weakref.ref(flush))
        return flush

    daemon.replace("store.flush", handler)
    client = daemon.connect()
    for _ in range(3):
        await client.send(request("store.flush", id_, {}))
        assert (await client.receive())["result"] == "done"
    await cancel(client, {"id": id_})
    assert await client.result("store.flush") == "done"  # the actor holds its last batch
    gc.collect()
    assert [ref() for ref in kept[:3]] == [None] * 3


async def test_one_connection_can_not_cancel_anothers_request(serve: Serve, gated: GatedStore) -> None:
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    await other.request("workspace.create", name="A", rootPath="/src")
    attempt = await gated.next_commit()
    id_ = await client.request("workspace.create", name="B", rootPath="/src")
    await wait_all_tasks_blocked()
    await cancel(other, {"id": id_})
    await wait_all_tasks_blocked()
    attempt.succeed()
    await gated.succeed()
    assert "result" in await client.receive()


async def test_a_restore_that_has_begun_is_not_told_as_cancelled(serve: Serve, gated: GatedStore) -> None:
    """It is a write: once its commit is under way it may be applied, and "cancelled" would deny that."""
    daemon = await serve(gated)
    client = daemon.connect()
    copy = msgspec.convert(await client.result("store.backup"), Backup)
    await client.request("workspace.create", name="A", rootPath="/src")
    await gated.succeed()
    await client.receive()
    id_ = await client.request("store.restore", source=copy.name)
    attempt = await gated.next_commit()
    await cancel(client, {"id": id_})
    await wait_all_tasks_blocked()
    attempt.succeed()
    answer = await client.receive()
    assert answer["id"] == id_
    assert answer.get("result") == {"revision": daemon.writer.state.revision}
    assert daemon.writer.state.workspaces() == []
