"""Bytes that no well-made client sends, over real connections to a real daemon: hypothesis makes them.

Whatever comes, each line that goes back is a JSON-RPC message, nothing of the daemon's insides is in it, the
daemon goes on, and nobody else notices.
"""

import json
import socket
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.daemon_process import DaemonProcess, Home
from support.raw_connection import ANSWER_SECONDS, RawConnection
from workspaced_protocol.methods import METHODS

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["ws_none", "\ud800", "\x00", "a" * 129, "/", "workspace.*"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

# What can't be undone for other tests of the shared daemon, or takes its time, is left out: other tests call it.
_NAMES = sorted(METHODS.keys() - {"project.clone", "store.backup", "store.restore", "store.apply"})
PARAMETER_NAMES = sorted({name for name in _NAMES for name in METHODS[name].param_names()})


METHOD_NAMES = st.sampled_from(_NAMES) | st.text(max_size=10)


@st.composite
def requests(draw: st.DrawFn) -> object:
    """Something like a request, with members missing, strange or too many."""
    message: dict[str, object] = {
        "jsonrpc": "2.0",
        "id": draw(st.integers(1, 9)),
        "method": draw(METHOD_NAMES),
    }
    message["params"] = draw(
        st.dictionaries(st.sampled_from(PARAMETER_NAMES), JSON_VALUES, max_size=4)
        | st.lists(JSON_VALUES, max_size=4)
        | JSON_VALUES
    )
    for name in draw(st.sets(st.sampled_from([*message, "extra"]), max_size=2)):
        if draw(st.booleans()):
            message.pop(name, None)
        else:
            message[name] = draw(JSON_VALUES)
    return message


LINES = (
    requests().map(lambda message: json.dumps(message).encode())
    | st.lists(requests(), max_size=4).map(lambda batch: json.dumps(batch).encode())
    | st.binary(max_size=60).map(lambda data: data.replace(b"\n", b""))
    | st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth)
    | st.sampled_from(
        [
            b'{"jsonrpc":"2.0","id":1,"id":2,"method":"daemon.ping"}',
            b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping","method":"no.such"}',
            b'{"jsonrpc":"2.0","id":NaN,"method":"daemon.ping"}',
            b'{"jsonrpc":"2.0","id":1e400,"method":"daemon.ping"}',
            b'{"jsonrpc":"2.0","id":1,"method":"workspace.get","params":{"id":"\\ud800"}}',
            b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"daemon.ping"}',
            b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        ]
    )
)


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    """Some lines, with bytes changed here and there, as the pieces that they are sent in."""
    data = bytearray(b"\n".join(draw(st.lists(LINES, min_size=1, max_size=4))))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)):
        if place < len(data):
            data[place] = byte
    if draw(st.booleans()):
        data += b"\n"
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [bytes(data[start:end]) for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def all_that_comes_back(home: Home, pieces: list[bytes]) -> list[Any]:
    """Send the pieces, and no more; return every line that is answered until the daemon closes it."""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(ANSWER_SECONDS)
        connected.connect(str(home.socket))
        for piece in pieces:
            if piece:
                connected.sendall(piece)
        connected.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: connected.recv(1 << 16), b""))
    assert not data or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def check_message(message: Any) -> None:
    """It is an answer or a notification of JSON-RPC 2.0, and an error is a sentence."""
    if isinstance(message, list):
        assert message
        for one in message:
            check_message(one)
        return
    assert message["jsonrpc"] == "2.0"
    if "method" in message:
        assert set(message) == {"jsonrpc", "method", "params"}
        return
    assert "id" in message
    assert ("result" in message) != ("error" in message)
    if "error" in message:
        error = message["error"]
        assert isinstance(error["code"], int)
        assert error["code"] != -32603, error  # a defect
        assert " " in error["message"]
        for inside in ("Traceback", 'File "', "site-packages", "msgspec"):
            assert inside not in json.dumps(error), error


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pieces=cut())
def test_whatever_comes_is_answered_by_json_rpc(
    shared_daemon: DaemonProcess, shared_home: Home, connection: RawConnection, pieces: list[bytes]
) -> None:
    for message in all_that_comes_back(shared_home, pieces):
        check_message(message)
    assert connection.call("daemon.ping") == "pong"  # one that was there before, and is still served
    assert "Traceback" not in shared_daemon.stderr


def test_a_request_cut_anywhere_is_whole_or_nothing(shared_home: Home) -> None:
    """What was not ended by a newline was not said, and where the pieces end changes nothing."""
    line = b'{"jsonrpc":"2.0","id":7,"method":"daemon.ping","params":{}}\n'
    for place in range(len(line)):
        answers = all_that_comes_back(shared_home, [line[:place], line[place:]])
        assert answers == [{"jsonrpc": "2.0", "id": 7, "result": "pong"}]
        assert all_that_comes_back(shared_home, [line[:place]]) == []
