"""A batch of writes on a draft: their commands, their answers and their events, in one order.

The strategy:
- Everything happens in the order of the writes. Sessions of closed connections end before the first write, and again
  after the last one, which may have begun such a session.
- A store may have a limit for one commit. The first write that does not fit ends the batch.
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio

from workspaced.domain import sessions
from workspaced.domain.clock import now_ms
from workspaced.domain.draft import Draft
from workspaced.domain.entries import NOBODY, Event, events_of
from workspaced.domain.errors import RequestError
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.store.contract import Commit, CommitUnknown, StorageFailure, StoreError, commit_of
from workspaced.writer.pending import CommandFailed, Write
from workspaced_protocol.models import Session

_COMMANDS_A_TURN: Final = 64
"""About a millisecond of work; then connections get a turn, which may last twenty times as long. With fewer commands
a turn, a large batch beside many reading clients would miss its deadline."""


def not_applied(failure: StoreError) -> StorageFailure:
    """Return the answer to a write of which nothing was applied."""
    return StorageFailure(f"{failure.message} Nothing was applied.", failure.errno)


class Batch:
    """The writes that one commit makes durable."""

    def __init__(
        self,
        state: State,
        closed_connections: Sequence[int],
        has_room: Callable[[Draft], bool],
        *,
        releases_keys: bool,
    ) -> None:
        """Prepare a batch on `state`; `closed_connections` lose their sessions.

        `has_room` tells whether one commit can hold a draft's changes.
        """
        self._state = state
        self.closed_connections = closed_connections
        self._held = sessions.held_by(closed_connections, state.sessions.values())
        self._has_room = has_room
        self._releases_keys = releases_keys
        self._draft = Draft(state)
        self._ended: Sequence[Event] = ()
        self._also_ended: Sequence[Event] = ()
        self.writes: list[Write] = []
        """Those that wait for the commit."""
        self.commit = Commit(state)
        """What is to be committed, once all commands have run."""

    @property
    def touches_store(self) -> bool:
        """Whether something that every store keeps has changed."""
        return self._draft.touches_store

    @property
    def changes_sessions(self) -> bool:
        """Whether the sessions after the batch are others than before it."""
        return bool(self._draft.begun or self._draft.ended)

    @property
    def ends_all_held(self) -> bool:
        """Whether all sessions of the closed connections end with this batch."""
        return len(self._ended) == len(self._held)

    async def run(self, writes: Sequence[Write]) -> int:
        """Run the commands of the writes that are not answered yet, as many as one commit has room for.

        Return how many writes it has gone through: the others must wait for the next commit. Afterwards, `commit` is set.
        """
        count = len(writes)
        while True:
            self._begin()
            fitting = await self._run_commands(writes[:count])
            if fitting == count:
                break
            # Commands are pure functions: run without the one that did not fit, they come to the same.
            self.take_back()
            count = fitting
        begun = sessions.held_by(self.closed_connections, self._draft.begun.values())
        self._also_ended = self._end(begun)
        is_whole = any(
            isinstance(each.outcome, Outcome) and each.outcome.rewrites_files for each in self.writes
        )
        self.commit = commit_of(self._draft, is_whole=is_whole)
        return count

    def _begin(self) -> None:
        """Begin a draft with the end of the sessions of closed connections, as many as one commit has room for."""
        self.writes = []
        count = len(self._held)
        while True:
            self._draft = Draft(self._state)
            if self._releases_keys:
                self._draft.release_keys()
            self._ended = self._end(self._held[:count])
            if count <= 1 or self._has_room(self._draft):
                return
            count //= 2

    async def _run_commands(self, writes: Sequence[Write]) -> int:
        """Run the commands of the writes on the draft, until one takes more room than there is; return how many fit."""
        at_ms = now_ms()
        for count, write in enumerate(writes):
            if not write.answered:
                # A write that takes more room than a commit has is let in alone: the store then writes all of it again.
                has_others = self._draft.is_changed
                self._run_command(write, at_ms)
                if not write.answered:
                    self.writes.append(write)
                if has_others and not self._has_room(self._draft):
                    return count
            if count % _COMMANDS_A_TURN == _COMMANDS_A_TURN - 1:
                await trio.lowlevel.checkpoint()
        return len(writes)

    def answer(self) -> None:
        """Answer all writes: their changes are durable."""
        for write in self.writes:
            write.answer(write.outcome.result if isinstance(write.outcome, Outcome) else write.outcome)
            write.settle()

    def answer_failure(self, failure: StoreError) -> None:
        """Answer all writes with the failure of their commit. They are not settled before the store is repaired."""
        for write in self.writes:
            if isinstance(failure, CommitUnknown) and isinstance(write.outcome, Outcome):
                write.answer(failure.of_write(write.revision))
            else:
                write.answer(not_applied(failure))

    def publish(self, hub: EventHub) -> None:
        """Publish the events of all writes, which are answered."""
        for event in self._ended:
            hub.publish(event, NOBODY)
        for write in self.writes:
            for entry in write.entries:
                for event in events_of(entry):
                    hub.publish(event, write.cause)
            if isinstance(write.outcome, Outcome):
                for event in write.outcome.events:
                    hub.publish(event, write.cause)
        for event in self._also_ended:
            hub.publish(event, NOBODY)

    def take_back(self, *, are_overtaken: bool = False) -> None:
        """Make all writes as they were before they ran: nothing of them was applied."""
        for write in self.writes:
            write.take_back(is_overtaken=are_overtaken)

    def _end(self, held: Sequence[Session]) -> Sequence[Event]:
        """End these sessions on the draft; return the events of that."""
        if not held:
            return ()
        outcome = sessions.end_all(held)(self._draft)
        self._draft.apply(outcome)
        return outcome.events

    def _run_command(self, write: Write, at_ms: int) -> None:
        try:
            outcome = write.command(self._draft)
        except RequestError as refusal:
            # A refusal may depend on changes of this batch: then it is answered with the batch.
            if self._draft.is_changed:
                write.outcome = refusal
            else:
                write.answer(refusal)
        except Exception as defect:  # noqa: BLE001 - a command changes nothing by itself: a defect affects its caller only
            failed = CommandFailed("The daemon failed on this request: its log has the details.")
            failed.__cause__ = defect  # for the request log
            write.answer(failed)
        else:
            write.entries = self._draft.apply(outcome, write.cause, at_ms)
            write.outcome = outcome
            write.revision = self._draft.revision
