"""The check of histories itself: it accepts what can be, and finds a stale read and a lost write."""

import math
import random

import pytest

from support.linearizability import Operation, is_linearizable

Call = tuple[str, int]


def register(value: int, operation: Operation[Call]) -> int | None:
    """A variable that is written and read."""
    kind, argument = operation.call
    if kind == "write":
        return argument
    return value if operation.outcome == value else None


def write(value: int, began_at: float, ended_at: float = math.inf) -> Operation[Call]:
    return Operation(("write", value), began_at, ended_at)


def read(value: int, began_at: float, ended_at: float) -> Operation[Call]:
    return Operation(("read", 0), began_at, ended_at, value)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read(0, 1, 2)],
        [write(1, 1, 2), read(1, 3, 4)],
        [write(1, 1, 9), read(0, 2, 3), read(1, 4, 5)],  # in between, it happened
        [write(1, 1, 9), write(2, 1, 9), read(2, 2, 3), read(1, 4, 5)],
        [write(1, 1), read(0, 2, 3), read(1, 4, 5)],  # without an answer, and applied late
        [write(1, 1), read(0, 2, 3)],  # without an answer, and never applied
        [read(1, 1, 9), write(1, 2, 3)],
    ],
)
def test_what_can_be_is_accepted(history: list[Operation[Call]]) -> None:
    assert is_linearizable(history, 0, register)


@pytest.mark.parametrize(
    "history",
    [
        [read(1, 1, 2)],
        [write(1, 1, 2), read(0, 3, 4)],  # stale
        [write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)],  # the second was lost
        [write(1, 1, 9), read(1, 2, 3), read(0, 4, 5)],  # back in time
        [write(1, 1, 9), write(2, 1, 9), read(2, 2, 3), read(1, 4, 5), read(2, 6, 7)],
        [write(1, 3), read(1, 1, 2)],  # before it was called
    ],
)
def test_what_can_not_be_is_found(history: list[Operation[Call]]) -> None:
    assert not is_linearizable(history, 0, register)


def test_a_stale_read_in_a_long_history_is_found() -> None:
    """Many writers and readers of a true register; then one read is given the value before its own."""
    chance = random.Random(7)
    history: list[Operation[Call]] = []
    for number in range(300):
        moment = float(number)
        began_at, ended_at = moment - chance.uniform(0, 4), moment + chance.uniform(0, 4)
        if number % 3 == 0:
            history.append(write(number, began_at, ended_at))
        else:
            history.append(read(number - number % 3, began_at, ended_at))
    assert is_linearizable(history, 0, register)
    stale = read(90, 200, 200.5)
    assert not is_linearizable([*history, stale], 0, register)
