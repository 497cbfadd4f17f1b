"""Bytes in, whole lines out: the transport's framing, with no I/O of its own.

The strategy: bytes after the last newline gather in one buffer until their newline arrives, and only
new bytes are searched for it. So no byte is looked at twice, however small the pieces, and what is
kept is little more than the cap. A line over the cap ends the framing: where the next line would start
can't be known, so both sides close the connection.
"""

from typing import Final

MAX_LINE_BYTES: Final = 1024 * 1024
"""The default cap on one line, its newline not counted (protocol.md, Limits)."""

_WHITE_SPACE: Final = b" \t\r"  # that of JSON (RFC 8259, section 2), less the newline


class LineSplitter:
    """Splits a stream of bytes into lines ended by a newline; the newline is not part of a line.

    Empty lines, and lines of white space alone, are left out. After `overflowed` has become true,
    nothing more is taken.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._pending = bytearray()
        self.overflowed = False
        """Whether a line was longer than the cap."""

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished line have arrived."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` finishes, in order: those before an overlong one are still given."""
        if self.overflowed:
            return []
        *finished, rest = data.split(b"\n")
        lines: list[bytes] = []
        for piece in finished:
            line = self._finish(piece)
            if len(line) > self._max_line_bytes:
                self._overflow()
                return lines
            if line.strip(_WHITE_SPACE):
                lines.append(line)
        self._pending += rest
        if len(self._pending) > self._max_line_bytes:
            self._overflow()
        return lines

    def _finish(self, piece: bytes) -> bytes:
        """The whole line that ends with `piece`."""
        if not self._pending:
            return piece
        line = bytes(self._pending + piece)
        self._pending.clear()
        return line

    def _overflow(self) -> None:
        self.overflowed = True
        self._pending.clear()
