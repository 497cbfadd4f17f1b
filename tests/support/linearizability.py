"""Decides whether a recorded history of concurrent calls could have come from one object that does one after
the other, each at some moment between its call and its answer (Herlihy and Wing, “Linearizability”, 1990).

The strategy is Wing and Gong's search with Lowe's memory of configurations (“Testing for linearizability”,
2017): of the calls not yet placed, any that began before the first of them returned can be next. What
leads back to the same calls placed and the same state is not tried again. A call without an answer may have
happened at any moment since, or never. Objects are independent of each other: check one history for each.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Call = TypeVar("Call")


@dataclass(frozen=True)
class Operation(Generic[Call]):
    """A call and what came of it."""

    call: Call
    began_at: float
    ended_at: float = math.inf
    """Infinite where no answer came."""
    outcome: object = None

    @property
    def has_answer(self) -> bool:
        """Whether it is known what came of it."""
        return self.ended_at != math.inf


Step = Callable[[State, Operation[Call]], State | None]
"""What the state is after this operation, or None where it can't have this outcome in this state."""


def is_linearizable(history: Sequence[Operation[Call]], initial: State, step: Step[State, Call]) -> bool:
    """Whether one after the other, in some order that their times allow, gives each its outcome."""
    operations = sorted(history, key=lambda operation: operation.began_at)
    answered = sum(1 << index for index, operation in enumerate(operations) if operation.has_answer)
    start = (0, initial)
    seen = {start}
    to_try = [start]
    while to_try:
        placed, state = to_try.pop()
        if placed & answered == answered:
            return True
        for index in _next(operations, placed):
            after = step(state, operations[index])
            if after is None:
                continue
            configuration = (placed | 1 << index, after)
            if configuration not in seen:
                seen.add(configuration)
                to_try.append(configuration)
    return False


def _next(operations: Sequence[Operation[Call]], placed: int) -> list[int]:
    """Those that can be next: none of the others had ended before they began."""
    candidates: list[int] = []
    first_end = math.inf
    for index, operation in enumerate(operations):
        if operation.began_at > first_end:
            break
        if not placed >> index & 1:
            candidates.append(index)
            first_end = min(first_end, operation.ended_at)
    return [index for index in candidates if operations[index].began_at <= first_end]
