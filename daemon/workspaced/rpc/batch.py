"""The answers of a JSON-RPC batch, gathered into one array."""

from collections.abc import Callable


class Batch:
    """Gathers the answers of a batch; `put` takes the array when the last one is added."""

    def __init__(self, expected: int, put: Callable[[list[bytes]], None]) -> None:
        self.size_bytes = 0
        self._expected = expected
        self._put = put
        self._pieces: list[bytes] = []

    def add(self, text: bytes | list[bytes] | None) -> None:
        """Add one request's answer, or None for a notification; the last one puts the array, unless it is empty."""
        self._expected -= 1
        if text is not None:
            pieces = [text] if isinstance(text, bytes) else text
            self._pieces += (b"," if self._pieces else b"[", *pieces)
            self.size_bytes += sum(map(len, pieces))
        if self._expected == 0 and self._pieces:
            self._put([*self._pieces, b"]"])
