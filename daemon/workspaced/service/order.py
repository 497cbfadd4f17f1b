"""The order of one connection's writes, where some must wait for a disk before they can be submitted."""

from collections import deque
from collections.abc import Callable

import trio


class Turn:
    """The place of one write in line."""

    def __init__(self, line: "WriteLine") -> None:
        self._line = line
        self.go: Callable[[], bool] | None = None
        self.is_withdrawn = False
        """Whether the client has cancelled the write while it waited."""

    def withdraw(self) -> None:
        """Marks the write as cancelled. It keeps its place: the line has as many as are in flight."""
        self.is_withdrawn = True

    def ready(self, go: Callable[[], bool]) -> None:
        """`go` is called once all writes before this one have gone, which may be now.

        Where it gives False the write is not ready after all: it keeps its place until it is.
        """
        self.go = go
        self._line.advance()


class WriteLine:
    """Lets each write go once it is ready and all before it have gone."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()
        self._is_advancing = False
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
        if self._is_advancing:
            return  # what goes now has made another one ready: the loop below comes to that
        self._is_advancing = True
        try:
            while self._turns and (go := self._turns[0].go) is not None:
                # What goes knows its turn, in most cases: both would be left to the garbage collector.
                self._turns[0].go = None
                if go():
                    self._turns.popleft()
        finally:
            self._is_advancing = False
        if not self._turns:
            self._emptied.set()

    async def wait_until_empty(self) -> None:
        """Waits until every write has gone."""
        if self._turns:
            self._emptied = trio.Event()
            await self._emptied.wait()  # who joins has to be ready in time
