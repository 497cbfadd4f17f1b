"""A line that can't be read, or whose text could never be stored again, is a parse error; no other line is.

Where a poison (half a character, bytes that are no UTF-8, what is no JSON) can stand is one table,
the poisons are another, and every pair is tried: a decoder that skips what it does not need sees
some of these places only if it is told to look. Then any bytes at all are compared with what the
standard library's decoder makes of them.
"""

import json
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.messages import Call, Malformed, parse_requests

EXAMPLES = settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])


def is_parse_error(line: bytes) -> bool:
    """Whether the whole line is one -32700 with id null."""
    parsed = parse_requests(line)
    return isinstance(parsed, Malformed) and (parsed.code, parsed.id) == (ErrorCode.PARSE_ERROR, b"null")


# %b stands for a JSON string.
PLACES = {
    "method": b'{"jsonrpc":"2.0","method":%b,"id":1}',
    "jsonrpc": b'{"jsonrpc":%b,"method":"m","id":1}',
    "id": b'{"jsonrpc":"2.0","method":"m","id":%b}',
    "param by name": b'{"jsonrpc":"2.0","method":"m","params":{"a":%b},"id":1}',
    "param by position": b'{"jsonrpc":"2.0","method":"m","params":[1,%b,2],"id":1}',
    "nested param": b'{"jsonrpc":"2.0","method":"m","params":{"a":[{"b":[%b]}]},"id":1}',
    "after a number out of range": b'{"jsonrpc":"2.0","method":"m","params":[1e999,%b],"id":1}',
    "in place of params": b'{"jsonrpc":"2.0","method":"m","params":%b,"id":1}',
    "ignored member": b'{"jsonrpc":"2.0","method":"m","id":1,"more":%b}',
    "nested in an ignored member": b'{"more":{"a":[%b]},"jsonrpc":"2.0","method":"m","id":1}',
    "notification": b'{"jsonrpc":"2.0","method":"m","params":[%b]}',
    "behind a wrong version": b'{"jsonrpc":"1.0","method":"m","id":1,"more":%b}',
    "behind a wrong method": b'{"jsonrpc":"2.0","method":1,"id":1,"more":%b}',
    "behind a wrong id": b'{"jsonrpc":"2.0","method":"m","id":1.5,"more":%b}',
    "no request": b'{"foo":%b}',
    "batch": b'[{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","method":"m","params":[%b]}]',
    "ignored member in a batch": b'[{"jsonrpc":"2.0","method":"m","id":1,"more":%b}]',
    "no request in a batch": b"[1,%b]",
    "number out of range in a batch": b"[1e999,%b]",
    "array in a batch": b"[[%b]]",
    "the whole line": b"%b",
}
NAMES = {
    "param's name": b'{"jsonrpc":"2.0","method":"m","params":{%b:1},"id":1}',
    "nested param's name": b'{"jsonrpc":"2.0","method":"m","params":[{%b:1}],"id":1}',
    "ignored member's name": b'{"jsonrpc":"2.0","method":"m","id":1,%b:2}',
    "ignored member's name in a batch": b'[{"jsonrpc":"2.0","method":"m","id":1,%b:2}]',
}

HALF_CHARACTERS = [
    rb'"\ud800"',
    rb'"\uD800"',
    rb'"\udbff and more text behind"',
    rb'"\udc00"',
    rb'"text before \uDFFF"',
    rb'"\ud800\ud800"',
    rb'"\udc00\ud800"',
    rb'"\ud83d\u0041"',
    rb'"\ud83d\n\ude00"',
    rb'"\ud83d\\ude00"',
    rb'"\\\ud800"',
    rb'"\ud83d\ude00\ud83d"',
    '"é\\ud800é"'.encode(),
]
NOT_UTF8 = [
    b'"\xff"',
    b'"a\x80b"',
    b'"\xc3"',
    b'"\xe2\x82"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xc3\xa9\xfe"',
]
NOT_JSON_STRINGS = [
    b'"\x00"',
    b'"\x1f"',
    b'"\t"',
    b'"\r"',
    rb'"\q"',
    rb'"\x41"',
    rb'"\u12"',
    rb'"\u00zz"',
    rb'"\ud83d\u"',
    b"'a'",
    b'"a"b"',
    b'"a',
    b"a",
]
NOT_JSON = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nan",
    b"True",
    b"nul",
    b"undefined",
    b"01",
    b"-01",
    b"1.",
    b".5",
    b"+1",
    b"-",
    b"1e",
    b"1e+",
    b"0x10",
    b"1_000",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b'{"a":1,}',
    b"{a:1}",
    b"{1:1}",
    b'{"a"}',
    b'{"a" 1}',
    b"[1}",
    b"/**/1",
    b"1\x0c",
    b"\xef\xbb\xbf1",
    b"\xc2\xa01",
]


LIKE_POISON = [
    rb'"\ud83d\ude00"',
    rb'"\uD83D\uDE00\ud83d\ude00"',
    rb'"\\ud800"',
    rb'"\\\\udc00"',
    rb'"\u0000\"\\\/\b\f\n\r\t\u00e9"',
    '"é 日本 😀 \u2028\x7f\ufffe\ufeff"'.encode(),
]


@pytest.mark.parametrize("place", PLACES | NAMES)
def test_a_poisoned_string_is_a_parse_error_wherever_it_stands(place: str) -> None:
    poisons = [*HALF_CHARACTERS, *NOT_UTF8, *NOT_JSON_STRINGS]
    assert [poison for poison in poisons if not is_parse_error((PLACES | NAMES)[place] % poison)] == []


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_json_value_is_a_parse_error_wherever_it_stands(place: str) -> None:
    assert [poison for poison in NOT_JSON if not is_parse_error(PLACES[place] % poison)] == []


@pytest.mark.parametrize("place", PLACES | NAMES)
def test_what_only_looks_like_poison_is_taken(place: str) -> None:
    assert [text for text in LIKE_POISON if is_parse_error((PLACES | NAMES)[place] % text)] == []


@pytest.mark.parametrize("line", [b"1e999x", b"1e999]", rb'1e999 "\ud800"', b"-1e999 {}", b"1" * 5000 + b"}"])
def test_a_number_out_of_range_does_not_hide_what_follows_it(line: bytes) -> None:
    assert is_parse_error(line)


@pytest.mark.parametrize(
    "line",
    [
        b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"m","id":1}',
        b'\xef\xbb\xbf[{"jsonrpc":"2.0","method":"m","id":1}]',
        '{"jsonrpc":"2.0","method":"m","id":1}'.encode("utf-16"),
        '{"jsonrpc":"2.0","method":"m","id":1}'.encode("utf-16-le"),
        '{"jsonrpc":"2.0","method":"m","id":1}'.encode("utf-32"),
        b"",
        b" ",
        b"\r",
    ],
)
def test_bom_other_encodings_and_nothing_are_parse_errors(line: bytes) -> None:
    assert is_parse_error(line)


# Depth and size


DEEP = [
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"[" * 100_000 + '"é"'.encode() + b"]" * 100_000,
]


@pytest.mark.parametrize("place", PLACES)
def test_deep_nesting_is_an_error_and_no_crash(place: str) -> None:
    for deep in DEEP:
        parsed = parse_requests(PLACES[place] % deep)
        assert isinstance(parsed, Malformed)
        assert parsed.code in (ErrorCode.PARSE_ERROR, ErrorCode.INVALID_REQUEST)
        assert parsed.id == b"null"


def test_params_a_hundred_deep_are_taken() -> None:
    params = b"[" * 100 + '"é"'.encode() + b"]" * 100
    line = b'{"jsonrpc":"2.0","method":"m","params":%b,"id":1}' % params
    parsed = parse_requests(line)
    assert isinstance(parsed, Call)
    assert parsed.params is not None
    assert bytes(parsed.params) == params


@pytest.mark.parametrize(
    "number",
    [b"1e999", b"-1e999", b"1e-999", b"9" * 400, b"9" * 5000, b"-" + b"9" * 5000, b"0." + b"1" * 5000],
)
def test_a_number_of_any_size_reaches_the_reader_of_the_params(number: bytes) -> None:
    line = b'{"jsonrpc":"2.0","method":"m","params":[%b,"\xc3\xa9"],"id":1,"more":%b}' % (number, number)
    parsed = parse_requests(line)
    assert isinstance(parsed, Call)
    assert parsed.params is not None
    assert bytes(parsed.params) == b'[%b,"\xc3\xa9"]' % number


# Any bytes

Value: TypeAlias = "str | float | bool | list[Value] | tuple[tuple[str, Value], ...] | None"


class Unreadable(Exception):
    """The line is no JSON that could be stored again."""


def _no_constant(name: str) -> Value:
    raise Unreadable(name)


def read_by_the_standard_library(line: bytes) -> Value:
    """The line's value, an object as its pairs, so that a doubled name hides nothing. Raises Unreadable."""
    try:
        value: Value = json.loads(
            line.decode(), parse_constant=_no_constant, parse_int=str, object_pairs_hook=tuple
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a character can't be encoded
    except ValueError as error:
        raise Unreadable(str(error)) from error
    return value


TOKENS = [
    *[b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\r", b"0", b"1", b"-", b".", b"e", b"a"],
    *[b'"jsonrpc":"2.0"', b'"method":"m"', b'"id":1', b'"params":[]', b'"x":1', b"null", b"1e999", b"NaN"],
    *[rb"\ud800", rb"\udc00", rb"\ud83d\ude00", rb"\u0041", rb"\n", rb"\u", rb"\\", rb'"\ud800"'],
    *["é".encode(), "😀".encode(), b"\xff", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf"],
    b'{"jsonrpc":"2.0","method":"m","id":1}',
]
WHOLE = [
    rb'{"jsonrpc":"2.0","method":"m","id":1,"params":{"a":["\ud83d\ude00",1.5e3,{"b":null}]},"x":"\u00e9"}',
    rb'[{"jsonrpc":"2.0","method":"m","id":"a"},{"jsonrpc":"2.0","method":"n","params":[1e999,"q"]}]',
    '{"jsonrpc":"2.0","method":"é","id":"ü","params":["日本"]}'.encode(),
    rb'{"jsonrpc":"2.0","method":1,"x":"\ud83d\ude00","id":1e999}',
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request or a batch with tokens put in and bytes taken out."""
    line = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.sampled_from([b"", *TOKENS])) + line[at + draw(st.integers(0, 4)) :]
    return line


LINES = st.binary(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=14).map(b"".join) | damaged()


@EXAMPLES
@given(line=LINES)
def test_any_bytes_are_a_parse_error_or_can_be_stored_again(line: bytes) -> None:
    parsed = parse_requests(line)
    try:
        value = read_by_the_standard_library(line)
    except Unreadable:
        assert is_parse_error(line)
        return
    assert not is_parse_error(line)
    if isinstance(value, list) and value:
        assert isinstance(parsed, list)
        assert len(parsed) == len(value)
    else:
        assert not isinstance(parsed, list)
    for item in parsed if isinstance(parsed, list) else [parsed]:
        if isinstance(item, Malformed):
            assert item.code == ErrorCode.INVALID_REQUEST
            assert item.message.endswith(".")
            read_by_the_standard_library(item.id)
        else:
            item.method.encode()
            read_by_the_standard_library(item.id or b"null")
            read_by_the_standard_library(bytes(item.params or b"null"))


@EXAMPLES
@given(line=st.binary())
def test_what_is_no_utf8_is_a_parse_error(line: bytes) -> None:
    try:
        line.decode()
    except UnicodeDecodeError:
        assert is_parse_error(line)
    else:
        parse_requests(line)
