"""The framing of the transport: bytes in, whole lines out, without I/O.

The strategy:
- Bytes after the last newline wait in one buffer until their newline arrives. Only new bytes are searched
  for it, so no byte is examined twice, however small the pieces, and the buffer holds little more than the cap.
- A line over the cap ends the framing: the start of the next line is unknown, so both sides close the
  connection.
"""

from typing import Final

MAX_LINE_BYTES: Final = 1024 * 1024
"""The default cap on the length of a line without its newline (protocol.md, Limits)."""

_WHITE_SPACE: Final = b" \t\r"  # JSON's white space (RFC 8259, section 2) without the newline


class LineSplitter:
    """Splits a stream of bytes into lines at newlines. A line does not include its newline.

    Lines without content, even with white space, are skipped. Once `overflowed` is true, all further bytes
    are ignored.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._pending = bytearray()
        self.overflowed = False
        """Whether a line was longer than the cap."""

    @property
    def pending_bytes(self) -> int:
        """The number of bytes of an unfinished line."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, in order. Lines before an overlong one are still returned."""
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
        """Return the whole line that ends with `piece`."""
        if not self._pending:
            return piece
        line = bytes(self._pending + piece)
        self._pending.clear()
        return line

    def _overflow(self) -> None:
        self.overflowed = True
        self._pending.clear()
