"""Scores of use: each use counts, fades, and equal uses are worth the same whenever that is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaced.domain.frecency import HALF_LIFE_MS, Use, score_at, used

DAY_MS = 24 * 60 * 60 * 1000
TIMES = st.lists(st.integers(0, 10 * HALF_LIFE_MS), min_size=1, max_size=20).map(sorted)


def after(times: list[int]) -> Use:
    use: Use | None = None
    for at in times:
        use = used(use, at)
    assert use is not None
    return use


def test_each_use_counts_and_fades_by_half_in_a_half_life() -> None:
    once = used(None, 0)
    assert score_at(once, 0) == 1.0
    assert score_at(once, HALF_LIFE_MS) == pytest.approx(0.5)
    twice = used(once, HALF_LIFE_MS)
    assert twice.last_used_at == HALF_LIFE_MS
    assert score_at(twice, HALF_LIFE_MS) == pytest.approx(1.5)


def test_one_use_a_day_outweighs_a_busy_day_a_month_ago() -> None:
    steady = after([day * DAY_MS for day in range(30)])
    busy = after([0] * 50)
    assert score_at(steady, 30 * DAY_MS) > score_at(busy, 30 * DAY_MS)
    assert score_at(steady, DAY_MS) < score_at(busy, DAY_MS)


@given(TIMES, st.integers(0, 10 * HALF_LIFE_MS))
def test_a_score_is_the_sum_of_its_faded_uses(times: list[int], later: int) -> None:
    now = times[-1] + later
    assert score_at(after(times), now) == pytest.approx(
        sum(0.5 ** ((now - at) / HALF_LIFE_MS) for at in times)
    )


@given(TIMES, st.integers(0, HALF_LIFE_MS))
def test_equal_uses_have_equal_scores_however_often_they_are_asked_for(times: list[int], later: int) -> None:
    asked: Use | None = None
    for at in times:
        if asked is not None:
            score_at(asked, at)
        asked = used(asked, at)
    assert asked is not None
    assert score_at(asked, times[-1] + later) == score_at(after(times), times[-1] + later)


def test_a_use_far_from_now_has_no_weight_on_either_side_until_the_clock_is_near_again() -> None:
    future = Use(2**53, 3.0)
    assert score_at(future, 0) == 0.0
    assert score_at(future, 2**53) == 3.0
    assert used(future, 0) == Use(0, 1.0)
    assert score_at(Use(0, 3.0), 2**53) == 0.0
    assert score_at(Use(HALF_LIFE_MS, 3.0), 0) == pytest.approx(1.5)
