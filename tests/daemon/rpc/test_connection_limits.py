"""What a client may take of the daemon: bytes kept for it, requests in flight, a line's length, and time."""

import tracemalloc

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.samples import fifty_by_ten
from support.scripted_store import GatedStore
from support.serving import Client, Serve, error_of, notification, request
from support.waiting import until
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol.framing import MAX_LINE_BYTES

KIB = 1024


@pytest.fixture
def large() -> InMemoryWorkspaceStore:
    """A store whose `store.getAll` has some 100 kB."""
    store = InMemoryWorkspaceStore()
    store.state = State.of(fifty_by_ten())
    return store


class Pump:
    """Sends as the daemon takes it, and counts what it took."""

    def __init__(self, client: Client, data: bytes) -> None:
        self.sent_bytes = 0
        self._client = client
        self._data = data

    async def run(self) -> None:
        view = memoryview(self._data)
        while view:
            sent = await self._client.socket.send(view[: 16 * KIB])
            self.sent_bytes += sent
            view = view[sent:]


@pytest.mark.usefixtures("traced")
async def test_for_a_client_that_does_not_read_little_is_kept_and_others_go_on(
    serve: Serve, large: InMemoryWorkspaceStore, nursery: trio.Nursery
) -> None:
    daemon = await serve(large)
    greedy, other = daemon.connect(), daemon.connect()
    await other.result("store.getAll")
    answer_bytes = sum(len(record.json) for record in large.state.ordered)
    asked = 20_000
    pump = Pump(greedy, b"".join(request("store.getAll", number, {}) for number in range(asked)))
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    nursery.start_soon(pump.run)
    await wait_all_tasks_blocked()
    now, peak = tracemalloc.get_traced_memory()
    assert asked * answer_bytes > 1000 * KIB * KIB
    assert now - before < 512 * KIB  # 256 KiB, one answer over it, and the requests of one read
    assert peak - before < 2048 * KIB
    assert pump.sent_bytes < 1024 * KIB  # the socket's own buffer, and one read
    assert await other.result("daemon.ping") == "pong"
    assert len(msgspec.json.encode(await other.result("store.getAll"))) >= answer_bytes
    await other.result("workspace.create", name="New", rootPath="/src")
    await wait_all_tasks_blocked()
    taken_bytes = pump.sent_bytes
    for number in range(20):
        assert (await greedy.receive())["id"] == number  # once it reads, it gets all that it asked for
    await wait_all_tasks_blocked()
    assert pump.sent_bytes >= taken_bytes


@pytest.mark.usefixtures("traced")
async def test_one_line_does_not_make_the_daemon_keep_hundreds_of_megabytes(
    serve: Serve, large: InMemoryWorkspaceStore
) -> None:
    """A batch is one line of 70 kB here; to answer it all at once would hold up every other client too."""
    client = (await serve(large)).connect()
    call = {"jsonrpc": "2.0", "id": 1, "method": "store.getAll"}
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    await client.send(msgspec.json.encode([call] * 1024) + b"\n")
    await wait_all_tasks_blocked()
    _, peak = tracemalloc.get_traced_memory()
    assert peak - before < 64 * KIB * KIB


async def test_the_rest_of_a_batch_whose_answers_grow_too_large_is_refused(
    serve: Serve, large: InMemoryWorkspaceStore
) -> None:
    daemon = await serve(large)
    client = daemon.connect()
    batch = [{"jsonrpc": "2.0", "id": number, "method": "store.getAll"} for number in range(200)]
    late = {"jsonrpc": "2.0", "method": "workspace.create", "params": ["Late", "/src"]}
    await client.send(
        msgspec.json.encode([*batch, {**late, "id": "late"}, late, {**batch[0], "id": 1.5}]) + b"\n"
    )
    answers = await client.receive_batch()
    granted = [answer["id"] for answer in answers if "result" in answer]
    assert granted == list(range(len(granted)))
    assert 50 < len(granted) < 150
    refused = answers[len(granted) :]
    assert [answer["id"] for answer in refused] == [*range(len(granted), 200), "late", None]
    for answer in refused:
        code, message, data = error_of(answer)
        assert (code, data) == (2004, {"kind": "overloaded"})
        assert "in smaller batches" in message
    assert daemon.writer.submitted == 1  # what is told as refused is not carried out; a notification is
    await until(lambda: daemon.writer.state.get_by_name("Late") is not None)
    assert await client.result("daemon.ping") == "pong"


async def test_a_connection_has_at_most_1024_requests_in_flight(
    serve: Serve, gated: GatedStore, nursery: trio.Nursery
) -> None:
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    lines = [
        request("workspace.create", number, {"name": f"W{number}", "rootPath": "/src"})
        for number in range(3000)
    ]
    nursery.start_soon(client.send, b"".join(lines))
    await wait_all_tasks_blocked()
    assert daemon.writer.submitted == 1024
    await other.request("workspace.create", name="Other", rootPath="/src")
    await wait_all_tasks_blocked()
    assert daemon.writer.submitted == 1025
    gated.open()
    answers = [await client.receive() for _ in range(3000)]
    assert {answer["id"] for answer in answers} == set(range(3000))
    assert [answer for answer in answers if "error" in answer] == []
    assert "result" in await other.receive()


async def test_notifications_are_in_flight_too_and_make_room_when_they_end(
    serve: Serve, gated: GatedStore, nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    daemon = await serve(gated)
    client = daemon.connect()
    line = msgspec.json.encode(notification("store.flush", {})) + b"\n"
    nursery.start_soon(client.send, line * 1500)
    await wait_all_tasks_blocked()
    assert daemon.writer.submitted == 1024
    gated.open()
    await until(lambda: daemon.writer.submitted == 1500)
    client.finish()
    assert await client.line() is None  # at once: the clock stands still


async def test_requests_in_batches_count_as_requests_in_flight(
    serve: Serve, gated: GatedStore, nursery: trio.Nursery
) -> None:
    """At most 1,024 in flight (protocol.md, Limits): so one client can't fill the queue of 4,096."""
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    call = {"jsonrpc": "2.0", "id": 1, "method": "store.flush"}
    line = msgspec.json.encode([call] * 1000) + b"\n"
    nursery.start_soon(client.send, line * 6)
    await wait_all_tasks_blocked()
    assert daemon.writer.submitted <= 1024
    await other.request("workspace.create", name="Other", rootPath="/src")
    await wait_all_tasks_blocked()
    gated.open()
    assert "result" in await other.receive()
    for _ in range(6):
        assert [answer for answer in await client.receive_batch() if "error" in answer] == []


async def test_tasks_count_as_requests_in_flight(
    serve: Serve, nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    daemon = await serve()
    released = trio.Event()
    begun = 0

    async def wait() -> bytes:
        nonlocal begun
        begun += 1
        await released.wait()
        return b"null"

    daemon.replace("store.check", lambda *_: wait())
    client = daemon.connect()
    nursery.start_soon(client.send, request("store.check", 1, {}) * 1500)
    await wait_all_tasks_blocked()
    assert begun == 1024
    released.set()
    for _ in range(1500):
        assert (await client.receive())["result"] is None


async def test_half_a_line_that_stands_still_ends_the_connection_after_30_seconds(
    serve: Serve, autojump_clock: MockClock, logged: list[EventDict]
) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await client.send(b'{"jsonrpc":')
    assert await client.line() is None
    assert trio.current_time() == pytest.approx(30)
    assert len(daemon.online) == 1
    assert await other.result("daemon.ping") == "pong"
    assert [entry["log_level"] for entry in logged] == ["warning"]


async def test_a_line_may_take_its_time_while_it_moves(serve: Serve, mock_clock: MockClock) -> None:
    client = (await serve()).connect()
    line = request("daemon.ping", 1, {})
    for index in range(10):
        await client.send(line[index : index + 1])
        await wait_all_tasks_blocked()
        mock_clock.jump(29)
        await wait_all_tasks_blocked()
    await client.send(line[10:])
    assert (await client.receive())["result"] == "pong"


async def test_a_client_may_say_nothing_for_as_long_as_it_likes(serve: Serve, mock_clock: MockClock) -> None:
    client = (await serve()).connect()
    for _ in range(2):
        await wait_all_tasks_blocked()
        mock_clock.jump(24 * 3600)
        await wait_all_tasks_blocked()
        assert await client.result("daemon.ping") == "pong"


@pytest.mark.parametrize("limit", [1024, MAX_LINE_BYTES])
async def test_a_line_over_the_limit_is_told_and_ends_the_connection(
    serve: Serve, nursery: trio.Nursery, limit: int
) -> None:
    daemon = await serve(max_line_bytes=limit)
    client = daemon.connect()
    short = request("daemon.ping", 1, {})
    longest = short[:-1] + b" " * (limit - len(short) + 1) + b"\n"
    nursery.start_soon(client.send, longest + longest[:-1] + b" ")
    assert (await client.receive())["result"] == "pong"  # at the limit, its newline not counted
    answer = await client.receive()
    assert answer["id"] is None
    code, message, data = error_of(answer)
    assert (code, data) == (-32600, {"kind": "invalidRequest"})
    assert f"{limit:,}" in message
    assert await client.line() is None
    assert len(daemon.online) == 0


async def test_writes_before_a_line_over_the_limit_are_answered(serve: Serve, gated: GatedStore) -> None:
    client = (await serve(gated, max_line_bytes=1024)).connect()
    write = request("workspace.create", 1, {"name": "A", "rootPath": "/src"})
    await client.send(write + b"x" * 1025 + b"\n" + request("daemon.ping", 2, {}))
    await gated.succeed()
    assert {(await client.receive())["id"] for _ in range(2)} == {1, None}
    assert await client.line() is None


async def test_a_client_that_sends_on_after_a_line_over_the_limit_still_gets_the_error(
    serve: Serve, nursery: trio.Nursery
) -> None:
    client = (await serve()).connect()

    async def send() -> None:
        with pytest.raises(OSError):
            await client.send(b"x" * 16 * MAX_LINE_BYTES)

    nursery.start_soon(send)
    assert error_of(await client.receive())[0] == -32600


async def test_a_client_that_has_ended_and_does_not_read_is_let_go_after_10_seconds(
    serve: Serve, large: InMemoryWorkspaceStore, mock_clock: MockClock
) -> None:
    daemon = await serve(large)
    client = daemon.connect()
    await client.send(request("store.getAll", 1, {}) * 4)
    client.finish()
    await wait_all_tasks_blocked()
    mock_clock.jump(9.9)
    await wait_all_tasks_blocked()
    assert len(daemon.online) == 1
    mock_clock.jump(0.2)
    await until(lambda: not daemon.online)


async def test_a_client_that_vanishes_with_its_answers_unread_is_let_go(
    serve: Serve, large: InMemoryWorkspaceStore, logged: list[EventDict]
) -> None:
    daemon = await serve(large)
    client = daemon.connect()
    await client.send(request("store.getAll", 1, {}) * 100)
    await wait_all_tasks_blocked()
    client.close()
    await until(lambda: not daemon.online)
    assert logged == []


async def test_a_client_that_sends_without_end_does_not_starve_others(
    serve: Serve, nursery: trio.Nursery
) -> None:
    daemon = await serve()
    busy, other = daemon.connect(), daemon.connect()
    count = 20_000
    received = 0

    async def read() -> None:
        nonlocal received
        for _ in range(count):
            await busy.line()
            received += 1

    nursery.start_soon(read)
    nursery.start_soon(busy.send, request("daemon.ping", 1, {}) * count)
    for _ in range(5):
        assert await other.result("daemon.ping") == "pong"
    assert received < count / 2
    await until(lambda: received == count)


async def test_the_refusal_of_a_long_line_waits_for_no_write(
    serve: Serve, gated: GatedStore, mock_clock: MockClock
) -> None:
    client = (await serve(gated, max_line_bytes=1000)).connect()
    await client.send(request("workspace.create", 1, {"name": "A", "rootPath": "/src"}))
    attempt = await gated.next_commit()
    await client.send(request("daemon.ping", 2, {}) + b"x" * 5000)
    assert (await client.receive())["id"] == 2
    assert error_of(await client.receive())[0] == -32600
    assert mock_clock.current_time() == 0
    attempt.succeed()
    assert (await client.receive())["id"] == 1
    assert await client.line() is None
