"""The wall clock in Unix milliseconds, the protocol's unit of time."""

import time


def now_ms() -> int:
    """Return the current time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
