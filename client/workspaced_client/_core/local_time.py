"""The daemon's times as people read them."""

import time
from datetime import datetime

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def when(time_ms: int) -> str:
    """Return a time in Unix milliseconds as a local date and time."""
    return _local(time_ms, "%Y-%m-%d %H:%M:%S")


def since(time_ms: int) -> str:
    """Return the beginning of something that still lasts, and for how long it does: `14:03 (12 min)`.

    Of another day it has the date; a time that the clock has not reached has no length.
    """
    now_seconds = time.time()
    is_today = _local(time_ms, "%Y-%j") == _local(int(now_seconds * 1000), "%Y-%j")
    begun = _local(time_ms, "%H:%M" if is_today else "%Y-%m-%d %H:%M")
    lasts = int(now_seconds - time_ms / 1000)
    return begun + next((f" ({lasts // seconds} {unit})" for seconds, unit in _SPANS if lasts >= seconds), "")


def _local(time_ms: int, form: str) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000).strftime(form)
    except (OverflowError, ValueError, OSError):
        return f"{time_ms} ms after 1970"  # an app may have stored any number
