"""What git writes while it clones: bytes in, steps of progress out, and the last of it kept as text.

The strategy: as on a terminal, a line that ends with a carriage return is written over by the next
one. So the percentages pass by as steps, and only what would be left to read is kept.
"""

import re
from collections import deque
from typing import Final, NamedTuple

KEPT_BYTES: Final = 64 * 1024
"""How much of the end of git's output is kept for an error."""

_LONGEST_MESSAGE: Final = 200
_LINE_ENDS: Final = re.compile(rb"(?<=[\r\n])")
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)  # a server's words may hold a terminal's commands
# “remote: Counting objects:  50% (1/2)”, “Receiving objects: 100% (8/8), 1.2 MiB | 3 MiB/s, done.”
_STEP: Final = re.compile(r"(?:remote: )?([A-Z][A-Za-z ]{1,40}): +(?:(100|\d\d?)% \(|\d)")


class Step(NamedTuple):
    """How far a task has come: the phase, its percentage where it has one, and a line for a person."""

    phase: str
    percent: int | None
    message: str


class GitOutput:
    """Takes git's stderr as it comes."""

    def __init__(self) -> None:
        self._pending = b""
        self._overwritten = b""
        self._lines: deque[bytes] = deque()
        self._kept_bytes = 0

    def feed(self, data: bytes | bytearray) -> Step | None:
        """The newest step that `data` tells of, or None."""
        step: Step | None = None
        *pieces, self._pending = _LINE_ENDS.split(self._pending + data)
        self._pending = self._pending[-KEPT_BYTES:]
        for piece in pieces:
            line = piece.strip() or self._overwritten
            step = _step(line) or step
            if piece.endswith(b"\n"):
                self._keep(line)
                line = b""
            self._overwritten = line
        return step

    @property
    def text(self) -> str:
        """What a terminal would show of it, from the last `KEPT_BYTES` bytes."""
        rest = self._pending.strip() or self._overwritten
        whole = b"\n".join([*self._lines, rest] if rest else self._lines)
        return _readable(whole[-KEPT_BYTES:])

    def _keep(self, line: bytes) -> None:
        self._lines.append(line)
        self._kept_bytes += len(line) + 1
        while self._kept_bytes > KEPT_BYTES and len(self._lines) > 1:
            self._kept_bytes -= len(self._lines.popleft()) + 1


def _step(line: bytes) -> Step | None:
    message = _readable(line[:_LONGEST_MESSAGE])
    found = _STEP.match(message)
    if found is None:
        return None
    return Step(found[1], int(found[2]) if found[2] else None, message)


def _readable(text: bytes) -> str:
    return _UNPRINTABLE.sub("", text.decode(errors="replace"))
