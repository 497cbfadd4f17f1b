"""What is fuzzed: each target reads bytes as the code that it is for does, and checks what must hold of it.

A target raises nothing but what that code promises; anything else, a failed assertion included, is a finding.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import msgspec

from support.documents import STORE_ID, store_text
from workspaced.domain.state import State
from workspaced.store.document import Corrupted, NewerVersion, encode_document, parse_document
from workspaced_client._core.conversation import Conversation
from workspaced_client._core.event_feed import EventFeed
from workspaced_client.errors import WorkspacedError
from workspaced_protocol.checksum import checksum
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.examples import EXAMPLES
from workspaced_protocol.framing import LineSplitter
from workspaced_protocol.messages import Call, encode_error, encode_result, parse_requests
from workspaced_protocol.method import InvalidParams
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import Workspace

_LIMIT_BYTES = 4096


def fuzz_requests(data: bytes) -> None:
    """What a client sends to the daemon: framing, messages, params; the first byte tells where it is cut."""
    cut = data[0] if data else 0
    data = data[1:]
    whole, in_pieces = LineSplitter(_LIMIT_BYTES), LineSplitter(_LIMIT_BYTES)
    lines = whole.feed(data)
    assert lines == in_pieces.feed(data[:cut]) + in_pieces.feed(data[cut:]), "a cut changes what is read"
    assert whole.overflowed == in_pieces.overflowed
    for line in lines:
        found = parse_requests(line)
        for request in found if isinstance(found, list) else [found]:
            if not isinstance(request, Call):
                json.loads(request.id)
                continue
            json.loads(encode_result(request.id or b"null", b"{}"))
            method = METHODS.get(request.method)
            if method is not None:
                try:
                    method.decode_params(request.params)
                except InvalidParams as error:
                    refusal = RpcError(ErrorCode.INVALID_PARAMS, error.message, {"path": error.path})
                    json.loads(encode_error(request.id or b"null", refusal))


def fuzz_document(data: bytes) -> None:
    """A file of the store: it is refused, or it is the same when written and read again."""
    _read_document(data)
    try:
        data.decode()
    except UnicodeDecodeError:
        return
    stated, actual = checksum(data)
    if stated is not None:
        # A right checksum over what is wrong: without this, the fuzzer would hardly meet one.
        _read_document(data.replace(stated.encode(), actual.encode()))


def _read_document(data: bytes) -> None:
    try:
        found = parse_document(data)
    except (Corrupted, NewerVersion):
        return
    state = found.state if found.version > 2 else replace(found.state, store_id=STORE_ID)
    again = parse_document(encode_document(state)).state
    assert again.workspaces() == state.workspaces(), "what was read is not what is written"
    assert (again.revision, again.store_id) == (state.revision, state.store_id)


def fuzz_answers(data: bytes) -> None:
    """What the daemon sends to a client: each call is settled by what comes, or by the end of the stream."""
    conversation = Conversation()
    calls = [conversation.prepare(name, {}) for name in ("daemon.ping", "workspace.create")]
    for call in calls:
        conversation.send(call)
        conversation.sent(len(conversation.outgoing))
    conversation.receive(data or b" ")
    conversation.receive(b"")
    assert all(call.settled for call in calls)
    feed = EventFeed(None, None)
    feed.begin()
    try:
        feed.receive(data or b" ")
    except WorkspacedError:
        return


def request_seeds() -> list[bytes]:
    """One request of each method, and a batch."""
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": name, "params": example.params}
        for name, example in EXAMPLES.items()
    ]
    return [b"\x10" + json.dumps(request).encode() + b"\n" for request in [*requests, requests[:3]]]


def document_seeds() -> list[bytes]:
    """A store of this release, an empty one, and one of each older version."""
    saved = Workspace(
        id="ws_a", name="Größe", root_path="/a", state="active", created_at=1, updated_at=2, projects=()
    )
    old = b'{"version":1,"workspaces":[{"id":"ws_a","name":"A","rootPath":"/a","state":"active",'
    old += b'"createdAt":1,"updatedAt":2,"projects":[]}]}'
    return [
        encode_document(State.of([saved], 7, store_id=STORE_ID)),
        encode_document(State(store_id=STORE_ID)),
        store_text([msgspec.to_builtins(saved)], 7, 2).encode(),
        old,
    ]


def answer_seeds() -> list[bytes]:
    """An answer of each method, a refusal, an event."""
    results = [{"jsonrpc": "2.0", "id": 1, "result": example.result} for example in EXAMPLES.values()]
    refusal = {"code": 1001, "message": "There is none.", "data": {"kind": "notFound", "id": "ws_a"}}
    event = {
        "topic": "workspace.created",
        "revision": 7,
        "sequence": 1,
        "timestamp": 5,
        "correlationId": "cor_1",
        "payload": {"workspaceId": "ws_a", "name": "A", "rootPath": "/a"},
    }
    others = [
        {"jsonrpc": "2.0", "id": 2, "error": refusal},
        {"jsonrpc": "2.0", "method": "event", "params": event},
    ]
    return [msgspec.json.encode(message) + b"\n" for message in (*results, *others)]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "requests": (fuzz_requests, request_seeds),
    "document": (fuzz_document, document_seeds),
    "answers": (fuzz_answers, answer_seeds),
}
