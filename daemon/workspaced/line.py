"""The order of one connection's writes, where some must wait for a disk before they can be submitted.

What they look at may be bound by writes before them, so they may have to wait for these, too.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio


class Turn:
    """The place of one write in line."""

    def __init__(self, line: "WriteLine") -> None:
        self._line = line
        self.go: Callable[[], None] | None = None
        self.is_withdrawn = False
        """Whether the client has cancelled the write while it waited."""

    def withdraw(self) -> None:
        """Marks the write as cancelled. It keeps its place: the line has as many as are in flight."""
        self.is_withdrawn = True

    def ready(self, go: Callable[[], None]) -> None:
        """`go` is called once all writes before this one have gone, which may be now."""
        self.go = go
        self._line.advance()


class WriteLine:
    """Lets each write go once it is ready and all before it have gone."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()
        self._emptied = trio.Event()

    def is_empty(self) -> bool:
        """Whether a write that is ready has nothing to wait for."""
        return not self._turns

    def join(self) -> Turn:
        """The last place in the line."""
        turn = Turn(self)
        self._turns.append(turn)
        return turn

    def advance(self) -> None:
        """Lets those at the head go that are ready."""
        while self._turns and (go := self._turns[0].go) is not None:
            # What goes knows its turn, in most cases: both would be left to the garbage collector.
            self._turns.popleft().go = None
            go()
        self._emptied.set()

    async def wait_until_empty(self) -> None:
        """Waits until every write has gone."""
        while self._turns:
            self._emptied = trio.Event()
            await self._emptied.wait()  # who joins has to be ready in time


@dataclass(slots=True, eq=False)
class _Step:
    """A write that others depend on, or a call that depends on those before it."""

    call: Callable[[], None] | None = None
    is_settled: bool = False


class Dependences:
    """Holds back a call until certain writes that came before it have their answers."""

    def __init__(self) -> None:
        self._steps = deque[_Step]()  # the first, if there is one, is a write that has no answer yet

    def begin(self) -> Callable[[], None]:
        """A write that later calls depend on. The function that is given back tells that it has its answer."""
        write = _Step()
        self._steps.append(write)

        def settle() -> None:
            write.is_settled = True
            while self._steps and (self._steps[0].is_settled or self._steps[0].call is not None):
                call = self._steps.popleft().call
                if call is not None:
                    call()

        return settle

    def then(self, call: Callable[[], None]) -> None:
        """Calls it once all writes that have begun have their answers, which may be now."""
        if self._steps:
            self._steps.append(_Step(call))
        else:
            call()
