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
        *lines, rest = data.split(b"\n")
        if lines and self._pending:
            lines[0] = bytes(self._pending + lines[0])
            self._pending.clear()
        if rest:
            self._pending += rest
        # The first line has bytes of earlier data, each other one is a part of this.
        if len(data) > self._max_line_bytes or (lines and len(lines[0]) > self._max_line_bytes):
            lines = self._up_to_overlong(lines)
        if len(self._pending) > self._max_line_bytes:
            self._overflow()
        return [line for line in lines if line.strip(_WHITE_SPACE)]

    def _up_to_overlong(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines before the first overlong one, which ends the framing."""
        for index, line in enumerate(lines):
            if len(line) > self._max_line_bytes:
                self._overflow()
                return lines[:index]
        return lines

    def _overflow(self) -> None:
        self.overflowed = True
        self._pending.clear()
