"""Calls of the daemon with what Python has loaded anyway, for commands that are to be over in the blink of an eye.

The strategy:
- All requests go out together, and the answers are read until all have come, or a moment has passed.
- Whatever is unusual is no answer: no daemon, a slow one, an error. The whole client then asks again: it knows the words
  for every error, and the client library alone takes longer to load than all this to run.
- JSON is read by the scanner in C that `json` is made of: `json` itself loads `re`, which takes half as long as Python
  takes to start.
"""

from __future__ import annotations

import _socket
from time import monotonic

from workspaced_protocol.paths import UnusablePath, socket_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

QUICK_SECONDS: Final = 0.5
"""A daemon answers within a few milliseconds; the whole client waits for one that does not."""

_RECEIVE_BYTES: Final = 64 * 1024


# Any: JSON values.
def quick_call(
    socket: str | None, requests: Sequence[tuple[str, Mapping[str, Any]]], seconds: float
) -> list[Any] | None:
    """Return the results of these methods with their params, in order, or None for want of any of them.

    `socket` is None for the default one. Waits for the daemon at most for `seconds`.
    """
    deadline = monotonic() + seconds
    try:
        path = socket_path(socket)
        lines = [
            f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{_encoded(params)}}}\n'
            for number, (method, params) in enumerate(requests)
        ]
        data = "".join(lines).encode()
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(data, getattr(_socket, "MSG_NOSIGNAL", 0))
            return _results(connection, len(requests), deadline)
        finally:
            connection.close()
    except (OSError, ValueError, StopIteration, UnusablePath):  # ValueError: it is not UTF-8, or no JSON
        return None


def _results(connection: _socket.socket, count: int, deadline: float) -> list[Any] | None:
    results: dict[int, Any] = {}
    rest = b""
    while len(results) < count:
        left = deadline - monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        received = connection.recv(_RECEIVE_BYTES)
        if not received:
            return None
        if b"\n" not in received:
            rest += received
            continue
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            answer = decoded(line.decode())
            if not isinstance(answer, dict) or "result" not in answer:
                return None
            results[answer["id"]] = answer["result"]
    return [results.get(number) for number in range(count)]


def decoded(text: str) -> Any:
    """Return the value of a JSON text. Raise ValueError or StopIteration for another text."""
    try:
        from _json import make_scanner
    except ImportError:  # a Python without it
        import json

        return json.loads(text)
    # It reads the attributes of any object; its type knows of one kind only.
    return make_scanner(_LikeJson)(text, 0)[0]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class _LikeJson:
    """What the scanner is told: the same as `json.loads` tells it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def _encoded(value: Any) -> str:
    """Return a text, an integer, a list or an object of such as JSON."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(_encoded, value))}]"
    return f"{{{','.join(f'{_quoted(key)}:{_encoded(each)}' for key, each in value.items())}}}"


def _quoted(text: str) -> str:
    try:
        from _json import encode_basestring
    except ImportError:  # as above
        from json.encoder import encode_basestring
    return encode_basestring(text)
