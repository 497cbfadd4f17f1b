"""The daemon's times as people read them."""

from datetime import datetime


def when(time_ms: int) -> str:
    """Return a time in Unix milliseconds as a local date and time."""
    try:
        return datetime.fromtimestamp(time_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{time_ms} ms after 1970"  # an app may have stored any number
