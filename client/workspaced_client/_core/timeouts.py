"""Checks of timeouts, and the time left until a deadline."""

from numbers import Number
from typing import Final

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Each wait takes at most an hour and is then repeated: the system's calls accept no infinite time."""


RESUMED_SECONDS: Final = 1.0
"""What a call still gets after its process was stopped past the deadline: its answer may be on its way."""

_STOPPED_SECONDS: Final = 0.5  # a loaded machine wakes a process that late


def was_stopped(deadline: float, now: float) -> bool:
    """Return whether this process noticed its deadline so late that it must have been stopped (SIGSTOP, a freezer).

    Such a deadline says nothing about the daemon.
    """
    return now - deadline > _STOPPED_SECONDS


def checked_timeout(seconds: float) -> float:
    """Return `seconds` as a float. Raises TypeError unless it is a number, ValueError unless it is more than 0."""
    number = seconds if type(seconds) is float else _number(seconds)
    if not number > 0:
        raise ValueError(
            f"timeout_seconds must be more than 0, not {number!r}; use math.inf to wait forever."
        )
    return number


def _number(seconds: object) -> float:
    kind = type(seconds)
    # Also Decimal and numpy.float32, but neither a bool nor an array of one number.
    is_number = kind is int or (not issubclass(kind, bool) and issubclass(kind, Number))
    try:
        return float(seconds if is_number else None)  # type: ignore[arg-type] # a TypeError tells
    except OverflowError:
        raise ValueError("timeout_seconds is too large for a float; use math.inf to wait forever.") from None
    except Exception as error:  # noqa: BLE001 - its own code may raise anything
        raise TypeError(
            f"timeout_seconds must be a number of seconds, not {kind.__name__}; use math.inf to wait forever."
        ) from (None if isinstance(error, TypeError) else error)


def remaining(deadline: float, now: float) -> float:
    """Return the seconds until the deadline, from 0 to `LONGEST_WAIT_SECONDS`."""
    return min(max(deadline - now, 0.0), LONGEST_WAIT_SECONDS)
