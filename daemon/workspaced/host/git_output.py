"""A parser of git's output during a clone: bytes in, progress steps out, the end of the text kept.

The strategy: as on a terminal, the next line overwrites a line that ends with a carriage return. So
percentages become steps, and only the lines that a terminal would still show are kept.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

KEPT_BYTES: Final = 64 * 1024
"""The number of bytes kept from the end of git's output, for errors."""

_LONGEST_MESSAGE: Final = 200
_LINE_ENDS: Final = re.compile(rb"(?<=[\r\n])")
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)  # the server's text may contain terminal control sequences
# “remote: Counting objects:  50% (1/2)”, “Receiving objects: 100% (8/8), 1.2 MiB | 3 MiB/s, done.”
_STEP: Final = re.compile(r"(?:remote: )?([A-Z][A-Za-z ]{1,40}): +(?:(100|\d\d?)% \(|\d)")


class Step(NamedTuple):
    """A step of a task's progress: the phase, its percentage or None, and a line for people."""

    phase: str
    percent: int | None
    message: str


class GitOutput:
    """Parses git's stderr, fed in pieces. `black_out` takes secrets out of each line before it is cut or told."""

    def __init__(self, black_out: Callable[[str], str] = str) -> None:
        self._black_out = black_out
        self._pending = b""
        self._overwritten = b""
        self._lines: deque[bytes] = deque()
        self._kept_bytes = 0

    def feed(self, data: bytes | bytearray) -> Step | None:
        """Add `data` to the output, and return the newest step in it, or None."""
        step: Step | None = None
        *pieces, self._pending = _LINE_ENDS.split(self._pending + data)
        self._pending = self._pending[-KEPT_BYTES:]
        for piece in pieces:
            line = piece.strip() or self._overwritten
            step = self._step(line) or step
            if piece.endswith(b"\n"):
                self._keep(line)
                line = b""
            self._overwritten = line
        return step

    @property
    def text(self) -> str:
        """The output as a terminal would show it, at most the last `KEPT_BYTES` bytes."""
        rest = self._pending.strip() or self._overwritten
        whole = b"\n".join([*self._lines, self._told(rest)] if rest else self._lines)
        return whole[-KEPT_BYTES:].decode(errors="replace")

    def _told(self, line: bytes) -> bytes:
        return self._black_out(_readable(line)).encode()

    def _keep(self, line: bytes) -> None:
        line = self._told(line)
        self._lines.append(line)
        self._kept_bytes += len(line) + 1
        while self._kept_bytes > KEPT_BYTES and len(self._lines) > 1:
            self._kept_bytes -= len(self._lines.popleft()) + 1

    def _step(self, line: bytes) -> Step | None:
        # Twice: blacking a text out takes longer than to see that it is no step.
        if _STEP.match(_readable(line[:_LONGEST_MESSAGE])) is None:
            return None
        message = self._told(line).decode()[:_LONGEST_MESSAGE]
        found = _STEP.match(message)
        return Step(found[1], int(found[2]) if found[2] else None, message) if found else None


def _readable(text: bytes) -> str:
    return _UNPRINTABLE.sub("", text.decode(errors="replace"))
