"""The thread in which the store works for the writer: its commits, and what it does between them."""

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio

from workspaced.process.threads import NoThread, Worker
from workspaced.store.contract import Commit, StorageFailure, WorkspaceStore
from workspaced.writer.commit_times import CommitTimes


class StoreThread:
    """Runs the blocking methods of `store` for one task at a time. Call `aclose` after use."""

    def __init__(self, store: WorkspaceStore) -> None:
        self._store = store
        self._worker = Worker("commits")
        self.times = CommitTimes()
        """Those of the commits that had writes."""
        self._has_committed = trio.Event()

    async def commit(self, commit: Commit, write_count: int = 0) -> None:
        """Commit, then let the store clean up after the caller has gone on. Raises what the store's commit does.

        Cancel it only to give up on a disk that hangs: the thread is then abandoned.
        """
        started_at = time.perf_counter()
        try:
            await self._worker.run(partial(self._store.commit, commit), afterwards=self._store.tidy)
        except NoThread as no_thread:
            raise StorageFailure(no_thread.message, errno.EAGAIN) from no_thread
        if write_count:
            self.times.add((time.perf_counter() - started_at) * 1000, write_count)
        self._has_committed.set()

    async def wait_for_commit(self) -> None:
        """Return once the store was written since the last call; without a time limit."""
        await self._has_committed.wait()
        self._has_committed = trio.Event()

    async def catch_up(self) -> None:
        """Let the store write what commits could not write. Without a thread for it, the next commit does."""
        with suppress(NoThread):
            await self._worker.run(self._store.catch_up)

    def listen(self, note_news: Callable[[], None]) -> None:
        """Have `note_news` called in this event loop whenever others have committed to the store."""
        trio_token = trio.lowlevel.current_trio_token()

        def wake() -> None:
            with suppress(trio.RunFinishedError):  # the daemon has stopped
                trio_token.run_sync_soon(note_news, idempotent=True)

        self._store.listen(wake)

    async def aclose(self) -> None:
        """End the thread."""
        await self._worker.aclose()
