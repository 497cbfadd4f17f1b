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

_NO_JSON: Final = (ValueError, StopIteration, RecursionError)
"""The errors for bytes that are not UTF-8, for texts that are no JSON, and for a text that is none in UTF-8."""


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
            connection.sendall(data)  # Python ignores SIGPIPE
            return _results(connection, len(requests), deadline)
        finally:
            connection.close()
    except (OSError, UnusablePath, *_NO_JSON):
        return None


def _results(connection: _socket.socket, count: int, deadline: float) -> list[Any] | None:
    results: dict[int, Any] = {}
    parts: list[bytes] = []  # of a line that has not ended yet
    while len(results) < count:
        left = deadline - monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        received = connection.recv(_RECEIVE_BYTES)
        if not received:
            return None
        parts.append(received)
        if b"\n" not in received:
            continue
        *lines, rest = b"".join(parts).split(b"\n")
        parts = [rest]
        for line in lines:
            answer = decoded(line.decode())
            match answer:
                case {"id": int(number), "result": result} if 0 <= number < count:
                    results[number] = result
                case _:
                    return None
    return [results[number] for number in range(count)]


def decoded(text: str) -> Any:
    """Return the value of a JSON text. Raise one of `_NO_JSON` for another text."""
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


def _encoded(value: str | int | list[Any] | Mapping[str, Any]) -> str:
    """Return a text, an integer, a list or an object of such as JSON."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(_encoded(each) for each in value)}]"
    return f"{{{','.join(f'{_quoted(key)}:{_encoded(each)}' for key, each in value.items())}}}"


def _quoted(text: str) -> str:
    try:
        from _json import encode_basestring
    except ImportError:  # as above
        from json.encoder import encode_basestring
    return encode_basestring(text)
