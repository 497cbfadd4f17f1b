"""How much of a long list of cases a run tries: a share that is another one every day, or all of it.

`make test-exhaustive` tries all. Else the day chooses the share, so a failure comes back with the TEST_DAY that the
test run names in its last lines.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeVar

TRIES_ALL: Final = os.environ.get("TEST_EXHAUSTIVELY", "") not in ("", "0")
DAY: Final = int(os.environ.get("TEST_DAY") or date.today().toordinal())

_T = TypeVar("_T")


def one_of(cases: Sequence[_T], place: int) -> Sequence[_T]:
    """Return all cases, or the one that is due: each at every place in turn, and side by side at neighbouring ones."""
    if TRIES_ALL or not cases:
        return cases
    return (cases[(place + DAY) % len(cases)],)


def numbers(days: int) -> Iterator[int]:
    """Count from 1 without end: all numbers, or those that are due, so that each has its turn within so many days."""
    return itertools.count(1) if TRIES_ALL else itertools.count(1 + DAY % days, days)
