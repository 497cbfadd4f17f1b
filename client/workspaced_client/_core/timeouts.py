"""Checks of timeouts, and the time left until a deadline."""

from typing import Final

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Each wait takes at most an hour and is then repeated: the system's calls accept no infinite time."""


def checked_timeout(seconds: float) -> float:
    """Return `seconds` as a float. Raises ValueError unless it is more than 0."""
    if not seconds > 0:
        raise ValueError(
            f"timeout_seconds must be more than 0, not {seconds!r}; use math.inf to wait forever."
        )
    return float(seconds)


def remaining(deadline: float, now: float) -> float:
    """Return the seconds until the deadline, from 0 to `LONGEST_WAIT_SECONDS`."""
    return min(max(deadline - now, 0.0), LONGEST_WAIT_SECONDS)
