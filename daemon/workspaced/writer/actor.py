"""The actor that owns the store: takes all queued writes and commits them as one batch.

The strategy (storage.md, The actor):
- Writes come through a bounded channel. A batch holds the writes that arrived during the last commit, so a lone
  write never waits for others, and many share one sync.
- Commands run on a private draft. Readers use `state`, the last durable state, until the commit is done. Then,
  without an await in between, the new state replaces it, the batch is answered and its events go out.
- Deadlines have their own task, because a disk that hangs also blocks the actor. At its deadline a queued write
  is answered as not applied, and a write whose commit has begun as unknown.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import trio
from outcome import Error, Maybe, Value

from workspaced.domain import sessions
from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.entries import NOBODY, Cause, events_of
from workspaced.domain.errors import Overloaded, ShuttingDown
from workspaced.domain.outcome import Outcome
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced.store.contract import (
    Commit,
    CommitUnknown,
    Overtaken,
    StorageFailure,
    StoreError,
    WorkspaceStore,
)
from workspaced.writer.batch import Batch
from workspaced.writer.commit_times import CommitTimes
from workspaced.writer.health import Health
from workspaced.writer.pending import Deadlines, Reply, Write
from workspaced.writer.store_thread import StoreThread
from workspaced_protocol.daemon_models import StoreStatus

DEADLINE_SECONDS: Final = 5.0
QUEUE_LIMIT: Final = 4096
_RETRY_SECONDS: Final = (0.1, 5.0)  # the first and the longest pause between repairs
_IDLE_SECONDS: Final = 1.0
"""How long no write comes until the store catches up."""

_OVERTAKEN_PAUSE_SECONDS: Final = 0.01
"""The longest pause after others were faster. It is random, about as long as a commit over a network."""

_HELD_KEYS_SECONDS: Final = 60.0
"""How long after a start all earlier request keys are kept. Reconnecting clients pause for up to two seconds; until
the last one is back and repeats its writes, others may have made hundreds (storage.md, Limits)."""

_log = Logger()


class Writer:
    """Owns `store`; `state` is the last durable state, for readers. Writes are answered only while `run` runs."""

    def __init__(
        self,
        store: WorkspaceStore,
        hub: EventHub,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        self.state = store.state
        self.finished = trio.Event()
        """Set after `stop`, once all queued writes are answered. If the store could not be repaired, `status` is
        still readOnly."""
        self._store = store
        self._hub = hub
        self._deadlines = Deadlines(deadline_seconds)
        self._queue_limit = queue_limit
        self._arrivals, self._queue = trio.open_memory_channel[Write](queue_limit)
        self._closed_connections: list[int] = []
        self._keys_are_held_until = 0.0
        self._thread = StoreThread(store)
        self._health = Health(hub)
        self._has_news = False

    def submit(
        self,
        command: Command,
        reply: Reply,
        cause: Cause = NOBODY,
        on_settled: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Queue a write; call `reply` once, now or within the deadline.

        `on_settled` is called once it is certain whether the write is applied, which may be after its answer. The
        returned function cancels the write while it is queued: it is then answered with RequestCancelled, and
        never applied.
        """
        deadline = trio.current_time() + self._deadlines.seconds
        write = Write(command, reply, cause, deadline, on_settled=on_settled)
        try:
            self._arrivals.send_nowait(write)
        except trio.WouldBlock:
            write.answer(
                Overloaded(f"{self._queue_limit:,} writes are already waiting: try again in a moment.")
            )
        except trio.ClosedResourceError:
            write.answer(ShuttingDown())
        else:
            self._deadlines.add(write)
        return write.withdraw

    async def write(
        self,
        command: Command,
        cause: Cause = NOBODY,
        on_result: Reply | None = None,
        on_settled: Callable[[], None] | None = None,
    ) -> object:
        """Submit a write and wait for its result, or raise its error.

        `on_result` takes the result, if there is one, before the write's events go out. See `submit`.
        """
        results: list[Maybe[object]] = []
        done = trio.Event()

        def reply(result: object) -> None:
            done.set()
            if isinstance(result, Exception):
                results.append(Error(result))
                return
            results.append(Value(result))
            if on_result is not None:
                on_result(result)

        self.submit(command, reply, cause, on_settled)
        # Shielded: a cancelled wait would not tell whether the write was applied. The deadline bounds the wait.
        with trio.CancelScope(shield=True):
            await done.wait()
        return results.pop().unwrap()

    def end_sessions_of(self, connection: int) -> None:
        """End the sessions of a closed connection with the next batch, even if the queue is full."""
        self._closed_connections.append(connection)
        # If the queue is full or closed, the actor takes a batch soon anyway.
        self.submit(lambda _: Outcome(None), lambda _: None)

    @property
    def status(self) -> StoreStatus:
        """The health of the store."""
        return self._health.status

    @property
    def commits(self) -> CommitTimes:
        """How long commits took."""
        return self._thread.times

    async def wait_for_commit(self) -> None:
        """Return once the store was written since the last call; without a time limit."""
        await self._thread.wait_for_commit()

    def stop(self) -> None:
        """Accept no more writes; `run` ends when the queued writes are committed."""
        self._arrivals.close()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit writes until `stop` is called and the queue is empty."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deadlines.watch)
            self._keys_are_held_until = trio.current_time() + _HELD_KEYS_SECONDS
            self._thread.listen(self._note_news)
            task_status.started()
            try:
                async with aclosing(self._thread):
                    while write := await self._next_write():
                        await self._commit([write, *self._take_waiting()])
            finally:
                # After a defect, answer all writes: some callers can't be cancelled, and would wait for ever.
                self.stop()
                self._deadlines.end()
            self.finished.set()
            nursery.cancel_scope.cancel()

    async def _next_write(self) -> Write | None:
        """Wait for the next write, without a time limit; return None at the end. Meanwhile, the store catches up."""
        is_last = False
        if self._store.is_behind:
            with trio.move_on_after(_IDLE_SECONDS):
                try:
                    return await self._queue.receive()
                except trio.EndOfChannel:
                    is_last = True
            await self._thread.catch_up()
        try:
            return None if is_last else await self._queue.receive()
        except trio.EndOfChannel:
            return None

    def _take_waiting(self) -> list[Write]:
        writes: list[Write] = []
        while True:
            try:
                writes.append(self._queue.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return writes

    async def _commit(self, writes: Sequence[Write]) -> None:
        """Apply and commit a batch: again and again while others commit before it, until its writes' deadlines."""
        while True:
            self._take_over_news()
            closed_connections, self._closed_connections = self._closed_connections, []
            releases_keys = trio.current_time() >= self._keys_are_held_until
            batch = Batch(self.state, closed_connections, releases_keys=releases_keys)
            await batch.run(writes)
            try:
                if batch.touches_store:
                    await self._thread.commit(batch.commit, len(batch.writes))
            except Overtaken:
                self._closed_connections += closed_connections
                batch.take_back()
                # Random: so that two daemons that have overtaken one another do not meet again.
                await trio.sleep(random.uniform(0, _OVERTAKEN_PAUSE_SECONDS))  # noqa: S311 - no secret
                self._has_news = True
            except StoreError as failure:
                self._closed_connections += closed_connections
                await self._answer_failed_batch(failure, batch)
                return
            else:
                break
        self.state = batch.commit.state
        self._hub.advance_to(self.state.revision)
        batch.answer()
        batch.publish(self._hub)
        if batch.touches_store:
            self._health.change_to("ok", self.state.revision)

    def _note_news(self) -> None:
        """Have the news taken over with the next batch, which this brings."""
        self._has_news = True
        self.submit(lambda _: Outcome(None), lambda _: None)

    def _take_over_news(self) -> None:
        """Take over what others have committed, and publish its events. Sessions and lost workspaces stay this daemon's own."""
        if not self._has_news:
            return
        self._has_news = False
        news = self._store.take_news()
        if news is None:
            return
        own = self.state
        self.state = replace(news.state, sessions=own.sessions, lost=own.lost)
        self._hub.advance_to(self.state.revision)
        for entry in news.entries:
            for event in events_of(entry):
                self._hub.publish(event, NOBODY)

    def _end_sessions_of_closed(self) -> None:
        """End the sessions of closed connections now: after a failure, the next batch may be long in coming."""
        if not self._closed_connections:
            return
        # They stay in the list: a queued write may begin a session for one of them.
        draft = Draft(self.state)
        outcome = sessions.end_sessions_of(self._closed_connections)(draft)
        draft.apply(outcome)
        self.state = draft.freeze()
        for event in outcome.events:
            self._hub.publish(event, NOBODY)

    async def _answer_failed_batch(self, failure: StoreError, batch: Batch) -> None:
        """Answer the batch of a failed commit; after an unknown outcome, repair the store."""
        unknown = failure if isinstance(failure, CommitUnknown) else None
        _log.error(
            "A commit failed.", reason=failure.message, outcome="unknown" if unknown else "not applied"
        )
        for write in batch.writes:
            if unknown and isinstance(write.outcome, Outcome):
                write.answer(unknown.of_write(write.revision))
            else:
                write.answer(_not_applied(failure))
        self._health.change_to("readOnly" if unknown else "degraded", self.state.revision, failure.message)
        if unknown:
            await self._repair(failure, batch.commit.state.revision)
        self._end_sessions_of_closed()
        for write in batch.writes:
            write.settle()

    async def _repair(self, failure: StoreError, revision: int) -> None:
        """Commit the last answered state again, above every revision that the disk may hold."""
        pause_seconds, longest_seconds = _RETRY_SECONDS
        while True:
            revision += 1
            try:
                await self._thread.commit(Commit(replace(self.state, revision=revision), is_whole=True))
            except Overtaken:
                # Others could commit: so the store is well, and its state is the one that they have left.
                self._has_news = True
                self._take_over_news()
                self._health.change_to("ok", self.state.revision)
                return
            except StoreError as error:
                failure = error
                if not isinstance(error, CommitUnknown):
                    revision -= 1
                self._health.change_to("readOnly", self.state.revision, error.message)
            else:
                self.state = replace(self.state, revision=revision)
                self._hub.advance_to(revision)
                self._health.change_to("ok", self.state.revision)
                return
            self._end_sessions_of_closed()
            if not await self._refuse_writes(pause_seconds, failure):
                return
            pause_seconds = min(pause_seconds * 2, longest_seconds)

    async def _refuse_writes(self, pause_seconds: float, failure: StoreError) -> bool:
        """Answer all writes with the failure for `pause_seconds`; return False if the daemon stops meanwhile."""
        with trio.move_on_after(pause_seconds):
            async for write in self._queue:
                write.answer(_not_applied(failure))
            _log.error("The daemon is stopping, and its store is not repaired.", reason=failure.message)
            return False
        return True


def _not_applied(failure: StoreError) -> StorageFailure:
    return StorageFailure(f"{failure.message} Nothing was applied.", failure.errno)
