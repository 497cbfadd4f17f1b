"""What is asked of etcd and what it answers, as JSON of its gateway.

Field names are etcd's. The gateway writes bytes in base64 and long numbers as strings, and leaves out what is 0, false
or empty; msgspec reads both, where `strict` is off.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct, field, json


class KeyValue(Struct, frozen=True, gc=False):
    """A key at one revision; of a deleted one, `key` and `mod_revision` alone."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0
    lease: int = 0


class Compare(NamedTuple):
    """A condition of a transaction on a key, or on each key from `key` up to `range_end`; no key counts as 0."""

    key: bytes
    target: Literal["MOD", "VERSION", "CREATE"]
    result: Literal["EQUAL", "LESS", "GREATER"]
    number: int
    range_end: bytes | None = None


class Put(NamedTuple):
    """An operation of a transaction: write a key; it lives as long as its lease, if it has one."""

    key: bytes
    value: bytes
    lease: int = 0


class Delete(NamedTuple):
    """An operation of a transaction: delete a key, or all from `key` up to `range_end`."""

    key: bytes
    range_end: bytes | None = None


class Read(NamedTuple):
    """Read a key, or all from `key` up to `range_end`, in their order."""

    key: bytes
    range_end: bytes | None = None
    limit: int = 0
    """How many at most; 0: all."""
    keys_only: bool = False
    revision: int = 0
    """The state at this revision; 0: the newest."""


class TransactionAnswer(NamedTuple):
    """What a transaction came to."""

    revision: int
    succeeded: bool
    """Whether all comparisons held."""
    reads: Sequence[Sequence[KeyValue]]
    """The keys of each Read among the operations that ran."""


class ReadAnswer(NamedTuple):
    """What a Read found."""

    revision: int
    """The newest revision when etcd read, also where an older one was asked for."""
    items: Sequence[KeyValue]
    has_more: bool
    """Whether `limit` left some out."""


class WatchEvent(NamedTuple):
    """One change of a key."""

    item: KeyValue
    is_delete: bool


class WatchAnswer(NamedTuple):
    """Changes of one or more whole revisions, in order."""

    revision: int
    events: Sequence[WatchEvent]


class MemberStatus(NamedTuple):
    """What a member tells of itself."""

    version: str
    database_bytes: int
    quota_bytes: int | None
    """The largest size of its database; None: it does not tell."""
    has_leader: bool
    problems: Sequence[str]
    """Alarms and failures, in etcd's words, such as “alarm:NOSPACE”."""
    latency_seconds: float
    """From the request to the answer."""
    clock_offset_seconds: float | None
    """Its clock minus this machine's, to the second; None: it does not tell."""


_TARGETS: Final = {"MOD": "mod_revision", "VERSION": "version", "CREATE": "create_revision"}

Operation = Put | Delete | Read


def transaction(
    compares: Sequence[Compare], success: Sequence[Operation], failure: Sequence[Operation]
) -> bytes:
    """Return the request of a transaction."""
    return json.encode(
        {
            "compare": [
                _ranged(each.key, each.range_end)
                | {"target": each.target, "result": each.result, _TARGETS[each.target]: each.number}
                for each in compares
            ],
            "success": [_operation(each) for each in success],
            "failure": [_operation(each) for each in failure],
        }
    )


def _operation(operation: Operation) -> dict[str, Any]:
    if isinstance(operation, Put):
        return {"request_put": operation._asdict()}
    if isinstance(operation, Delete):
        return {"request_delete_range": _ranged(operation.key, operation.range_end)}
    return {"request_range": _range(operation)}


def read(request: Read) -> bytes:
    """Return the request of a read."""
    return json.encode(_range(request))


def _range(request: Read) -> dict[str, Any]:
    return _ranged(request.key, request.range_end) | {
        "limit": request.limit,
        "keys_only": request.keys_only,
        "revision": request.revision,
    }


def _ranged(key: bytes, range_end: bytes | None) -> dict[str, Any]:
    return {"key": key} if range_end is None else {"key": key, "range_end": range_end}


def watch(key: bytes, range_end: bytes, from_revision: int) -> bytes:
    """Return the request of a watch."""
    return json.encode({"create_request": _ranged(key, range_end) | {"start_revision": from_revision}})


def grant(ttl_seconds: int) -> bytes:
    """Return the request of a lease."""
    return json.encode({"TTL": ttl_seconds})


def of_lease(lease: int) -> bytes:
    """Return the request that keeps a lease alive, or revokes it."""
    return json.encode({"ID": lease})


def authentication(user: str, password: str) -> bytes:
    """Return the request of a token."""
    return json.encode({"name": user, "password": password})


class Header(Struct):
    """The beginning of each answer of etcd."""

    cluster_id: str
    revision: int = 0


class Reply(Struct):
    """An answer of etcd; what is none has no header."""

    header: Header


class _Range(Struct):
    kvs: list[KeyValue] = []
    more: bool = False


class RangeReply(Reply):
    """The answer to a read."""

    kvs: list[KeyValue] = []
    more: bool = False

    def plain(self) -> ReadAnswer:
        """Return what it says."""
        return ReadAnswer(self.header.revision, self.kvs, self.more)


class _Response(Struct):
    response_range: _Range | None = None


class TransactionReply(Reply):
    """The answer to a transaction."""

    succeeded: bool = False
    responses: list[_Response] = []

    def plain(self) -> TransactionAnswer:
        """Return what it says."""
        reads = [each.response_range.kvs for each in self.responses if each.response_range is not None]
        return TransactionAnswer(self.header.revision, self.succeeded, reads)


class Lease(Reply):
    """The answer about a lease; without a TTL it is gone."""

    id: int = field(name="ID", default=0)
    ttl: int = field(name="TTL", default=0)


class Token(Reply):
    """The answer to an authentication."""

    token: str


class Status(Reply):
    """The answer about a member."""

    version: str
    leader: str = "0"
    database_bytes: int = field(name="dbSize", default=0)
    quota_bytes: int = field(name="dbSizeQuota", default=0)
    errors: list[str] = []


class GatewayError(Struct):
    """What the gateway says of an error, within a stream or in place of an answer."""

    message: str = ""
    code: int = 0
    grpc_code: int = 0


class _Event(Struct):
    kv: KeyValue
    type: str = "PUT"


class WatchLine(Reply):
    """One line of a watch."""

    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    events: list[_Event] = []

    def plain(self) -> WatchAnswer:
        """Return what it says."""
        events = [WatchEvent(each.kv, each.type == "DELETE") for each in self.events]
        return WatchAnswer(self.header.revision, events)


class StreamedWatch(Struct):
    """A line of the stream of a watch."""

    result: WatchLine | None = None
    error: GatewayError | None = None


class StreamedLease(Struct):
    """The one line that answers a lease that is kept alive."""

    result: Lease


transaction_reply: Final = json.Decoder(TransactionReply, strict=False).decode
range_reply: Final = json.Decoder(RangeReply, strict=False).decode
lease: Final = json.Decoder(Lease, strict=False).decode
token: Final = json.Decoder(Token, strict=False).decode
status: Final = json.Decoder(Status, strict=False).decode
watch_line: Final = json.Decoder(StreamedWatch, strict=False).decode
_kept_lease: Final = json.Decoder(StreamedLease, strict=False).decode


def kept_lease(text: bytes) -> Lease:
    """Return the answer about a lease that was kept alive, out of its stream."""
    return _kept_lease(text).result
