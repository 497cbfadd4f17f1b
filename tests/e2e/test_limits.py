"""Clients that ask too much, read nothing, or never end a line: they harm neither other clients nor the memory.

`docs/protocol.md` states the limits. The bounds of memory here are those, times the clients, and `SLACK_BYTES`.
"""

import json
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from e2e.bystander import KIB, MIB, Bystander, Memory
from e2e.conftest import Connect, StartDaemon
from support.daemon_process import DaemonProcess, Home
from support.raw_connection import RawConnection
from workspaced.domain.history import KEPT_BYTES as HISTORY_BYTES
from workspaced.events import KEPT_BYTES, KEPT_EVENTS
from workspaced.rpc.connection import OUTBOX_BYTES
from workspaced_protocol.framing import MAX_LINE_BYTES

SLACK_BYTES = 6 * MIB
"""What the allocator and the interpreter may take beside: arenas of 1 MiB that are not full, and a commit's copies."""

GREEDY = 20  # clients that do the same, so that what one costs stands out from the slack
PATIENCE_SECONDS = 60.0  # only a defect takes longer
A_MOMENT_SECONDS = (
    0.2  # a socket that takes nothing for so long while the daemon answers others is not read from
)


@pytest.fixture
def daemon(start: StartDaemon) -> DaemonProcess:
    """A daemon of the test's own: what earlier tests had it allocate would hide what this one does."""
    return start()


@pytest.fixture
def bystander(daemon: DaemonProcess, home: Home) -> Iterator[Bystander]:
    """A client that behaves well."""
    bystander = Bystander(home.socket)
    yield bystander
    bystander.close()


@pytest.fixture
def connect(daemon: DaemonProcess, home: Home) -> Iterator[Connect]:
    """Connect to the test's daemon."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RawConnection(home.socket))


def lines(method: str, count: int, params: dict[str, object] | None = None) -> bytes:
    """So many requests, with ids from 0."""
    call = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return b"".join(json.dumps({**call, "id": number}).encode() + b"\n" for number in range(count))


def send_what_is_taken(connected: socket.socket, data: bytes) -> int:
    """Send until nothing more is taken; return how many bytes were."""
    connected.setblocking(False)
    view = memoryview(data)
    while view and select.select([], [connected], [], A_MOMENT_SECONDS)[1]:
        view = view[connected.send(view) :]
    return len(data) - len(view)


def test_clients_that_ask_for_much_and_read_nothing(
    daemon: DaemonProcess, bystander: Bystander, connect: Connect
) -> None:
    filler = connect()
    filler.answers(
        [
            filler.request("workspace.create", name=f"{number:03}".ljust(800, "x"), rootPath="/src")
            for number in range(400)
        ]
    )
    answer_bytes = len(json.dumps(filler.call("store.getAll"), separators=(",", ":")))
    assert answer_bytes > 300 * KIB
    asked = lines("store.getAll", 20_000)
    memory = Memory(daemon.pid)
    greedy = [connect() for _ in range(GREEDY)]
    with ThreadPoolExecutor(GREEDY) as pool:
        sending = [pool.submit(send_what_is_taken, each.socket, asked) for each in greedy]
        bystander.check()
    for taken in sending:
        assert taken.result() < MIB  # the socket's buffer, and one read of the daemon
    bystander.check()
    assert select.select([], [each.socket for each in greedy], [], 0)[1] == []
    for each in greedy:
        each.socket.settimeout(PATIENCE_SECONDS)
    assert [greedy[0].receive()["id"] for _ in range(50)] == list(range(50))  # once it reads, it is served
    # An answer over the outbox, which is joined to leave: both are there for a moment.
    memory.check_grown_at_most(GREEDY * 2 * (OUTBOX_BYTES + answer_bytes) + SLACK_BYTES)


def test_clients_that_stop_in_the_middle_of_a_line(
    daemon: DaemonProcess, bystander: Bystander, connect: Connect
) -> None:
    count = 2 * GREEDY
    memory = Memory(daemon.pid)
    half = b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"'.ljust(MAX_LINE_BYTES)
    stalling = [connect() for _ in range(count)]
    for each in stalling:
        each.send_bytes(half)
    bystander.check()
    # A bytearray grows by an eighth more than it needs (Objects/bytearrayobject.c, PyByteArray_Resize).
    memory.check_grown_at_most(count * MAX_LINE_BYTES * 9 // 8 + SLACK_BYTES)
    for each in stalling:
        each.close()
    bystander.check()


def test_clients_that_send_100_megabytes_without_a_newline(
    daemon: DaemonProcess, bystander: Bystander, connect: Connect
) -> None:
    memory = Memory(daemon.pid)
    endless = b"x" * 100_000_000
    is_measured = threading.Event()

    def send_endlessly() -> None:
        refused = 0
        while not refused or not is_measured.is_set():
            with closing(connect()) as connection:
                with pytest.raises((BrokenPipeError, ConnectionResetError)):
                    connection.send_bytes(endless)
                answer = connection.receive()
                assert (answer["id"], answer["error"]["code"]) == (None, -32600)
                with pytest.raises(EOFError):
                    connection.receive()
            refused += 1

    with ThreadPoolExecutor(GREEDY) as pool:
        sending = [pool.submit(send_endlessly) for _ in range(GREEDY)]
        try:
            bystander.check()
        finally:
            is_measured.set()
        for sent in sending:
            sent.result()
    # Each may be at the limit at the same time, and its buffer is moved as it grows.
    memory.check_grown_at_most(GREEDY * MAX_LINE_BYTES * 9 // 8 + SLACK_BYTES)


def test_100000_requests_at_once(daemon: DaemonProcess, bystander: Bystander, connect: Connect) -> None:
    count = 100_000
    asked = lines("daemon.ping", count)
    memory = Memory(daemon.pid)
    busy = connect()

    def receive() -> bytes:
        received = bytearray()
        newlines = 0
        while newlines < count:
            chunk = busy.socket.recv(MIB)
            assert chunk, "the daemon closed the connection"
            newlines += chunk.count(b"\n")
            received += chunk
        return bytes(received)

    with ThreadPoolExecutor(2) as pool:
        sending, receiving = pool.submit(busy.send_bytes, asked), pool.submit(receive)
        bystander.check(lambda: not receiving.done())
        sending.result()
    answers = [json.loads(line) for line in receiving.result().splitlines()]
    assert [answer["id"] for answer in answers] == list(range(count))
    assert {answer["result"] for answer in answers} == {"pong"}
    memory.check_grown_at_most(OUTBOX_BYTES + SLACK_BYTES)


def test_subscribers_that_sleep(daemon: DaemonProcess, bystander: Bystander, connect: Connect) -> None:
    sleepers = [connect() for _ in range(GREEDY)]
    for each in sleepers:
        each.call("events.subscribe", topics=["workspace.*"])
    writer = connect()
    id_ = writer.create("Busy")["id"]
    changes = KEPT_EVENTS + 4000  # some are in the sockets and outboxes: 460 kB of 300 bytes each
    memory = Memory(daemon.pid)

    def write() -> None:
        for first in range(0, changes, 400):  # a client that reads no answers is not read from either
            answers = writer.answers(
                [
                    writer.request("workspace.update", id=id_, name=f"Busy {first + number}")
                    for number in range(400)
                ]
            )
            assert all("result" in answer for answer in answers.values())

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        bystander.check(lambda: not writing.done())
        writing.result()
    last = writer.create("Last")["revision"]
    for each in sleepers[:3]:
        check_gap(each, last)
    fresh = writer.create("Fresh")
    event = sleepers[0].receive()["params"]
    assert (event["topic"], event["payload"]["workspaceId"]) == ("workspace.created", fresh["id"])
    memory.check_grown_at_most(KEPT_BYTES + HISTORY_BYTES + GREEDY * 2 * OUTBOX_BYTES + SLACK_BYTES)


def check_gap(sleeper: RawConnection, last: int) -> None:
    """It gets every event up to the revision `last`, save those that one gap stands for."""
    seen = 0
    gaps = 0
    while seen < last:
        event = sleeper.receive()["params"]
        if event["topic"] == "events.gap":
            gaps += 1
            missed = event["payload"]
            assert missed["from"] == seen + 1
            assert missed["to"] - missed["from"] > 100
            seen = missed["to"]
        else:
            assert event["revision"] == seen + 1 or not seen
            seen = event["revision"]
    assert gaps == 1
