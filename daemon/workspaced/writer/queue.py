"""The queue of writes: bounded, in the order of their arrival, each with a deadline.

A write stays in the queue until its commit takes it. Those for which a commit has no room, or which were overtaken,
are put back: they stay first in line, with the deadlines that they have.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause
from workspaced.domain.errors import Overloaded, ShuttingDown
from workspaced.writer.pending import Deadlines, Reply, Write


class WriteQueue:
    """The writes that wait for a commit. One task takes them; `watch_deadlines` runs beside it."""

    def __init__(self, deadline_seconds: float, limit: int) -> None:
        """At most `limit` writes wait beside those that `take` has returned, which are as many at most."""
        self._limit = limit
        self._deadlines = Deadlines(deadline_seconds)
        self._arrivals, self._arrived = trio.open_memory_channel[Write](limit)
        self._first: deque[Write] = deque()
        """Those that are before all in the channel: they were taken, and are back."""
        self._left_some = False

    def add(
        self, command: Command, reply: Reply, cause: Cause, on_settled: Callable[[], None] | None = None
    ) -> Write:
        """Add a write; one that can't be taken is answered with Overloaded or ShuttingDown."""
        deadline = trio.current_time() + self._deadlines.seconds
        write = Write(command, reply, cause, deadline, on_settled=on_settled)
        try:
            self._arrivals.send_nowait(write)
        except trio.WouldBlock:
            write.answer(Overloaded(f"{self._limit:,} writes are already waiting: try again in a moment."))
        except trio.ClosedResourceError:
            write.answer(ShuttingDown())
        else:
            self._deadlines.add(write)
        return write

    async def wait(self) -> bool:
        """Wait until a write is there, without a time limit; return False if there will be none: the queue is closed."""
        if not self._first:
            try:
                self._first.append(await self._arrived.receive())
            except trio.EndOfChannel:
                return False
        return True

    def take(self) -> Sequence[Write]:
        """Return the writes that wait, in order, `limit` at most. They are not in the queue any more."""
        writes = [*self._first]
        self._first.clear()
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while len(writes) < self._limit:
                writes.append(self._arrived.receive_nowait())
        self._left_some = self._arrived.statistics().current_buffer_used > 0
        return writes

    def put_back(self, writes: Sequence[Write]) -> None:
        """Put writes back that were taken, in their order, before all others."""
        self._first.extendleft(reversed(writes))

    @property
    def has_earlier(self) -> bool:
        """Whether some of the writes that waited at the last `take` wait still."""
        return self._left_some or bool(self._first)

    def close(self) -> None:
        """Take no more writes."""
        self._arrivals.close()

    async def watch_deadlines(self) -> None:
        """Answer each write at its deadline, also while its commit is under way; never return."""
        await self._deadlines.watch()

    def end(self) -> None:
        """Close the queue, and answer all writes that are left, also those of a commit: nobody takes them any more."""
        self.close()
        self._deadlines.end()
