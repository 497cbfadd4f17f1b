"""Requests and batches as a daemon reads them: what each line is, and why one is refused."""

import json
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.messages import MAX_BATCH, Call, Malformed, parse_requests

PARSE_ERROR = ErrorCode.PARSE_ERROR
INVALID_REQUEST = ErrorCode.INVALID_REQUEST

EXAMPLES = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])

Seen: TypeAlias = tuple[object, ...]
"""A request as (method, params as JSON text or None, id), a refusal as (code, id)."""


def seen(item: Call | Malformed) -> Seen:
    if isinstance(item, Malformed):
        return item.code, item.id
    return item.method, None if item.params is None else bytes(item.params), item.id


def parse(line: bytes) -> Seen | list[Seen]:
    parsed = parse_requests(line)
    return [seen(item) for item in parsed] if isinstance(parsed, list) else seen(parsed)


def refusal(line: bytes) -> Malformed:
    parsed = parse_requests(line)
    assert isinstance(parsed, Malformed)
    return parsed


# The examples of the JSON-RPC 2.0 specification, section 7, each on one line

SPECIFICATION: list[tuple[bytes, Seen | list[Seen]]] = [
    (
        b'{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        ("subtract", b"[42, 23]", b"1"),
    ),
    (
        b'{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        ("subtract", b"[23, 42]", b"2"),
    ),
    (
        b'{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        ("subtract", b'{"subtrahend": 23, "minuend": 42}', b"3"),
    ),
    (
        b'{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        ("subtract", b'{"minuend": 42, "subtrahend": 23}', b"4"),
    ),
    (
        b'{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
        ("update", b"[1,2,3,4,5]", None),
    ),
    (b'{"jsonrpc": "2.0", "method": "foobar"}', ("foobar", None, None)),
    (b'{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', ("foobar", None, b'"1"')),
    (b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', (PARSE_ERROR, b"null")),
    (b'{"jsonrpc": "2.0", "method": 1, "params": "bar"}', (INVALID_REQUEST, b"null")),
    (
        b'[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]',
        (PARSE_ERROR, b"null"),
    ),
    (b"[]", (INVALID_REQUEST, b"null")),
    (b"[1]", [(INVALID_REQUEST, b"null")]),
    (b"[1,2,3]", [(INVALID_REQUEST, b"null")] * 3),
    (
        (
            b'[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, '
            b'{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}, '
            b'{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"}, '
            b'{"foo": "boo"}, '
            b'{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}, '
            b'{"jsonrpc": "2.0", "method": "get_data", "id": "9"} ]'
        ),
        [
            ("sum", b"[1,2,4]", b'"1"'),
            ("notify_hello", b"[7]", None),
            ("subtract", b"[42,23]", b'"2"'),
            (INVALID_REQUEST, b"null"),
            ("foo.get", b'{"name": "myself"}', b'"5"'),
            ("get_data", None, b'"9"'),
        ],
    ),
    (
        (
            b'[ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, '
            b'{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ]'
        ),
        [("notify_sum", b"[1,2,4]", None), ("notify_hello", b"[7]", None)],
    ),
]


@pytest.mark.parametrize(("line", "expected"), SPECIFICATION)
def test_the_specification_s_examples(line: bytes, expected: Seen | list[Seen]) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(("line", "expected"), SPECIFICATION)
def test_white_space_around_a_line_changes_nothing(line: bytes, expected: Seen | list[Seen]) -> None:
    for before, behind in [(b"", b"\r"), (b" \t\r", b" \t\r"), (b"  ", b"")]:
        assert parse(before + line + behind) == expected


@pytest.mark.parametrize("line", [line for line, _ in SPECIFICATION])
def test_no_part_of_a_line_passes_for_the_whole(line: bytes) -> None:
    for at in range(len(line)):
        assert parse(line[:at].strip()) == (PARSE_ERROR, b"null"), line[:at]


@pytest.mark.parametrize("line", [line for line, _ in SPECIFICATION])
def test_more_behind_a_line_spoils_it(line: bytes) -> None:
    for more in [
        b"x",
        b"}",
        b"]",
        b",",
        b"1",
        b"\0",
        b"\x0b",
        b"\x0c",
        b'{"jsonrpc":"2.0","method":"m"}',
        b"[]",
    ]:
        assert parse(line + more) == (PARSE_ERROR, b"null"), more
        assert parse(line + b" " + more) == (PARSE_ERROR, b"null"), more


# Requests


@pytest.mark.parametrize(
    "id_",
    [
        *[b"0", b"1", b"-1", b"-0", b"9007199254740993", b"18446744073709551616", b"-9223372036854775809"],
        *[b"1" * 400, b"-" + b"9" * 5000, b"null", b'""', b'"a"', b'"1"', b'"null"', b'" "'],
        *[rb'"a\"b"', rb'"\\"', rb'"\u0061"', rb'"\u00e9\n\/"', rb'"\ud83d\ude00"', rb'"\u0000"'],
        *['"é"'.encode(), '"日本 😀"'.encode(), b'"' + b"x" * 5000 + b'"'],
    ],
)
def test_an_id_is_kept_exactly_as_it_came(id_: bytes) -> None:
    assert parse(b'{"jsonrpc":"2.0","method":"m","id":%b}' % id_) == ("m", None, id_)
    assert parse(b'{"id" :\t%b , "method":"m","jsonrpc":"2.0"}' % id_) == ("m", None, id_)
    assert parse(b'[{"jsonrpc":"2.0","method":"m","id":%b}]' % id_) == [("m", None, id_)]
    assert parse(b'{"jsonrpc":"2.0","id":%b}' % id_) == (INVALID_REQUEST, id_)


@pytest.mark.parametrize(
    "id_",
    [b"1.0", b"1.5", b"-0.0", b"1e3", b"1E3", b"1e999", b"true", b"false", b"[]", b"[1]", b"{}", b'{"a":1}'],
)
def test_an_id_that_is_no_string_integer_or_null_is_refused(id_: bytes) -> None:
    malformed = refusal(b'{"jsonrpc":"2.0","method":"m","id":%b}' % id_)
    assert seen(malformed) == (INVALID_REQUEST, b"null")
    assert "`id`" in malformed.message


@pytest.mark.parametrize("params", [b"null", b"true", b"false", b"0", b"1.5", b'"a"', b'""', b"1e999"])
def test_params_that_are_no_object_or_array_are_refused(params: bytes) -> None:
    malformed = refusal(b'{"jsonrpc":"2.0","method":"m","params":%b,"id":7}' % params)
    assert seen(malformed) == (INVALID_REQUEST, b"7")
    assert "`params`" in malformed.message


@pytest.mark.parametrize("params", [b"[]", b"{}", b'["a"]', b'{"a":1}', b'{ "a" : [ 1 ] }'])
def test_params_are_kept_as_they_came(params: bytes) -> None:
    assert parse(b'{"jsonrpc":"2.0","method":"m","params": %b ,"id":1}' % params) == ("m", params, b"1")


@pytest.mark.parametrize(
    ("request_", "member"),
    [
        (b'{"method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":"1.0","method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":"2.0 ","method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":2.0,"method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":2,"method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":null,"method":"m","id":7}', "`jsonrpc`"),
        (b'{"JSONRPC":"2.0","method":"m","id":7}', "`jsonrpc`"),
        (b'{"jsonrpc":"2.0","id":7}', "`method`"),
        (b'{"jsonrpc":"2.0","method":1,"id":7}', "`method`"),
        (b'{"jsonrpc":"2.0","method":null,"id":7}', "`method`"),
        (b'{"jsonrpc":"2.0","method":["m"],"id":7}', "`method`"),
        (b'{"jsonrpc":"2.0","Method":"m","id":7}', "`method`"),
        (rb'{"jsonrpc":"2\u002e0","method":1,"id":7}', "`method`"),
        (rb'{"jsonrpc":"2\u002e0","method":"m","params":1,"id":7}', "`params`"),
    ],
)
def test_a_refusal_says_which_member_is_wrong(request_: bytes, member: str) -> None:
    malformed = refusal(request_)
    assert seen(malformed) == (INVALID_REQUEST, b"7")
    assert member in malformed.message
    assert malformed.message.endswith(".")
    assert parse(b"[%b]" % request_) == [(INVALID_REQUEST, b"7")]


def test_escapes_in_the_envelope_mean_the_same() -> None:
    line = rb'{"json\u0072pc":"2\u002e0","m\u0065thod":"\u006d","p\u0061rams":[1],"\u0069d":1}'
    assert parse(line) == ("m", b"[1]", b"1")


@pytest.mark.parametrize("line", [b"1", b"1.5", b"1e999", b'"a"', b"null", b"true", b"{}", b'{"foo":"boo"}'])
def test_json_that_is_no_request_is_an_invalid_request(line: bytes) -> None:
    assert parse(line) == (INVALID_REQUEST, b"null")
    assert parse(b"[%b]" % line) == [(INVALID_REQUEST, b"null")]


def test_members_of_no_meaning_are_ignored() -> None:
    line = b'{"jsonrpc":"2.0","result":1,"method":"m","error":{},"id":1,"":[],"x":null}'
    assert parse(line) == ("m", None, b"1")


def test_any_text_can_be_a_method() -> None:
    for method in ["", "a b", "rpc.discover", "$/cancelRequest", "é😀", "\n\0"]:
        line = json.dumps({"jsonrpc": "2.0", "method": method}).encode()
        assert parse(line) == (method, None, None)
        assert parse(msgspec.json.encode({"jsonrpc": "2.0", "method": method})) == (method, None, None)


# Batches

ONE = b'{"jsonrpc":"2.0","method":"m","id":1}'


def test_a_batch_keeps_its_order_and_each_item_its_own_fate() -> None:
    items = [
        b'{"jsonrpc":"2.0","method":"a","id":"x"}',
        b"1e999",
        b'{"jsonrpc":"2.0","method":"b"}',
        b'{"jsonrpc":"2.0","method":"c","id":1.5}',
        b'{"jsonrpc":"2.0","method":2,"id":-3}',
        b"[]",
        b"[%b]" % ONE,
        b'{"jsonrpc":"2.0","method":"d","params":{},"id":null}',
        b"null",
    ]
    expected: list[Seen] = [
        ("a", None, b'"x"'),
        (INVALID_REQUEST, b"null"),
        ("b", None, None),
        (INVALID_REQUEST, b"null"),
        (INVALID_REQUEST, b"-3"),
        (INVALID_REQUEST, b"null"),
        (INVALID_REQUEST, b"null"),
        ("d", b"{}", b"null"),
        (INVALID_REQUEST, b"null"),
    ]
    assert parse(b"[" + b",".join(items) + b"]") == expected
    assert parse(b" [ " + b" ,\t".join(items) + b" ]\r") == expected


@pytest.mark.parametrize("batch", [b"[]", b"[ ]", b" [] ", b"[\t]\r"])
def test_an_empty_batch_is_one_error(batch: bytes) -> None:
    assert parse(batch) == (INVALID_REQUEST, b"null")


@pytest.mark.parametrize("count", [1, 2, 1023, 1024])
def test_a_batch_up_to_the_limit_is_taken(count: int) -> None:
    assert MAX_BATCH == 1024
    assert parse(b"[" + b",".join([ONE] * count) + b"]") == [("m", None, b"1")] * count


@pytest.mark.parametrize("item", [ONE, b'{"jsonrpc":"2.0","method":"m"}', b"1", b"[]"])
@pytest.mark.parametrize("count", [1025, 5000])
def test_a_batch_over_the_limit_is_one_error_that_says_so(item: bytes, count: int) -> None:
    malformed = refusal(b"[" + b",".join([item] * count) + b"]")
    assert seen(malformed) == (INVALID_REQUEST, b"null")
    assert str(count) in malformed.message
    assert "1024" in malformed.message


@pytest.mark.parametrize("bad", [b"x", b"{", b'{"jsonrpc"', rb'"\ud800"', b'"\xff"', b"", b"01"])
@pytest.mark.parametrize("count", [1, 1025])
def test_bad_json_in_a_batch_spoils_the_whole_line(bad: bytes, count: int) -> None:
    good = b",".join([ONE] * count)
    assert parse(b"[%b,%b]" % (good, bad)) == (PARSE_ERROR, b"null")
    assert parse(b"[%b,%b]" % (bad, good)) == (PARSE_ERROR, b"null")


# Any request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
STRUCTURES = st.lists(VALUES, max_size=4) | st.dictionaries(TEXT, VALUES, max_size=4)
IDS = st.none() | st.integers() | TEXT


@st.composite
def written(draw: st.DrawFn, value: object) -> bytes:
    """`value` as one of the texts that mean it."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators).encode()


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, str, bytes | None, bytes | None]:
    """A request's text, its method, and the texts of its params and id."""
    method = draw(TEXT)
    params = draw(st.none() | STRUCTURES.flatmap(written))
    id_ = draw(st.none() | IDS.flatmap(written))
    members = [b'"jsonrpc":"2.0"', b'"method":' + draw(written(method))]
    if params is not None:
        members.append(b'"params":' + params)
    if id_ is not None:
        members.append(b'"id": ' + id_)
    if draw(st.booleans()):
        members.append(b'"more":' + draw(VALUES.flatmap(written)))
    return b"{" + b" , ".join(draw(st.permutations(members))) + b"}", method, params, id_


@EXAMPLES
@given(request=requests())
def test_any_request_comes_through_with_its_params_and_id_as_written(
    request: tuple[bytes, str, bytes | None, bytes | None],
) -> None:
    line, *expected = request
    assert parse(line) == tuple(expected)


@EXAMPLES
@given(batch=st.lists(requests(), min_size=1, max_size=3))
def test_any_batch_comes_through_request_by_request(
    batch: list[tuple[bytes, str, bytes | None, bytes | None]],
) -> None:
    assert parse(b"[" + b",".join(item[0] for item in batch) + b"]") == [item[1:] for item in batch]
