"""A write on its way through the actor: its one answer, what may come instead, and its deadline."""

import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
import trio

from workspaced.domain.commands import Command
from workspaced.domain.errors import RequestCancelled, RequestError, ShuttingDown
from workspaced.domain.state import Outcome
from workspaced.events import Cause
from workspaced.store.contract import CommitUnknown
from workspaced_protocol.errors import ErrorCode

_log = structlog.get_logger(__name__)

Reply = Callable[[object], None]
"""Takes the result of a write, or the exception that says why there is none. It must not block."""


class WriteTimeout(RequestError):
    """The deadline passed in the queue: the write was not applied, and never will be."""

    code = ErrorCode.WRITE_TIMEOUT


def withdrawn() -> RequestCancelled:
    """Return the answer to a write that the client cancelled while it waited."""
    return RequestCancelled("The write was cancelled before its turn came: it was not applied.")


class CommandFailed(RequestError):
    """A command raised what it must not: a defect of the daemon, which is the `__cause__`."""

    code = ErrorCode.INTERNAL_ERROR


@dataclass(slots=True, eq=False)
class Write:
    """A write on its way: from its arrival to its answer, of which there is exactly one."""

    command: Command
    reply: Reply
    cause: Cause
    deadline: float
    """On trio's clock, in seconds."""
    outcome: Outcome | RequestError | None = None
    """What the command came to on the draft; None while it waits in the queue."""
    revision: int = 0
    """The store's revision, should the write have been applied."""
    answered: bool = False

    def answer(self, result: object) -> None:
        """Answers with a result or an exception, unless the write has its answer already."""
        if not self.answered:
            self.answered = True
            try:
                self.reply(result)
            except Exception:  # noqa: BLE001 - a defect in one request must not end the actor, which all others need
                _log.exception("An answer could not be given.")

    def withdraw(self) -> None:
        """Cancels the write, if its turn has not come."""
        if self.outcome is None:
            self.answer(withdrawn())


class Deadlines:
    """Answers each write whose time is up, whatever the actor is waiting for.

    All writes have the same time, so the oldest is always the next one due.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._writes: deque[Write] = deque()
        self._added = trio.Event()

    def add(self, write: Write) -> None:
        """Watches over a write that has just arrived."""
        self._forget_answered()
        self._writes.append(write)
        self._added.set()

    async def watch(self) -> None:
        """Runs for as long as writes may come."""
        while True:
            self._forget_answered()
            if not self._writes:
                self._added = trio.Event()
                await self._added.wait()  # for as long as nobody writes
            elif trio.current_time() >= self._writes[0].deadline:
                self._writes[0].answer(self._too_late(self._writes[0]))
            else:
                # Whichever write is the oldest then has the same time or a later one.
                await trio.sleep_until(self._writes[0].deadline)

    def end(self) -> None:
        """Answers all that have no answer yet: nobody works on them any more."""
        for write in list(self._writes):
            begun = isinstance(write.outcome, Outcome)
            write.answer(
                CommitUnknown("The daemon failed.", errno.EIO).of_write(write.revision)
                if begun
                else ShuttingDown()
            )

    def _forget_answered(self) -> None:
        while self._writes and self._writes[0].answered:
            self._writes.popleft()

    def _too_late(self, write: Write) -> RequestError:
        if isinstance(write.outcome, Outcome):
            late = CommitUnknown(f"The commit was not done within {self.seconds:g} s.", errno.ETIMEDOUT)
            return late.of_write(write.revision)
        return WriteTimeout(
            f"The write could not begin within {self.seconds:g} s, since the disk is slow or hangs: "
            "it was not applied."
        )
