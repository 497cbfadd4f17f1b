"""JSON-RPC 2.0 texts to and from bytes: requests and batches, answers and notifications.

The strategy: one line is decoded once, and only its envelope. Params and results stay as the JSON
text they came in (`Raw`), for the one reader that knows their type. An id is kept as text too, so
that it goes back exactly as it came, however large the integer or however escaped the string.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from workspaced_protocol.errors import ErrorCode, RpcError

MAX_BATCH: Final = 1024
"""The most requests in one batch: as many as a connection may have in flight (protocol.md)."""

NULL_ID: Final = b"null"

# An id is a string, an integer or null (protocol.md, Transport); Raw says it is JSON already.
_LEGAL_ID = re.compile(rb'"|-?[0-9]+\Z|null\Z')


@dataclass(frozen=True, slots=True)
class Call:
    """A request, or a notification where `id` is None."""

    method: str
    params: Raw | None
    id: bytes | None


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something in a request's place that is none, and what to answer."""

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
    data: dict[str, object] | None = None


class _AnswerEnvelope(Struct, frozen=True):
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
    """What a client sent on one line: a request, or the list of a batch's."""
    problem = _unreadable(line)
    if problem:
        return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, problem)
    if not line.lstrip().startswith(b"["):
        return _parse_request(line)
    try:
        items = _decode_array(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, f"The line is not JSON: {error}.")
    if not items:
        return Malformed(NULL_ID, ErrorCode.INVALID_REQUEST, "A batch must hold at least one request.")
    if len(items) > MAX_BATCH:
        return Malformed(
            NULL_ID,
            ErrorCode.INVALID_REQUEST,
            f"The batch has {len(items)} requests; the limit is {MAX_BATCH}: send it in parts.",
        )
    return [_parse_request(item) for item in items]


def _unreadable(line: bytes) -> str | None:
    """Why the text of this line could never be stored, or None."""
    if line.isascii():
        # Only an escape can hide half a character; the decoder refuses it, but not inside a Raw.
        if b"\\ud" not in line and b"\\uD" not in line:
            return None
    else:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return f"The line is not UTF-8: {error.reason} at byte {error.start}."
    try:
        msgspec.json.decode(line)
    except msgspec.ValidationError:
        return None  # a number out of range: the reader of the params names the field
    except (msgspec.DecodeError, RecursionError) as error:
        return f"The line is not JSON: {error}."
    return None


def _parse_request(text: bytes | Raw) -> Call | Malformed:
    try:
        envelope = _decode_envelope(text)
    except msgspec.ValidationError:
        return _not_a_request(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, f"The line is not JSON: {error}.")
    params = None if envelope.params is UNSET else envelope.params
    id_ = None if envelope.id is UNSET else bytes(envelope.id)
    if (
        envelope.jsonrpc != "2.0"
        or (params is not None and bytes(params)[:1] not in (b"{", b"["))
        or (id_ is not None and not _LEGAL_ID.match(id_))
    ):
        return _not_a_request(text)
    return Call(envelope.method, params, id_)


def _not_a_request(text: bytes | Raw) -> Malformed:
    """Says what a request lacks; its id is given back where it is a legal one."""
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
        return Malformed(NULL_ID, ErrorCode.PARSE_ERROR, f"The line is not JSON: {error}.")
    id_ = bytes(members.get("id", NULL_ID))
    if not _LEGAL_ID.match(id_):
        return Malformed(NULL_ID, ErrorCode.INVALID_REQUEST, "`id` must be a string, an integer or null.")
    if bytes(members.get("jsonrpc", b"")) != b'"2.0"':
        problem = '`jsonrpc` must be "2.0".'
    elif not bytes(members.get("method", b"")).startswith(b'"'):
        problem = "`method` must be a string."
    else:
        problem = "`params` must be an object or an array."
    return Malformed(id_, ErrorCode.INVALID_REQUEST, problem)


def _syntax_problem(text: bytes | Raw) -> str | None:
    try:
        msgspec.json.decode(text)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, RecursionError) as error:
        return f"The line is not JSON: {error}."
    return None


def encode_result(id_: bytes, result: bytes) -> bytes:
    """An answer; `id_` and `result` are JSON already."""
    return b'{"jsonrpc":"2.0","id":' + id_ + b',"result":' + result + b"}"


def encode_error(id_: bytes, error: RpcError) -> bytes:
    """An error answer; `id_` is JSON already."""
    body = _encode(_WireError(error.code, error.message, error.data))
    return b'{"jsonrpc":"2.0","id":' + id_ + b',"error":' + body + b"}"


def encode_notification(method: str, params: bytes) -> bytes:
    """A message that gets no answer; `params` is JSON already."""
    return b'{"jsonrpc":"2.0","method":' + _encode(method) + b',"params":' + params + b"}"


def encode_request(id_: int, method: str, params: bytes) -> bytes:
    """A call; `params` is JSON already."""
    head = b'{"jsonrpc":"2.0","id":%d,"method":' % id_
    return head + _encode(method) + b',"params":' + params + b"}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request: the result's JSON text, or an error."""

    id: int | str | None
    result: Raw | RpcError


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of the daemon's own accord."""

    method: str
    params: Raw


class NotAnAnswer(ValueError):
    """A line from the daemon that is neither an answer nor a notification."""


def parse_answer(line: bytes) -> Answer | Notification:
    """What the daemon sent on one line. Raises NotAnAnswer where it is no JSON-RPC."""
    try:
        envelope = _decode_answer(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotAnAnswer(f"Not a JSON-RPC message: {error}.") from error
    if envelope.method is not UNSET:
        params = Raw(b"{}") if envelope.params is UNSET else envelope.params
        return Notification(envelope.method, params)
    id_ = None if envelope.id is UNSET else envelope.id
    if envelope.error is not UNSET:
        refusal = envelope.error
        return Answer(id_, RpcError(refusal.code, refusal.message, refusal.data))
    if envelope.result is not UNSET:
        return Answer(id_, envelope.result)
    raise NotAnAnswer("Not a JSON-RPC message: it has no result, error or method.")
