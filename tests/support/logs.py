"""What the code under test logs, as data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workspaced.process.log import to_sink

EventDict = dict[str, Any]
"""A logged event: its sentence as `event`, its level as `log_level`, and its fields."""


@contextmanager
def capture_logs() -> Iterator[list[EventDict]]:
    """Yield the list that takes all that is logged within the block, in order."""
    entries: list[EventDict] = []
    with to_sink(
        lambda entry: entries.append({"event": entry.event, "log_level": entry.level, **entry.fields})
    ):
        yield entries
