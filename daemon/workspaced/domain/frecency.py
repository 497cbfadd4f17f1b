"""Frecency: how often and how recently a workspace is used, as one number.

Each use adds 1 to a workspace's score, and the score fades by half in each half-life. A score is kept together
with the time for which it holds, and only a use replaces it. So it does not matter when, or how often, scores are
asked for: equal uses have equal scores.
"""

import math
from typing import Final, NamedTuple

HALF_LIFE_MS: Final = 7 * 24 * 60 * 60 * 1000
"""A week, the rhythm of work: a weekend changes no order, one use a day outweighs a day full of uses a month ago."""


class Use(NamedTuple):
    """The last use of a workspace, in Unix milliseconds, and its score at that time."""

    last_used_at: int
    score: float


def used(before: Use | None, now_ms: int) -> Use:
    """Return the use after one more, now."""
    return Use(now_ms, 1.0 if before is None else 1.0 + score_at(before, now_ms))


def score_at(use: Use, now_ms: int) -> float:
    """Return the score at a time. A last use in the future, noted by a wrong clock, fades as one in the past."""
    return use.score * math.exp2(-abs(now_ms - use.last_used_at) / HALF_LIFE_MS)
