"""Syncs what commits leave for later: in a thread of its own, at most once a second.

No commit and no answer waits for it. A sync that hangs holds up later ones alone.
"""

from typing import Final

import trio

from workspaced.process.log import Logger
from workspaced.process.threads import NoThread, run_in_thread
from workspaced.store.contract import WorkspaceStore
from workspaced.writer.actor import Writer

_PAUSE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 2.0  # a disk that is well needs a few milliseconds

_log = Logger()


class Settling:
    """Settles `store` after the commits of `writer`, while `run` runs."""

    def __init__(self, store: WorkspaceStore, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def run(self) -> None:
        """Settle within a second of each commit."""
        while True:
            await self._writer.wait_for_commit()
            await self._settle()
            await trio.sleep(_PAUSE_SECONDS)

    async def finish(self) -> None:
        """Settle after the last commit, unless the disk hangs."""
        with trio.move_on_after(_LAST_SECONDS):
            await self._settle()

    async def _settle(self) -> None:
        try:
            # Waits as long as the disk hangs: `run` has nothing else to do, and a stop abandons the thread.
            await run_in_thread(self._store.settle, limiter=self._one_at_a_time)
        except NoThread as no_thread:
            _log.warning("The history could not be synced.", reason=no_thread.message)
