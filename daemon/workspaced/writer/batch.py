"""A batch of writes on a draft: their commands, their answers and their events, in one order.

The strategy: everything happens in the order of the writes. Sessions of closed connections end before the first write,
and again after the last one, which may have begun such a session.
"""

from collections.abc import Sequence
from typing import Final

import trio

from workspaced.domain import sessions
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.entries import NOBODY, Event, events_of
from workspaced.domain.errors import RequestError
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.store.contract import Commit, commit_of
from workspaced.writer.pending import CommandFailed, Write

_COMMANDS_A_TURN: Final = 64
"""About a millisecond of work; then connections get a turn, which may last twenty times as long. With fewer commands
a turn, a large batch beside many reading clients would miss its deadline."""


class Batch:
    """The writes that one commit makes durable."""

    def __init__(self, state: State, closed_connections: Sequence[int], *, releases_keys: bool) -> None:
        """Begin on a draft of `state`; `closed_connections` lose their sessions."""
        self._draft = Draft(state)
        if releases_keys:
            self._draft.release_keys()
        self._end_sessions = sessions.end_sessions_of(closed_connections)
        self._ended: Sequence[Event] = ()
        self._also_ended: Sequence[Event] = ()
        self.writes: list[Write] = []
        """Those that wait for the commit."""
        self.commit = Commit(state)
        """What is to be committed, once all commands have run."""

    @property
    def touches_store(self) -> bool:
        """Whether the commit is a commit of the store: sessions alone need none."""
        return self._draft.touches_store

    async def run(self, writes: Sequence[Write]) -> None:
        """Run the commands of all writes that are not answered yet. Afterwards, `commit` is set."""
        self._ended = self._apply(self._end_sessions)
        at_ms = now_ms()
        for count, write in enumerate(writes, start=1):
            if not write.answered:
                self._run_command(write, at_ms)
                if not write.answered:
                    self.writes.append(write)
            if count % _COMMANDS_A_TURN == 0:
                await trio.lowlevel.checkpoint()
        self._also_ended = self._apply(self._end_sessions)
        is_whole = any(
            isinstance(each.outcome, Outcome) and each.outcome.rewrites_files for each in self.writes
        )
        self.commit = commit_of(self._draft, is_whole=is_whole)

    def answer(self) -> None:
        """Answer all writes: their changes are durable."""
        for write in self.writes:
            write.answer(write.outcome.result if isinstance(write.outcome, Outcome) else write.outcome)
            write.settle()

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

    def take_back(self) -> None:
        """Queue all writes again: nothing of them was applied."""
        for write in self.writes:
            write.take_back()

    def _apply(self, command: Command) -> Sequence[Event]:
        """Apply a command of the daemon's own, which changes no workspace; return its events."""
        outcome = command(self._draft)
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
