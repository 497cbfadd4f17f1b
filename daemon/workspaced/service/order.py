"""The order of one connection's writes, some of which check paths before they are submitted.

Writes of one connection are applied in the order sent (protocol.md, Order). So each joins a line, prepares its
command in its own time, and is submitted after all writes before it.
"""

from collections import deque
from types import TracebackType
from typing import Self

import trio


class WriteOrder:
    """The line of one connection's writes."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()

    def is_free(self) -> bool:
        """Return whether the line is empty, so that a write may be submitted at once."""
        return not self._turns

    def join(self) -> "Turn":
        """Return a turn at the end of the line. Enter it with `with`; leaving the block gives it up."""
        turn = Turn(self._turns)
        self._turns.append(turn)
        return turn


class Turn:
    """One write's place in line."""

    __slots__ = ("_has_come", "_turns")

    def __init__(self, turns: "deque[Turn]") -> None:
        self._turns = turns
        self._has_come: trio.Event | None = None

    async def wait(self) -> None:
        """Wait until all writes before this one are submitted or given up."""
        while self._turns[0] is not self:
            self._has_come = trio.Event()
            await self._has_come.wait()  # each write before it has its own time limit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turns.remove(self)
        if self._turns and (event := self._turns[0]._has_come) is not None:  # noqa: SLF001 - another turn of this line
            event.set()
