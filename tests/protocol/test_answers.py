"""Answers and notifications: as the daemon writes them, and as a client reads them."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.messages import (
    NULL_ID,
    Answer,
    Call,
    NotAnAnswer,
    Notification,
    encode_error,
    encode_notification,
    encode_request,
    encode_result,
    parse_answer,
    parse_requests,
)

EXAMPLES = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def answer(line: bytes) -> Answer:
    parsed = parse_answer(line)
    assert isinstance(parsed, Answer)
    return parsed


def error(line: bytes) -> RpcError:
    result = answer(line).result
    assert isinstance(result, RpcError)
    return result


def result_text(line: bytes) -> bytes:
    result = answer(line).result
    assert isinstance(result, Raw)
    return bytes(result)


# What is written


@pytest.mark.parametrize("id_", [b"1", b"-0", b"1" * 400, rb'"\u0061\n"', '"é"'.encode(), b"null"])
def test_a_result_goes_out_with_the_id_as_it_came(id_: bytes) -> None:
    assert encode_result(id_, b'{"a":[1]}') == b'{"jsonrpc":"2.0","id":%b,"result":{"a":[1]}}' % id_


@pytest.mark.parametrize("id_", [b"1", b"-0", b"1" * 400, rb'"\u0061\n"', '"é"'.encode(), NULL_ID])
def test_an_error_goes_out_with_the_id_as_it_came(id_: bytes) -> None:
    refusal = RpcError(ErrorCode.NOT_FOUND, "There is no workspace ws_1.", {"kind": "notFound", "id": "ws_1"})
    line = encode_error(id_, refusal)
    assert line.startswith(b'{"jsonrpc":"2.0","id":%b,"error":{' % id_)
    assert json.loads(line)["error"] == {
        "code": 1001,
        "message": "There is no workspace ws_1.",
        "data": {"kind": "notFound", "id": "ws_1"},
    }


def test_a_path_that_is_not_utf8_can_stand_in_an_error() -> None:
    path = os.fsdecode(b"/caf\xe9")
    line = encode_error(b"1", RpcError(ErrorCode.PATH_UNREACHABLE, f"{path} is gone.", {"path": path}))
    assert json.loads(line)["error"] == {
        "code": 1007,
        "message": "/caf? is gone.",
        "data": {"path": "/caf?"},
    }


def test_the_specification_s_answers() -> None:
    assert json.loads(encode_result(b"1", b"19")) == {"jsonrpc": "2.0", "result": 19, "id": 1}
    not_found = json.loads(encode_error(b'"1"', RpcError(-32601, "Method not found")))
    not_found["error"].pop("data", None)
    assert not_found == {
        "jsonrpc": "2.0",
        "error": {"code": -32601, "message": "Method not found"},
        "id": "1",
    }


def test_a_notification_has_no_id() -> None:
    line = encode_notification("$/progress", b'{"id":1,"phase":"clone","message":"12 %"}')
    assert json.loads(line) == {
        "jsonrpc": "2.0",
        "method": "$/progress",
        "params": {"id": 1, "phase": "clone", "message": "12 %"},
    }


@EXAMPLES
@given(
    code=st.sampled_from(ErrorCode) | st.integers(-(2**31), 2**31),
    message=TEXT,
    data=st.dictionaries(TEXT, TEXT | st.integers(-(2**53), 2**53) | st.none(), max_size=3),
)
def test_any_error_is_one_line_that_a_client_reads_back(
    code: int, message: str, data: dict[str, object]
) -> None:
    line = encode_error(b"7", RpcError(code, message, data))
    assert b"\n" not in line
    read = error(line)
    assert (read.code, read.message, read.data) == (code, message, data)
    assert answer(line).id == 7


@EXAMPLES
@given(id_=st.integers(-(2**63), 2**64), method=TEXT, value=TEXT)
def test_any_request_of_a_client_is_one_line_that_a_daemon_reads_back(
    id_: int, method: str, value: str
) -> None:
    params = json.dumps([value], ensure_ascii=False).encode()
    line = encode_request(id_, method, params)
    assert b"\n" not in line
    call = parse_requests(line)
    assert isinstance(call, Call)
    assert (call.method, call.id) == (method, str(id_).encode())
    assert call.params is not None
    assert bytes(call.params) == params
    assert answer(encode_result(call.id or NULL_ID, b"null")).id == id_


@EXAMPLES
@given(topic=TEXT)
def test_any_notification_is_one_line_that_a_client_reads_back(topic: str) -> None:
    params = json.dumps({"topic": topic}).encode()
    line = encode_notification(topic, params)
    assert b"\n" not in line
    read = parse_answer(line)
    assert isinstance(read, Notification)
    assert (read.method, bytes(read.params)) == (topic, params)


# What is read


@pytest.mark.parametrize(
    "result", [b"null", b"0", b"false", b'""', b"[]", b'{"a":1}', b"1e999", b'{ "a": 1 }']
)
def test_a_result_is_kept_as_it_came(result: bytes) -> None:
    line = b'{"jsonrpc":"2.0","id":1,"result": %b }' % result
    assert result_text(line) == result
    assert result_text(b" " + line + b"\r") == result


@pytest.mark.parametrize(
    ("text", "id_"), [(b"1", 1), (b'"a"', "a"), (b"null", None), (b"-7", -7), (b"9" * 30, int("9" * 30))]
)
def test_an_answer_has_its_request_s_id(text: bytes, id_: int | str | None) -> None:
    assert answer(b'{"jsonrpc":"2.0","id":%b,"result":1}' % text).id == id_
    assert answer(b'{"id":%b,"jsonrpc":"2.0","error":{"code":1,"message":"no"}}' % text).id == id_


def test_an_error_of_another_release_is_read() -> None:
    line = (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":4711,"message":"m","data":{"kind":"x","n":[1]},"more":1}}'
    )
    read = error(line)
    assert (read.code, read.message, read.kind, read.data) == (4711, "m", "x", {"kind": "x", "n": [1]})


@pytest.mark.parametrize("data", [b"", b',"data":null', b',"data":{}'])
def test_an_error_without_data_is_read(data: bytes) -> None:
    read = error(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"%b}}' % data)
    assert (read.data, read.kind) == ({}, "")


def test_members_of_no_meaning_in_an_answer_are_ignored() -> None:
    assert result_text(b'{"jsonrpc":"2.0","id":1,"result":2,"more":[3]}') == b"2"


def test_a_notification_without_params_is_read() -> None:
    read = parse_answer(b'{"jsonrpc":"2.0","method":"event"}')
    assert isinstance(read, Notification)
    assert (read.method, bytes(read.params)) == ("event", b"{}")


@pytest.mark.parametrize(
    "line",
    [
        *[b"", b" ", b"null", b"1", b'"a"', b"[]", b"{}", b"{", b'{"jsonrpc":"2.0"}'],
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1.5,"result":1}',
        b'{"jsonrpc":"2.0","id":[],"result":1}',
        b'{"jsonrpc":"2.0","id":1,"error":null}',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}',
        b'{"jsonrpc":"2.0","id":1,"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"m"}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":2}}',
        b'{"jsonrpc":"2.0","method":1,"params":{}}',
        b'[{"jsonrpc":"2.0","id":1,"result":1}]',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"a":1e999}}}',
        rb'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"\ud800"}}',
        rb'{"jsonrpc":"2.0","id":1,"result":"\q"}',
        b'{"jsonrpc":"2.0","id":"\xff","result":1}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"\xff"}}',
    ],
)
def test_what_is_no_answer_is_refused(line: bytes) -> None:
    with pytest.raises(NotAnAnswer, match=r"^Not a JSON-RPC message: .*\.$"):
        parse_answer(line)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"id":1,"result":1}', id="no version"),
        pytest.param(b'{"jsonrpc":"1.0","id":1,"result":1}', id="another version"),
        pytest.param(b'{"jsonrpc":"2.0","result":1}', id="no id"),
        pytest.param(b'{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}', id="an error with no id"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"m"}}', id="result and error"
        ),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{}}', id="a request"),
    ],
)
def test_what_breaks_section_5_of_the_specification_is_refused(line: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        parse_answer(line)


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":"%b"}', id="in a result"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":1,"more":"%b"}', id="in an ignored member"),
        pytest.param(
            b'{"jsonrpc":"2.0","method":"event","params":{"a":"%b"}}', id="in a notification's params"
        ),
    ],
)
def test_an_answer_that_is_no_utf8_is_refused(line: bytes, text: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        parse_answer(line % text)


@EXAMPLES
@given(
    line=st.binary(max_size=60) | st.binary(max_size=20).map(b'{"jsonrpc":"2.0","id":1,"result":%b}'.__mod__)
)
def test_any_bytes_are_an_answer_or_refused(line: bytes) -> None:
    try:
        parsed = parse_answer(line)
    except NotAnAnswer:
        return
    assert isinstance(parsed, (Answer, Notification))
