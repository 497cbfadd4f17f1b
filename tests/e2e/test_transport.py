"""Lines over the socket: splits, long ones, many at once, peers that do not read or vanish."""

import json
import re
import select
import socket
import threading

import pytest

from e2e.conftest import Connect, NewName
from support.raw_connection import RawConnection

MEBIBYTE = 1024 * 1024
PING = b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"}'


def test_a_request_may_come_byte_by_byte(connection: RawConnection) -> None:
    for at in range(len(PING)):
        connection.send_bytes(PING[at : at + 1])
    connection.send_bytes(b"\n")
    assert connection.receive()["result"] == "pong"


def test_the_end_of_one_line_and_the_start_of_the_next_may_come_together(connection: RawConnection) -> None:
    connection.send_bytes(PING + b"\n" + PING[:20])
    assert connection.receive()["result"] == "pong"
    connection.send_bytes(PING[20:] + b"\n")
    assert connection.receive()["result"] == "pong"


def test_a_line_of_1_mebibyte_is_taken(connection: RawConnection) -> None:
    connection.send_bytes(PING.ljust(MEBIBYTE - 1) + b"\n")
    assert connection.receive()["result"] == "pong"


@pytest.mark.parametrize("ended", [True, False], ids=["with its end", "without an end"])
def test_a_longer_line_is_an_error_with_id_null_and_the_connection_is_closed(
    connect: Connect, ended: bool
) -> None:
    other, connection = connect(), connect()
    sending = threading.Thread(target=send_what_is_taken, args=(connection, ended))
    sending.start()
    answer = connection.receive()
    assert answer["id"] is None
    assert answer["error"]["code"] == -32600
    with pytest.raises(EOFError):
        connection.receive()
    connection.socket.shutdown(socket.SHUT_RDWR)
    sending.join()
    assert other.call("daemon.ping") == "pong"


def send_what_is_taken(connection: RawConnection, ended: bool) -> None:
    """Two mebibytes: more than a line may have."""
    try:
        connection.send_bytes(PING.ljust(2 * MEBIBYTE) + (b"\n" if ended else b""))
    except (BrokenPipeError, ConnectionResetError):
        return  # closed before all of it was sent, as it should be


def test_1000_pipelined_requests_are_all_answered(connection: RawConnection) -> None:
    answers = connection.answers([connection.request("daemon.ping") for _ in range(1000)])
    assert all(answer["result"] == "pong" for answer in answers.values())


def test_more_requests_than_may_be_in_flight_are_all_answered_in_turn(connection: RawConnection) -> None:
    requests = [connection.request("daemon.ping") for _ in range(5000)]
    sending = threading.Thread(
        target=connection.send_bytes, args=(b"".join(json.dumps(each).encode() + b"\n" for each in requests),)
    )
    sending.start()
    answered = sorted(connection.receive()["id"] for _ in requests)
    sending.join()
    assert answered == [each["id"] for each in requests]


@pytest.mark.requirement("T014")
def test_pipelined_writes_are_applied_in_the_order_sent(connection: RawConnection, new_name: NewName) -> None:
    workspace = connection.create(new_name())
    before = connection.revision()
    names = [new_name() for _ in range(200)]
    requests = [connection.request("workspace.update", id=workspace["id"], name=name) for name in names]
    answers = connection.answers(requests)
    stored = [answers[request["id"]]["result"] for request in requests]
    assert [each["name"] for each in stored] == names
    assert [each["revision"] for each in stored] == list(range(before + 1, before + 201))
    assert connection.call("workspace.get", id=workspace["id"])["name"] == names[-1]


def test_one_clients_pipelined_calls_of_every_kind_keep_their_order(
    connection: RawConnection, new_name: NewName
) -> None:
    workspace_id = connection.create(new_name())["id"]
    moves = ["workspace.close", "workspace.open"] * 20 + ["workspace.delete"]
    answers = connection.answers([connection.request(move, id=workspace_id) for move in moves])
    assert [answer for answer in answers.values() if "error" in answer] == []


def test_a_client_that_does_not_read_is_not_read_from_and_slows_nobody(connect: Connect) -> None:
    deaf, other = connect(), connect()
    deaf.socket.setblocking(False)
    many = (PING + b"\n") * 500
    sent = 0
    while select.select([], [deaf.socket], [], 1.0)[1]:  # not writable for a second: it is not read from
        sent += deaf.socket.send(many[sent % (len(PING) + 1) :])
        assert sent < 32 * MEBIBYTE, "the daemon takes in requests without an end"
        assert other.call("daemon.ping") == "pong"
    assert other.call("daemon.ping") == "pong"
    deaf.socket.settimeout(20)
    whole = sent // (len(PING) + 1)
    assert [deaf.receive()["result"] for _ in range(whole)] == ["pong"] * whole


def test_a_line_without_an_end_is_no_request(connect: Connect, new_name: NewName) -> None:
    name = new_name()
    vanishing, other = connect(), connect()
    create = vanishing.request("workspace.create", name=name, rootPath="/x")
    vanishing.send_bytes(json.dumps(create).encode())
    vanishing.close()
    other.create(new_name())
    assert other.call("store.getByName", name=name) is None


def test_a_peer_that_vanishes_in_the_middle_of_a_request_hurts_nobody(connect: Connect) -> None:
    other = connect()
    for length in range(1, len(PING)):
        vanishing = connect()
        vanishing.send_bytes(PING[:length])
        vanishing.close()
    assert other.call("daemon.ping") == "pong"


def test_a_write_of_a_peer_that_left_is_there_whole_or_not_at_all(
    connect: Connect, new_name: NewName
) -> None:
    other = connect()
    names = [new_name() for _ in range(20)]
    for name in names:
        vanishing = connect()
        vanishing.send(vanishing.request("workspace.create", name=name, rootPath="/srv/left"))
        vanishing.close()
    other.create(new_name())
    for workspace in other.call("store.getAll"):
        if workspace["name"] in names:
            assert workspace["rootPath"] == "/srv/left"
    checks = other.call("store.check")
    assert checks == {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}


def test_a_deeply_nested_text_is_refused_and_the_daemon_goes_on(connect: Connect) -> None:
    connection, other = connect(), connect()
    depth = 100_000
    connection.send_bytes(b"[" * depth + b"]" * depth + b"\n")
    answer = connection.receive()
    # Valid JSON, of a depth that no parser must take: either of the errors for what is no request will do.
    assert re.search('"code": (-32700|-32600)', json.dumps(answer))
    assert connection.call("daemon.ping") == "pong"
    assert other.call("daemon.ping") == "pong"
