"""The actor that owns the store: takes all queued writes and commits them as one batch.

The strategy (storage.md, The actor):
- Writes come through a bounded channel. A batch holds the writes that arrived during the last commit, so a lone
  write never waits for others, and many share one sync.
- Commands run on a private draft. Readers use `state`, the last durable state, until the commit is done. Then,
  without an await in between, the new state replaces it, the batch is answered and its events go out.
- Deadlines have their own task, because a disk that hangs also blocks the actor. At its deadline a queued write
  is answered as not applied, and a write whose commit has begun as unknown.
"""

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Final, Literal

import trio
from outcome import Error, Maybe, Value

from workspaced.domain import sessions
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.entries import NOBODY, Cause, Entry, Event, events_of
from workspaced.domain.errors import Overloaded, RequestError, ShuttingDown
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import Draft, State
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced.process.threads import NoThread, Worker
from workspaced.store.contract import CommitUnknown, StorageFailure, StoreError, WorkspaceStore
from workspaced.writer.commit_times import CommitTimes
from workspaced.writer.pending import CommandFailed, Deadlines, Reply, Write
from workspaced_protocol.daemon_models import StoreStatus
from workspaced_protocol.events import StoreChanged

DEADLINE_SECONDS: Final = 5.0
QUEUE_LIMIT: Final = 4096
_RETRY_SECONDS: Final = (0.1, 5.0)  # the first and the longest pause between repairs
_IDLE_SECONDS: Final = 1.0
"""How long no write comes until the store catches up."""

_COMMANDS_A_TURN: Final = 64
"""About a millisecond of work; then connections get a turn, which may last twenty times as long. With fewer commands
a turn, a large batch beside many reading clients would miss its deadline."""

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
        self.status = StoreStatus(state="ok")
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
        self._worker = Worker("commits")
        self.commits = CommitTimes()
        self._has_committed = trio.Event()

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

    async def wait_for_commit(self) -> None:
        """Return once the store was written since the last call; without a time limit."""
        await self._has_committed.wait()
        self._has_committed = trio.Event()

    def stop(self) -> None:
        """Accept no more writes; `run` ends when the queued writes are committed."""
        self._arrivals.close()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit writes until `stop` is called and the queue is empty."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deadlines.watch)
            self._keys_are_held_until = trio.current_time() + _HELD_KEYS_SECONDS
            task_status.started()
            try:
                async with aclosing(self._worker):
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
            with suppress(NoThread):  # the next commit writes it
                await self._worker.run(self._store.catch_up)
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
        draft = Draft(self.state)
        if trio.current_time() >= self._keys_are_held_until:
            draft.release_keys()
        closed_connections, self._closed_connections = self._closed_connections, []
        batch: list[Write] = []
        ended = self._apply(draft, sessions.end_sessions_of(closed_connections))
        at_ms = now_ms()
        for count, write in enumerate(writes, start=1):
            if not write.answered:
                self._run_command(draft, write, at_ms)
                if not write.answered:
                    batch.append(write)
            if count % _COMMANDS_A_TURN == 0:
                await trio.lowlevel.checkpoint()
        # Again: a write of this batch may have begun a session for a closed connection.
        also_ended = self._apply(draft, sessions.end_sessions_of(closed_connections))
        state = draft.freeze()
        if draft.touches_store:
            try:
                await self._commit_to_store(state, draft, batch)
            except StoreError as failure:
                self._closed_connections += closed_connections
                await self._answer_failed_batch(failure, batch, state.revision)
                self._end_sessions_of_closed()
                for write in batch:
                    write.settle()
                return
        self.state = state
        self._hub.advance_to(state.revision)
        for write in batch:
            write.answer(write.outcome.result if isinstance(write.outcome, Outcome) else write.outcome)
            write.settle()
        self._publish(ended)
        for write in batch:
            for entry in write.entries:
                self._publish(events_of(entry), write.cause)
            if isinstance(write.outcome, Outcome):
                self._publish(write.outcome.events, write.cause)
        self._publish(also_ended)
        if draft.touches_store:
            self._set_status("ok")

    def _apply(self, draft: Draft, command: Command) -> Sequence[Event]:
        """Apply a command of the writer itself, which changes no workspace; return its events."""
        outcome = command(draft)
        draft.apply(outcome)
        return outcome.events

    def _publish(self, events: Sequence[Event], cause: Cause = NOBODY) -> None:
        for event in events:
            self._hub.publish(event, cause)

    def _end_sessions_of_closed(self) -> None:
        """End the sessions of closed connections now: after a failure, the next batch may be long in coming."""
        if not self._closed_connections:
            return
        # They stay in the list: a queued write may begin a session for one of them.
        draft = Draft(self.state)
        ended = self._apply(draft, sessions.end_sessions_of(self._closed_connections))
        self.state = draft.freeze()
        self._publish(ended)

    def _run_command(self, draft: Draft, write: Write, at_ms: int) -> None:
        try:
            outcome = write.command(draft)
        except RequestError as refusal:
            # A refusal may depend on changes of this batch: then it is answered with the batch.
            if draft.is_changed:
                write.outcome = refusal
            else:
                write.answer(refusal)
        except Exception as defect:  # noqa: BLE001 - a command changes nothing by itself: a defect affects its caller only
            failed = CommandFailed("The daemon failed on this request: its log has the details.")
            failed.__cause__ = defect  # for the request log
            write.answer(failed)
        else:
            write.entries = draft.apply(outcome, write.cause, at_ms)
            write.outcome = outcome
            write.revision = draft.revision

    async def _commit_to_store(self, state: State, draft: Draft, batch: Sequence[Write]) -> None:
        is_whole = any(_rewrites_files(write) for write in batch)
        started_at = time.perf_counter()
        await self._commit_in_thread(
            state, draft.entries, is_whole=is_whole, keeps_previous=draft.keeps_previous
        )
        self.commits.add((time.perf_counter() - started_at) * 1000, len(batch))

    async def _commit_in_thread(
        self, state: State, entries: Sequence[Entry], *, is_whole: bool, keeps_previous: str | None = None
    ) -> None:
        # Cancelled only when the daemon gives up on a disk that hangs; the thread is then abandoned.
        try:
            await self._worker.run(
                partial(self._store.commit, state, entries, is_whole=is_whole, keeps_previous=keeps_previous),
                afterwards=self._store.tidy,
            )
        except NoThread as no_thread:
            raise StorageFailure(no_thread.message, errno.EAGAIN) from no_thread
        self._has_committed.set()

    async def _answer_failed_batch(self, failure: StoreError, batch: Sequence[Write], revision: int) -> None:
        """Answer the batch of a failed commit; after an unknown outcome, repair the store."""
        unknown = failure if isinstance(failure, CommitUnknown) else None
        _log.error(
            "A commit failed.", reason=failure.message, outcome="unknown" if unknown else "not applied"
        )
        for write in batch:
            if unknown and isinstance(write.outcome, Outcome):
                write.answer(unknown.of_write(write.revision))
            else:
                write.answer(_not_applied(failure))
        self._set_status("readOnly" if unknown else "degraded", failure.message)
        if unknown:
            await self._repair(failure, revision)

    async def _repair(self, failure: StoreError, revision: int) -> None:
        """Commit the last answered state again, above every revision that the disk may hold."""
        pause_seconds, longest_seconds = _RETRY_SECONDS
        while True:
            revision += 1
            try:
                await self._commit_in_thread(replace(self.state, revision=revision), (), is_whole=True)
            except StoreError as error:
                failure = error
                if not isinstance(error, CommitUnknown):
                    revision -= 1
                self._set_status("readOnly", error.message)
            else:
                self.state = replace(self.state, revision=revision)
                self._hub.advance_to(revision)
                self._set_status("ok")
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

    def _set_status(self, state: Literal["ok", "degraded", "readOnly"], reason: str | None = None) -> None:
        before, self.status = self.status, StoreStatus(state=state, last_error=reason)
        if before.state == state:
            return
        if state == "ok":
            _log.info("The store accepts writes again.")
            event = Event("store.ok", StoreChanged(), self.state.revision)
        else:
            event = Event("store.degraded", StoreChanged(reason), self.state.revision)
        self._hub.publish(event, NOBODY)


def _not_applied(failure: StoreError) -> StorageFailure:
    return StorageFailure(f"{failure.message} Nothing was applied.", failure.errno)


def _rewrites_files(write: Write) -> bool:
    return isinstance(write.outcome, Outcome) and write.outcome.rewrites_files
