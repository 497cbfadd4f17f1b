"""Ids: a prefix for the kind of thing, and a ULID that rises within this process."""

import hashlib
import secrets
from collections.abc import Callable
from threading import Lock
from typing import Final

from workspaced.domain.clock import now_ms

# A ULID is 48 bits of Unix milliseconds, then 80 random ones, in Crockford's base 32 (github.com/ulid/spec). Made here,
# because each write has one, and a start imports this: the library takes 7 µs for one, and 15 ms to load.
_RANDOM_BITS: Final = 80
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_SHIFTS: Final = range(120, -1, -10)  # of the 13 pairs of digits in 26


class IdFactory:
    """Makes ids that sort by creation, even when the clock steps back (FR-010).

    `clock_ms` returns Unix milliseconds. Several threads may share one factory.
    """

    def __init__(self, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._newest = secrets.randbits(_RANDOM_BITS)  # as of 1970: no clock that steps back is earlier
        self._lock = Lock()

    def workspace(self) -> str:
        """Return a new workspace id, `ws_…`."""
        return self._make("ws")

    def project(self) -> str:
        """Return a new project id, `proj_…`."""
        return self._make("proj")

    def session(self) -> str:
        """Return a new session id, `ss_…`."""
        return self._make("ss")

    def store(self) -> str:
        """Return a new store id, `st_…`."""
        return self._make("st")

    def correlation(self) -> str:
        """Return a new correlation id, `cor_…`."""
        return self._make("cor")

    def _make(self, prefix: str) -> str:
        with self._lock:
            clock_ms = self._clock_ms()
            if clock_ms > self._newest >> _RANDOM_BITS:
                self._newest = clock_ms << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            else:
                self._newest += 1  # within one millisecond, or after a step back
            return f"{prefix}_{_ulid(self._newest)}"


def _ulid(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def store_id_of(text: bytes, written_at_ms: int) -> str:
    """Return the id of the store in a file of an older version, which has none.

    It is made of the text and the time of its writing alone. So each start gives the store the same id, until the
    first write makes it durable, and a backup made before that write belongs to the store.
    """
    time_ms = min(max(written_at_ms, 0), 2**48 - 1)
    made_of_text = int.from_bytes(hashlib.sha256(text).digest()[: _RANDOM_BITS // 8])
    return f"st_{_ulid(time_ms << _RANDOM_BITS | made_of_text)}"
