"""The actor that owns the store: takes all queued writes and commits them as one batch.

The strategy (storage.md, The actor):
- Writes come through a bounded queue. A batch holds the writes that arrived during the last commit, so a lone write
  never waits for others, and many share one sync. What one commit has no room for stays first in the queue.
- Commands run on a private draft. Readers use `state`, the last durable state, until the commit is done. Then,
  without an await in between, the new state replaces it, the batch is answered and its events go out.
- Deadlines have their own task, because a disk that hangs also blocks the actor. At its deadline a queued write
  is answered as not applied, and a write whose commit has begun as unknown.
- Others may commit to the store as well. What they have committed is taken over before each batch; a batch that they
  were faster than goes back to the queue, as if it had never run.
"""

import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import trio

from workspaced.domain.commands import Command
from workspaced.domain.entries import NOBODY, Cause
from workspaced.domain.outcome import Outcome
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced.store.contract import Commit, CommitUnknown, Overtaken, StoreError, WorkspaceStore
from workspaced.writer.batch import Batch, not_applied
from workspaced.writer.closed_connections import ClosedConnections
from workspaced.writer.commit_times import CommitTimes
from workspaced.writer.health import Health
from workspaced.writer.others import publish_news
from workspaced.writer.pending import Reply, answer_to
from workspaced.writer.queue import WriteQueue
from workspaced.writer.store_thread import StoreThread
from workspaced_protocol.daemon_models import StoreStatus

DEADLINE_SECONDS: Final = 5.0
QUEUE_LIMIT: Final = 4096
_RETRY_SECONDS: Final = (0.1, 5.0)
"""The first and the longest pause between repairs."""

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
        """Set after `stop`, once all queued writes are answered."""
        self.is_in_doubt = False
        """Whether a commit's outcome is unknown, and the store not repaired since."""
        self._store = store
        self._hub = hub
        self._queue = WriteQueue(deadline_seconds, queue_limit)
        self._closed = ClosedConnections()
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
        return self._queue.add(command, reply, cause, on_settled).withdraw

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
        return await answer_to(lambda reply: self.submit(command, reply, cause, on_settled), on_result)

    def end_sessions_of(self, connection: int) -> None:
        """End the sessions of a closed connection with the next batch, even if the queue is full."""
        self._closed.add(connection)
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
        self._queue.close()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit writes until `stop` is called and the queue is empty."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._queue.watch_deadlines)
            self._keys_are_held_until = trio.current_time() + _HELD_KEYS_SECONDS
            self._thread.listen(self._note_news)
            self._look_at_store()  # what it would have told before that
            self._take_over_news()
            task_status.started()
            try:
                async with aclosing(self._thread):
                    while await self._wait_for_work():
                        await self._commit_waiting()
            finally:
                # After a defect, answer all writes: some callers can't be cancelled, and would wait for ever.
                self._queue.end()
            self.finished.set()
            nursery.cancel_scope.cancel()

    async def _wait_for_work(self) -> bool:
        """Wait for the next write, without a time limit; return False at the end. Meanwhile, the store catches up.

        Where sessions must end with a commit, and the last one could not end them, the next attempt needs no write.
        """
        if self._store.is_behind:
            with trio.move_on_after(_IDLE_SECONDS):
                if await self._queue.wait():
                    return True
            await self._thread.catch_up()
        if self._must_end_sessions():
            with trio.move_on_after(self._closed.pause_seconds):
                return await self._queue.wait()
            return True
        return await self._queue.wait()

    def _must_end_sessions(self) -> bool:
        """Return whether a commit is needed to end sessions of closed connections, and the store takes commits."""
        if not self._store.shares_sessions or self._store.outage is not None:
            return False
        return self._closed.hold_sessions(self.state)

    async def _commit_waiting(self) -> None:
        """Apply and commit the writes that wait, as many as one commit has room for."""
        self._take_over_news()
        writes = self._queue.take()
        batch = self._new_batch()
        count = await batch.run(writes)
        self._queue.put_back(writes[count:])
        is_commit = batch.touches_store or (self._store.shares_sessions and batch.changes_sessions)
        try:
            if is_commit:
                await self._thread.commit(batch.commit, len(batch.writes))
        except Overtaken:
            batch.take_back(are_overtaken=True)
            self._queue.put_back(batch.writes)
            self._has_news = True
            # Random: so that two daemons that have overtaken one another do not meet again.
            await trio.sleep(random.uniform(0, _OVERTAKEN_PAUSE_SECONDS))  # noqa: S311 - no secret
        except StoreError as failure:
            await self._answer_failed_batch(failure, batch)
        else:
            self._take_effect(batch, is_commit=is_commit)

    def _new_batch(self) -> Batch:
        ends_sessions = not self._store.shares_sessions or self._store.outage is None
        return Batch(
            self.state,
            self._closed.all() if ends_sessions else (),
            self._store.has_room,
            releases_keys=trio.current_time() >= self._keys_are_held_until,
        )

    def _take_effect(self, batch: Batch, *, is_commit: bool) -> None:
        """Let readers see a batch that is durable; answer its writes, and publish its events."""
        self.state = batch.commit.state
        self._hub.advance_to(self.state.revision)
        batch.answer()
        batch.publish(self._hub)
        if is_commit:
            self._closed.note_success()
            self._health.note_success(self.state.revision)
        # A write that is left may begin a session for one of the connections.
        if batch.ends_all_held and not self._queue.has_earlier:
            self._closed.forget(len(batch.closed_connections))

    def _note_news(self) -> None:
        """Have the news taken over with the next batch, which this brings."""
        self._look_at_store()
        self.submit(lambda _: Outcome(None), lambda _: None)

    def _look_at_store(self) -> None:
        """Take note of what the store may have to tell."""
        self._health.note_outage(self._store.outage, self.state.revision)
        self._has_news = True

    def _take_over_news(self) -> None:
        """Take over what others have committed, and publish its events. Lost workspaces stay this daemon's own."""
        if not self._has_news:
            return
        self._has_news = False
        news = self._store.take_news()
        if news is None:
            return
        before = self.state
        self.state = replace(news.state, lost=before.lost)
        publish_news(news, before, self.state, self._hub)

    def _end_sessions_of_closed(self) -> None:
        """End the sessions of closed connections now: after a failure, the next batch may be long in coming.

        Shared sessions end by a commit alone: others must not see them longer than this daemon does.
        """
        if self._store.shares_sessions:
            return
        self.state, events = self._closed.end_sessions(self.state)
        for event in events:
            self._hub.publish(event, NOBODY)

    async def _answer_failed_batch(self, failure: StoreError, batch: Batch) -> None:
        """Answer the batch of a failed commit; after an unknown outcome, repair the store."""
        is_unknown = isinstance(failure, CommitUnknown)
        _log.error(
            "A commit failed.", reason=failure.message, outcome="unknown" if is_unknown else "not applied"
        )
        batch.answer_failure(failure)
        # First the cause, which the commit may have found out.
        self._health.note_outage(self._store.outage, self.state.revision)
        self._health.note_failure(failure.message, self.state.revision, in_doubt=is_unknown)
        if is_unknown:
            await self._repair(failure, batch.commit.state.revision)
        self._closed.note_failure()
        self._end_sessions_of_closed()
        for write in batch.writes:
            write.settle()

    async def _repair(self, failure: StoreError, revision: int) -> None:
        """Commit the last answered state again, above every revision that the store may hold."""
        self.is_in_doubt = True
        pause_seconds, longest_seconds = _RETRY_SECONDS
        while True:
            revision += 1
            repaired = replace(self.state, revision=revision)
            try:
                await self._thread.commit(Commit(repaired, is_whole=True))
            except Overtaken:
                # Others could commit: so the store is well, and its state is the one that they have left.
                self._has_news = True
                self._take_over_news()
                break
            except StoreError as error:
                failure = error
                if not isinstance(error, CommitUnknown):
                    revision -= 1
                self._health.note_failure(error.message, self.state.revision, in_doubt=True)
            else:
                self.state = repaired
                self._hub.advance_to(revision)
                break
            self._end_sessions_of_closed()
            if not await self._wait_for_repair(pause_seconds, failure):
                return
            pause_seconds = min(pause_seconds * 2, longest_seconds)
        self.is_in_doubt = False
        self._health.note_success(self.state.revision)

    async def _wait_for_repair(self, pause_seconds: float, failure: StoreError) -> bool:
        """Refuse all writes until the next repair; return False if the daemon stops meanwhile.

        The end of an outage ends the pause.
        """
        was_out = self._store.outage is not None
        with trio.move_on_after(pause_seconds):
            while await self._queue.wait():
                for write in self._queue.take():
                    write.answer(not_applied(failure))
                if was_out and self._store.outage is None:
                    return True
            _log.error("The daemon is stopping, and its store is not repaired.", reason=failure.message)
            return False
        return True
