"""ULIDs: ids of 26 characters that sort by the time when they were made (github.com/ulid/spec).

A ULID is 48 bits of Unix milliseconds, then 80 random ones, in Crockford's base 32. They are made here, because each
write has one, and each start of the daemon imports this: the library takes twice as long for one, and 15 ms to load.
"""

import secrets
from collections.abc import Callable
from threading import Lock
from typing import Final

RANDOM_BITS: Final = 80

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_SHIFTS: Final = range(120, -1, -10)  # of the 13 pairs of digits


class Ulids:
    """Makes ULIDs that rise, even when the clock steps back. `clock_ms` returns Unix milliseconds.

    Several threads may share one.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._newest = secrets.randbits(RANDOM_BITS)  # as of 1970: no clock that steps back is earlier
        self._lock = Lock()

    def new(self) -> str:
        """Return the next ULID."""
        with self._lock:
            clock_ms = self._clock_ms()
            if clock_ms > self._newest >> RANDOM_BITS:
                self._newest = clock_ms << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
            else:
                self._newest += 1  # within one millisecond, or after a step back
            return as_ulid(self._newest)


def as_ulid(number: int) -> str:
    """Return the text of a ULID, a number of 128 bits."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
