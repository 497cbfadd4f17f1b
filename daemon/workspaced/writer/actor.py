"""The actor that owns the store: takes every write that waits, and commits them as one batch.

The strategy: writes come through a bounded channel. A batch is what arrived during the last commit,
so a lone writer never waits for company and many share one fsync. Commands run on a private draft;
readers go on with `state`, the last durable one, until the commit is done; then, with no await in
between, the new state takes its place, the batch is answered and its events go out.

Deadlines are kept beside the actor, since a disk that hangs hangs the actor too: a write whose time
is up is answered at once, withdrawn if it was still waiting, of unknown outcome if its commit had begun.
"""

import errno
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Literal

import outcome
import structlog
import trio

from workspaced.domain import sessions
from workspaced.domain.commands import Command
from workspaced.domain.errors import Overloaded, RequestError, ShuttingDown
from workspaced.domain.state import Draft, Event, Outcome, State
from workspaced.events import Cause, EventHub
from workspaced.process.threads import NoThread, Worker
from workspaced.store.contract import CommitUnknown, StorageFailure, WorkspaceStore
from workspaced.writer.pending import (
    CommandFailed,
    Deadlines,
    Reply,
    Write,
)
from workspaced_protocol.events import StoreChanged
from workspaced_protocol.models import Change, CommitStatistics, StoreStatus

DEADLINE_SECONDS: Final = 5.0
QUEUE_LIMIT: Final = 4096
_RETRY_SECONDS: Final = (0.1, 5.0)  # the first pause between repairs, and the longest
_MEASURED_COMMITS: Final = 1024
_COMMANDS_A_TURN: Final = 64
"""About a millisecond of work; then connections get their turn. They may take twenty times as long for it, so
with fewer the batch of a busy client would not be done within its deadline beside many that read."""

_HELD_KEYS_SECONDS: Final = 60.0
"""For how long after a start no key from before it is forgotten: clients that keep trying to connect pause for
two seconds at most, and others may have made hundreds of writes until the last of them is back."""

_OWN: Final = Cause("")  # what the daemon does by itself

_log = structlog.get_logger(__name__)


class Writer:
    """Owns `store`; `state` is what readers may see. `run` must run for a write to be answered."""

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
        """Set when, after a stop, all that was queued has been answered. A `status` that is readOnly stays so
        where the store could not be repaired."""
        self._store = store
        self._hub = hub
        self._deadlines = Deadlines(deadline_seconds)
        self._queue_limit = queue_limit
        self._arrivals, self._queue = trio.open_memory_channel[Write](queue_limit)
        self._gone: list[int] = []
        self._keys_are_held_until = 0.0
        self._worker = Worker("commits")
        self._commit_count = 0
        self._commit_requests = 0
        self._commit_ms: deque[float] = deque(maxlen=_MEASURED_COMMITS)

    def submit(self, command: Command, reply: Reply, cause: Cause = _OWN) -> Callable[[], None]:
        """Puts a write in the queue; `reply` is called once, now or within the deadline.

        The function that is given back withdraws it, if its turn has not come: it is then answered
        with RequestCancelled, and never applied.
        """
        write = Write(command, reply, cause, trio.current_time() + self._deadlines.seconds)
        try:
            self._arrivals.send_nowait(write)
        except trio.WouldBlock:
            write.answer(
                Overloaded(f"{self._queue_limit:,} writes are waiting already: try again in a moment.")
            )
        except trio.ClosedResourceError:
            write.answer(ShuttingDown())
        else:
            self._deadlines.add(write)
        return write.withdraw

    async def write(self, command: Command, cause: Cause = _OWN, tell: Reply | None = None) -> object:
        """Submits a write and waits for its result, or raises why there is none.

        `tell` takes the result, if there is one, before the events of the write go out.
        """
        results: list[outcome.Maybe[object]] = []
        done = trio.Event()

        def reply(result: object) -> None:
            done.set()
            if isinstance(result, Exception):
                results.append(outcome.Error(result))
                return
            results.append(outcome.Value(result))
            if tell is not None:
                tell(result)

        self.submit(command, reply, cause)
        # Shielded: who is told that it was cancelled must be able to rely on that. The deadline ends it.
        with trio.CancelScope(shield=True):
            await done.wait()
        return results.pop().unwrap()

    def end_sessions_of(self, connection: int) -> None:
        """The connection is gone: its sessions end with the next batch, whatever the queue holds."""
        self._gone.append(connection)
        # With a full or closed queue the actor is about to take a batch anyway.
        self.submit(lambda _: Outcome(None), lambda _: None)

    def stop(self) -> None:
        """Takes no more writes; `run` ends when those in the queue are committed."""
        self._arrivals.close()

    def commit_statistics(self) -> CommitStatistics:
        """How many commits there were, and how long the newest took."""
        ranked = sorted(self._commit_ms) or [0.0]
        return CommitStatistics(
            count=self._commit_count,
            requests=self._commit_requests,
            p50_ms=round(ranked[len(ranked) // 2], 3),
            p95_ms=round(ranked[len(ranked) * 95 // 100], 3),
        )

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The actor: until `stop` was called and the queue is empty."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deadlines.watch)
            self._keys_are_held_until = trio.current_time() + _HELD_KEYS_SECONDS
            task_status.started()
            try:
                async with aclosing(self._worker):
                    # A write waits here for as long as nobody writes: there is nothing to be late for.
                    async for write in self._queue:
                        await self._commit([write, *self._take_waiting()])
            finally:
                # After a defect, nobody may wait for what will never come: some can't be cancelled.
                self.stop()
                self._deadlines.end()
            self.finished.set()
            nursery.cancel_scope.cancel()

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
        gone, self._gone = self._gone, []
        batch: list[Write] = []
        events: list[tuple[Event, Cause]] = []
        events += self._apply(draft, sessions.end_sessions_of(gone))
        for count, write in enumerate(writes, start=1):
            if not write.answered:
                self._run_command(draft, write)
                if not write.answered:
                    batch.append(write)
            if count % _COMMANDS_A_TURN == 0:
                await trio.lowlevel.checkpoint()
        for write in batch:
            if isinstance(write.outcome, Outcome):
                events += [(event, write.cause) for event in write.outcome.events]
        # Once more: a connection may have begun a session in this batch and be gone since.
        events += self._apply(draft, sessions.end_sessions_of(gone))
        state = draft.freeze()
        if draft.touches_store:
            try:
                await self._commit_to_store(state, draft, batch)
            except StorageFailure as failure:
                self._gone += gone
                await self._fail(failure, batch, state.revision)
                self._end_gone_sessions()
                return
        self.state = state
        self._hub.reached(state.revision)
        for write in batch:
            write.answer(write.outcome.result if isinstance(write.outcome, Outcome) else write.outcome)
        for event, cause in events:
            self._hub.publish(event, cause)
        if draft.touches_store:
            self._set_status("ok")

    def _apply(self, draft: Draft, command: Command) -> list[tuple[Event, Cause]]:
        """Applies a command of the writer's own."""
        outcome = command(draft)
        draft.apply(outcome)
        return [(event, _OWN) for event in outcome.events]

    def _end_gone_sessions(self) -> None:
        """Ends them without a batch: after a failure, nobody may write for a long time."""
        if not self._gone:
            return
        # They stay noted: a write that still waits may begin a session for one of them.
        draft = Draft(self.state)
        events = self._apply(draft, sessions.end_sessions_of(self._gone))
        self.state = draft.freeze()
        for event, cause in events:
            self._hub.publish(event, cause)

    def _run_command(self, draft: Draft, write: Write) -> None:
        try:
            outcome = write.command(draft)
        except RequestError as refusal:
            # A refusal may rest on what this batch is about to change: then it waits with the others.
            if draft.is_changed:
                write.outcome = refusal
            else:
                write.answer(refusal)
        except Exception as defect:  # noqa: BLE001 - a command changes nothing by itself, so a defect in one hurts only its caller
            failed = CommandFailed("The daemon failed on this request; its log tells more.")
            failed.__cause__ = defect  # for the log of requests
            write.answer(failed)
        else:
            draft.apply(outcome)
            write.outcome = outcome
            write.revision = draft.revision

    async def _commit_to_store(self, state: State, draft: Draft, batch: Sequence[Write]) -> None:
        changes = None if any(_rewrites(write) for write in batch) else draft.changes
        started_at = time.perf_counter()
        await self._in_thread(state, changes, draft.keeps_previous)
        self._commit_ms.append((time.perf_counter() - started_at) * 1000)
        self._commit_count += 1
        self._commit_requests += len(batch)

    async def _in_thread(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        # Cancelled only when the daemon gives up on a disk that hangs; the thread is left to it then.
        try:
            await self._worker.run(
                self._store.commit, state, changes, keeps_previous, afterwards=self._store.tidy
            )
        except NoThread as none:
            raise StorageFailure(none.message, errno.EAGAIN) from none

    async def _fail(self, failure: StorageFailure, batch: Sequence[Write], revision: int) -> None:
        """Answers a batch whose commit failed; after an unknown outcome, repairs the store too."""
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

    async def _repair(self, failure: StorageFailure, revision: int) -> None:
        """Commits the last answered state anew, above every revision that the disk may hold."""
        pause_seconds, longest_seconds = _RETRY_SECONDS
        while True:
            revision += 1
            try:
                await self._in_thread(replace(self.state, revision=revision), None)
            except StorageFailure as again:
                failure = again
                if not isinstance(again, CommitUnknown):
                    revision -= 1
                self._set_status("readOnly", again.message)
            else:
                self.state = replace(self.state, revision=revision)
                self._hub.reached(revision)
                self._set_status("ok")
                return
            self._end_gone_sessions()
            if not await self._refuse_writes(pause_seconds, failure):
                return
            pause_seconds = min(pause_seconds * 2, longest_seconds)

    async def _refuse_writes(self, pause_seconds: float, failure: StorageFailure) -> bool:
        """Answers all writes of the next while with the failure; False when there will be no more."""
        with trio.move_on_after(pause_seconds):
            async for write in self._queue:
                write.answer(_not_applied(failure))
            _log.error("The daemon stops before the store could be repaired.", reason=failure.message)
            return False
        return True

    def _set_status(self, state: Literal["ok", "degraded", "readOnly"], reason: str | None = None) -> None:
        before, self.status = self.status, StoreStatus(state=state, last_error=reason)
        if before.state == state:
            return
        if state == "ok":
            _log.info("The store takes writes again.")
            event = Event("store.ok", StoreChanged(), self.state.revision)
        else:
            event = Event("store.degraded", StoreChanged(reason), self.state.revision)
        self._hub.publish(event, _OWN)


def _not_applied(failure: StorageFailure) -> StorageFailure:
    return StorageFailure(f"{failure.message} Nothing was applied.", failure.errno)


def _rewrites(write: Write) -> bool:
    return isinstance(write.outcome, Outcome) and write.outcome.rewrites_files
