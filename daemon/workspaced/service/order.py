"""The order of one connection's writes, of which some have to look at a disk before they can be submitted.

Writes of one connection are applied in the order sent (protocol.md, Order). So each takes a
place in line, is made ready in its own time, and is submitted once all before it have been.
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
        """Return whether nobody is in line, so that a write may be submitted at once."""
        return not self._turns

    def join(self) -> "Turn":
        """Take the last place in line. It has to be entered by `with`, and is given up at the end of that."""
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
        """Return once all writes before this one have been submitted or given up."""
        while self._turns[0] is not self:
            self._has_come = trio.Event()
            await self._has_come.wait()  # each before this one has its time limit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turns.remove(self)
        if self._turns and (event := self._turns[0]._has_come) is not None:  # noqa: SLF001 - another turn of this line
            event.set()
