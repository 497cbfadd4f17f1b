"""JSON-RPC 2.0 messages: parsing and encoding of requests, batches, answers and notifications.

The strategy: decode each line once, and only its envelope. Params and results stay JSON text (`Raw`) for the
one reader that knows their type. An id stays text too, so that it is sent back exactly as it came, even a
large integer or an escaped string.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from workspaced_protocol.errors import ErrorCode, RpcError

MAX_BATCH: Final = 1024
"""The maximum number of requests in a batch: as many as a connection may have in flight (protocol.md, Limits)."""

NULL_ID: Final = b"null"
VERSION: Final = "2.0"

CANCEL_REQUEST: Final = "$/cancelRequest"
"""The notification by which a client cancels a request."""

PROGRESS: Final = "$/progress"
"""The notification of how far a task has come."""

EVENT: Final = "event"
"""The notification of an event."""

# An id is a string, an integer or null (protocol.md, Transport). As a Raw, it is valid JSON already.
_LEGAL_ID = re.compile(rb'"|-?[0-9]+\Z|null\Z')

_TOO_DEEP: Final = "The line is nested too deeply."


class Call(Struct, frozen=True):
    """A request, or a notification if `id` is None."""

    method: str
    params: bytes | None
    """As JSON text: an object or an array."""
    id: bytes | None
    """As JSON text."""


class Malformed(Struct, frozen=True):
    """A message that is not a valid request, with the error to answer."""

    id: bytes
    code: ErrorCode
    message: str


class _Envelope(Struct, frozen=True):
    jsonrpc: str
    method: str
    params: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET


class _WireError(Struct, frozen=True):
    code: int
    message: str
    data: object = None


class _AnswerEnvelope(Struct, frozen=True):
    jsonrpc: Literal["2.0"]
    id: int | str | UnsetType | None = UNSET
    result: Raw | UnsetType = UNSET
    error: _WireError | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_answer = msgspec.json.Decoder(_AnswerEnvelope).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.encode


def parse_requests(line: bytes) -> Call | Malformed | list[Call | Malformed]:
    """Parse a line from a client: a request, or a batch as a list."""
    # The decoder does not check the bytes within a Raw.
    if not line.isascii() and (problem := _not_utf8(line)):
        return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, problem)
    if line[:1] == b"{" or not line.lstrip().startswith(b"["):
        return _parse_request(line)
    try:
        items = _decode_array(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(error)
    if not items:
        return Malformed(NULL_ID, ErrorCode.INVALID_REQUEST, "A batch must hold at least one request.")
    if len(items) > MAX_BATCH:
        return Malformed(
            NULL_ID,
            ErrorCode.INVALID_REQUEST,
            f"The batch has {len(items)} requests; the limit is {MAX_BATCH}: send it in parts.",
        )
    return [_parse_request(item) for item in items]


def _not_json(error: msgspec.DecodeError | RecursionError) -> Malformed:
    problem = f"The line is not JSON: {error}." if isinstance(error, msgspec.DecodeError) else _TOO_DEEP
    return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, problem)


def _not_utf8(line: bytes) -> str | None:
    """Return why the line is not UTF-8, or None."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"The line is not UTF-8: {error.reason} at byte {error.start}."
    return None


def _syntax_problem(text: bytes | Raw) -> str | None:
    """Return why the text is not JSON that can be encoded again, or None.

    The standard library decides: it continues after a number out of range, where msgspec stops.
    """
    import json  # clients load this module too, and do not need it

    try:
        value = json.loads(bytes(text).decode(), parse_constant=_refuse_constant, parse_int=str)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "The line contains half of a surrogate pair, which is not a character."
    except RecursionError:
        return _TOO_DEEP
    except ValueError as error:
        return f"The line is not JSON: {error}."
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _parse_request(text: bytes | Raw) -> Call | Malformed:
    try:
        envelope = _decode_envelope(text)
    except msgspec.ValidationError:
        return _not_a_request(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(error)
    params = None if envelope.params is UNSET else bytes(envelope.params)
    id_ = None if envelope.id is UNSET else bytes(envelope.id)
    if (
        envelope.jsonrpc != VERSION
        or (params is not None and params[:1] not in (b"{", b"["))
        or (id_ is not None and not id_.isdigit() and not _LEGAL_ID.match(id_))
    ):
        return _not_a_request(text)
    return Call(envelope.method, params, id_)


def _not_a_request(text: bytes | Raw) -> Malformed:
    """Return the error for an invalid request, with the request's id if that is valid."""
    try:
        members = _decode_members(text)
    except msgspec.ValidationError:
        problem = _syntax_problem(text)
        if problem:
            return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, problem)
        return Malformed(
            NULL_ID, ErrorCode.INVALID_REQUEST, "A request must be an object with jsonrpc, method and id."
        )
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(error)
    id_ = bytes(members.get("id", NULL_ID))
    if not _LEGAL_ID.match(id_):
        return Malformed(NULL_ID, ErrorCode.INVALID_REQUEST, "`id` must be a string, an integer or null.")
    if _value(members.get("jsonrpc")) != VERSION:
        problem = '`jsonrpc` must be "2.0".'
    elif not bytes(members.get("method", b"")).startswith(b'"'):
        problem = "`method` must be a string."
    else:
        problem = "`params` must be an object or an array."
    return Malformed(id_, ErrorCode.INVALID_REQUEST, problem)


def _value(member: Raw | None) -> object:
    return None if member is None else msgspec.json.decode(member)


def encode_result(id_: bytes, result: bytes) -> bytes:
    """Encode an answer; `id_` and `result` are JSON already."""
    return b'{"jsonrpc":"2.0","id":' + id_ + b',"result":' + result + b"}"


def encode_result_array(id_: bytes, items: Iterable[bytes]) -> list[bytes]:
    """Encode an answer with an array of JSON texts as its result, in pieces: a large one is not copied."""
    pieces = [b'{"jsonrpc":"2.0","id":' + id_ + b',"result":[']
    for item in items:
        pieces += (item, b",")
    if len(pieces) > 1:
        pieces.pop()
    pieces.append(b"]}")
    return pieces


def encode_error(id_: bytes, error: RpcError) -> bytes:
    """Encode an error answer; `id_` is JSON already."""
    try:
        body = _encode(_WireError(error.code, error.message, error.data))
    except UnicodeEncodeError:
        import json  # loaded late: clients import this module too, and do not need it

        # It holds a path that is not UTF-8 (os.fsdecode): send “?” for each invalid byte.
        content = {"code": error.code, "message": error.message, "data": error.data}
        body = json.dumps(content, ensure_ascii=False).encode(errors="replace")
    return b'{"jsonrpc":"2.0","id":' + id_ + b',"error":' + body + b"}"


def encode_notification(method: str, params: bytes) -> bytes:
    """Encode a notification; `params` is JSON already."""
    return b'{"jsonrpc":"2.0","method":' + _encode(method) + b',"params":' + params + b"}"


def encode_request(id_: int, method: str, params: bytes) -> bytes:
    """Encode a request; `params` is JSON already."""
    head = b'{"jsonrpc":"2.0","id":%d,"method":' % id_
    return head + _encode(method) + b',"params":' + params + b"}"


class Answer(Struct, frozen=True):
    """An answer to a request: the result as JSON text, or an error."""

    id: int | str | None
    result: Raw | RpcError


class Notification(Struct, frozen=True):
    """A message from the daemon that answers no request."""

    method: str
    params: Raw


class NotAnAnswer(ValueError):
    """A line from the daemon that is neither an answer nor a notification."""


def parse_answer(line: bytes) -> Answer | Notification:
    """Parse a line from the daemon. Raises NotAnAnswer if it is not JSON-RPC."""
    try:
        line.decode()  # the decoder does not check the bytes within a Raw
        envelope = _decode_answer(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotAnAnswer(f"Not a JSON-RPC message: {error}.") from error
    if envelope.method is not UNSET and envelope.id is UNSET:
        params = Raw(b"{}") if envelope.params is UNSET else envelope.params
        return Notification(envelope.method, params)
    if envelope.method is not UNSET or envelope.id is UNSET:
        raise NotAnAnswer("Not a JSON-RPC message: it is neither an answer nor a notification.")
    if envelope.error is not UNSET and envelope.result is UNSET:
        refusal = envelope.error
        # An object always, by protocol.md.
        given: object = refusal.data
        data = cast("dict[str, object]", given) if isinstance(given, dict) else None
        return Answer(envelope.id, RpcError(refusal.code, refusal.message, data))
    if envelope.error is UNSET and envelope.result is not UNSET:
        return Answer(envelope.id, envelope.result)
    raise NotAnAnswer("Not a JSON-RPC message: it must have either a result or an error.")
