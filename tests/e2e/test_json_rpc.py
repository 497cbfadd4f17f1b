"""JSON-RPC 2.0 as a program in any language speaks it: calls, notifications, batches, ids."""

import json
from typing import Any

import pytest

from e2e.conftest import NewName
from support.raw_connection import RawConnection, checked_error

PING = {"jsonrpc": "2.0", "method": "daemon.ping"}


def only_answer(connection: RawConnection, line: bytes) -> Any:
    """What the line alone is answered with: a call after it must be answered next."""
    connection.send_bytes(line + b"\n")
    answer = connection.receive()
    assert connection.call("daemon.ping") == "pong"
    return answer


def nothing_comes(connection: RawConnection, line: bytes) -> bool:
    """Whether the line has no answer: a call after it is answered first."""
    connection.send_bytes(line + b"\n")
    return bool(connection.answer({**PING, "id": "after"})["id"] == "after")


@pytest.mark.parametrize(
    "request_id",
    ["a", "", "日本語 🚀", 'a"b\\c\n', 0, -1, 7, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**25, None],
)
def test_an_id_is_echoed_as_it_came(connection: RawConnection, request_id: object) -> None:
    connection.send({**PING, "id": request_id})
    assert connection.receive() == {"jsonrpc": "2.0", "id": request_id, "result": "pong"}


def test_an_error_echoes_the_id_too(connection: RawConnection) -> None:
    connection.send({"jsonrpc": "2.0", "id": "x", "method": "no.such"})
    answer = connection.receive()
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert answer["id"] == "x"


@pytest.mark.parametrize("params", ["", ',"params":[]', ',"params":{}'], ids=["absent", "array", "object"])
def test_a_method_without_params_is_called_in_each_way(connection: RawConnection, params: str) -> None:
    line = f'{{"jsonrpc":"2.0","id":1,"method":"daemon.ping"{params}}}'
    assert only_answer(connection, line.encode())["result"] == "pong"


@pytest.mark.parametrize(
    "line",
    [
        "1",
        '"text"',
        "null",
        "true",
        "{}",
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","id":1,"method":1}',
        '{"jsonrpc":"2.0","id":1,"method":null}',
        '{"id":1,"method":"daemon.ping"}',
        '{"jsonrpc":"1.0","id":1,"method":"daemon.ping"}',
        '{"jsonrpc":2.0,"id":1,"method":"daemon.ping"}',
        '{"jsonrpc":"2.0","id":{},"method":"daemon.ping"}',
        '{"jsonrpc":"2.0","id":[1],"method":"daemon.ping"}',
        '{"jsonrpc":"2.0","id":true,"method":"daemon.ping"}',
    ],
)
def test_what_is_no_request_object_is_refused_and_the_connection_goes_on(
    connection: RawConnection, line: str
) -> None:
    checked_error(-32600, only_answer(connection, line.encode())["error"])


@pytest.mark.parametrize("line", ["1", "{}", '"text"'])
def test_the_error_has_id_null_where_there_was_no_id(connection: RawConnection, line: str) -> None:
    assert only_answer(connection, line.encode())["id"] is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        b"{",
        b"nonsense",
        b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping",}',
        b'{"jsonrpc":"2.0","id":NaN,"method":"daemon.ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"} {}',
        b'{"jsonrpc":"2.0","id":"\xff","method":"daemon.ping"}',
        b'{"jsonrpc":"2.0","id":"\xed\xa0\x80","method":"daemon.ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"store.getByName","params":{"name":"\\ud800"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"store.getByName","params":{"name":"\\udc00\\ud800"}}',
        b'{"jsonrpc":"2.0","id":"\\ud83d","method":"daemon.ping"}',
        b'[{"jsonrpc":"2.0","method":"daemon.ping","id":1},{"jsonrpc":"2.0","method"]',
    ],
    ids=[
        "of the specification",
        "truncated",
        "a word",
        "trailing comma",
        "NaN",
        "two texts",
        "not UTF-8",
        "a surrogate in UTF-8",
        "a lone surrogate escape",
        "surrogates in the wrong order",
        "a surrogate in an id",
        "a batch",
    ],
)
def test_what_is_no_json_is_a_parse_error_and_the_connection_goes_on(
    connection: RawConnection, line: bytes
) -> None:
    answer = only_answer(connection, line)
    assert answer["id"] is None
    checked_error(-32700, answer["error"])


def test_a_pair_of_surrogate_escapes_is_one_character(connection: RawConnection, new_name: NewName) -> None:
    name = new_name()
    params = f'"name":"{name} \\ud83d\\ude80","rootPath":"/x"'
    line = f'{{"jsonrpc":"2.0","id":1,"method":"workspace.create","params":{{{params}}}}}'
    assert only_answer(connection, line.encode())["result"]["name"] == f"{name} 🚀"


@pytest.mark.parametrize(
    "method", ["no.such", "daemon", "", "daemon.Ping", "rpc.nosuch", "workspace.create "]
)
def test_an_unknown_method_is_refused(connection: RawConnection, method: str) -> None:
    connection.refused(-32601, method)
    assert connection.call("daemon.ping") == "pong"


@pytest.mark.parametrize(
    "line",
    [
        '{"jsonrpc":"2.0","method":"daemon.ping"}',
        '{"jsonrpc":"2.0","method":"no.such"}',
        '{"jsonrpc":"2.0","method":"workspace.create","params":{"colour":1}}',
        '{"jsonrpc":"2.0","method":"workspace.close","params":{"id":"ws_none"}}',
        '[{"jsonrpc":"2.0","method":"daemon.ping"},{"jsonrpc":"2.0","method":"no.such"}]',
    ],
    ids=["ping", "unknown method", "wrong params", "an error", "a batch"],
)
def test_a_notification_has_no_answer(connection: RawConnection, line: str) -> None:
    assert nothing_comes(connection, line.encode())


def test_a_notification_takes_effect(connection: RawConnection, new_name: NewName) -> None:
    name = new_name()
    connection.send(
        {"jsonrpc": "2.0", "method": "workspace.create", "params": {"name": name, "rootPath": "/x"}}
    )
    connection.refused(1002, "workspace.create", name=name, rootPath="/x")  # a write, so applied after it


def test_empty_lines_are_skipped(connection: RawConnection) -> None:
    assert nothing_comes(connection, b"\n\n\n")


def test_white_space_in_a_text_is_allowed(connection: RawConnection) -> None:
    line = b' { "jsonrpc" : "2.0" ,\t"method" : "daemon.ping" , "id" : 1 } '
    assert only_answer(connection, line)["result"] == "pong"


def test_a_batch_is_answered_by_an_array_on_one_line(connection: RawConnection) -> None:
    batch = [{**PING, "id": number} for number in range(50)]
    answers = only_answer(connection, json.dumps(batch).encode())
    assert sorted(answer["id"] for answer in answers) == list(range(50))
    assert all(answer["result"] == "pong" for answer in answers)


def test_a_mixed_batch_answers_each_request_and_no_notification(connection: RawConnection) -> None:
    batch: list[Any] = [
        {**PING, "id": "1"},
        PING,
        {**PING, "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "workspace.create", "params": {}, "id": "9"},
        1,
        [],
    ]
    answers = only_answer(connection, json.dumps(batch).encode())
    outcomes = [(answer["id"], answer.get("result") or answer["error"]["code"]) for answer in answers]
    assert sorted(outcomes, key=str) == sorted(
        [
            ("1", "pong"),
            ("2", "pong"),
            (None, -32600),
            ("5", -32601),
            ("9", -32602),
            (None, -32600),
            (None, -32600),
        ],
        key=str,
    )


def test_a_batch_of_one_is_answered_by_an_array(connection: RawConnection) -> None:
    assert only_answer(connection, json.dumps([{**PING, "id": 1}]).encode()) == [
        {"jsonrpc": "2.0", "id": 1, "result": "pong"}
    ]


def test_an_empty_batch_is_one_error(connection: RawConnection) -> None:
    answer = only_answer(connection, b"[]")
    assert answer["id"] is None
    checked_error(-32600, answer["error"])


def test_a_batch_of_nothing_valid_is_answered_with_as_many_errors(connection: RawConnection) -> None:
    answers = only_answer(connection, b"[1,2,3]")
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(None, -32600)] * 3


def test_writes_in_a_batch_are_all_applied(connection: RawConnection, new_name: NewName) -> None:
    names = [new_name() for _ in range(20)]
    batch = [connection.request("workspace.create", name=name, rootPath="/x") for name in names]
    connection.send(batch)
    assert sorted(answer["result"]["name"] for answer in connection.receive()) == sorted(names)
    assert set(names) <= {workspace["name"] for workspace in connection.call("store.getAll")}
