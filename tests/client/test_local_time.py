"""Times as people read them: of today without the date, and how long something lasts already."""

import time

import pytest

from workspaced_client._core import local_time

NOW = time.mktime((2026, 11, 27, 14, 15, 30, 0, 0, -1))


@pytest.mark.parametrize(
    ("seconds_ago", "text"),
    [
        (0, "14:15"),
        (7, "14:15 (7 s)"),
        (750, "14:03 (12 min)"),
        (7_300, "12:13 (2 h)"),
        (15 * 3_600, "2026-11-26 23:15 (15 h)"),
        (3 * 86_400, "2026-11-24 14:15 (3 d)"),
        (-60, "14:16"),  # the clock was set back
    ],
)
def test_a_beginning_tells_how_long_ago_it_is(
    monkeypatch: pytest.MonkeyPatch, seconds_ago: int, text: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert local_time.since(int((NOW - seconds_ago) * 1000)) == text


def test_a_time_that_no_clock_can_show_is_told_as_it_is() -> None:
    assert local_time.since(1 << 60) == f"{1 << 60} ms after 1970"
