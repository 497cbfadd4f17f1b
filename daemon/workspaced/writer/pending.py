"""A pending write: its one answer, its cancellation and its deadline."""

import errno
from collections import deque
from collections.abc import Callable, Sequence

import trio
from msgspec import Struct
from outcome import Error, Maybe, Value

from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause, Entry
from workspaced.domain.errors import RequestCancelled, RequestError, ShuttingDown
from workspaced.domain.outcome import Outcome
from workspaced.process.log import Logger
from workspaced.store.contract import CommitUnknown
from workspaced_protocol.errors import ErrorCode

_log = Logger()

Reply = Callable[[object], None]
"""Takes the result of a write, or the exception in its place. It must not block."""


class WriteTimeout(RequestError):
    """The deadline passed while the write was queued: it was not applied, and never will be."""

    code = ErrorCode.WRITE_TIMEOUT


def withdrawn() -> RequestCancelled:
    """Return the answer to a write that was cancelled in the queue."""
    return RequestCancelled("The write was cancelled before its turn: it was not applied.")


class CommandFailed(RequestError):
    """A command raised an unexpected exception, which is the `__cause__`: a defect of the daemon."""

    code = ErrorCode.INTERNAL_ERROR


class Write(Struct, eq=False):
    """A write from its arrival to its answer, of which there is exactly one."""

    command: Command
    reply: Reply
    cause: Cause
    deadline: float
    """On trio's clock, in seconds."""
    outcome: Outcome | RequestError | None = None
    """The command's outcome on the draft; None while the write is queued."""
    entries: Sequence[Entry] = ()
    """The changes that it made on the draft."""
    revision: int = 0
    """The store's revision after this write, if its commit succeeds."""
    answered: bool = False
    is_overtaken: bool = False
    """Whether others were faster than an attempt to commit it."""
    on_settled: Callable[[], None] | None = None
    """Called once it is certain whether the write is applied: at its answer, or at the end of its commit if that is later."""

    def answer(self, result: object) -> None:
        """Answer with a result or an exception; do nothing if the write is already answered."""
        if not self.answered:
            self.answered = True
            try:
                self.reply(result)
            except Exception:  # noqa: BLE001 - a defect in one request must not end the actor, which serves all
                _log.exception("A write could not be answered.")
        if not isinstance(self.outcome, Outcome):
            self.settle()

    def settle(self) -> None:
        """Call `on_settled`, unless that is done."""
        if self.on_settled is not None:
            self.on_settled()
            self.on_settled = None

    def take_back(self, *, is_overtaken: bool = False) -> None:
        """Make the write queued again: its outcome was not applied. An answered write is settled by that."""
        self.outcome, self.entries, self.revision = None, (), 0
        self.is_overtaken = self.is_overtaken or is_overtaken
        if self.answered:
            self.settle()

    def withdraw(self) -> None:
        """Cancel the write if it is still queued."""
        if self.outcome is None:
            self.answer(withdrawn())


async def answer_to(submit: Callable[[Reply], object], on_result: Reply | None = None) -> object:
    """Submit a write with a reply of this function's, and wait for its result, or raise its error.

    `on_result` takes the result, if there is one, as soon as the write is answered.
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

    submit(reply)
    # Shielded: a cancelled wait would not tell whether the write was applied. The deadline bounds the wait.
    with trio.CancelScope(shield=True):
        await done.wait()
    return results.pop().unwrap()


class Deadlines:
    """Answers each write at its deadline, even while the actor waits for a disk.

    Every write has the same time limit, so the oldest is always the next one due.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._writes: deque[Write] = deque()
        self._added = trio.Event()

    def add(self, write: Write) -> None:
        """Watch the deadline of a write that has just arrived."""
        self._forget_answered()
        self._writes.append(write)
        self._added.set()

    async def watch(self) -> None:
        """Answer each write at its deadline; never return."""
        while True:
            self._forget_answered()
            if not self._writes:
                self._added = trio.Event()
                await self._added.wait()  # until the next write
            elif trio.current_time() >= self._writes[0].deadline:
                self._writes[0].answer(self._deadline_error(self._writes[0]))
            else:
                # By then another write may be the oldest; its deadline is not earlier.
                await trio.sleep_until(self._writes[0].deadline)
                # The disk may have answered meanwhile: first the loop sees that, then the writer tells it.
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()

    def end(self) -> None:
        """Answer all remaining writes: the actor has ended."""
        for write in list(self._writes):
            is_committing = isinstance(write.outcome, Outcome)
            write.answer(
                CommitUnknown("The daemon failed.", errno.EIO).of_write(write.revision)
                if is_committing
                else ShuttingDown()
            )

    def _forget_answered(self) -> None:
        while self._writes and self._writes[0].answered:
            self._writes.popleft()

    def _deadline_error(self, write: Write) -> RequestError:
        if isinstance(write.outcome, Outcome):
            unknown = CommitUnknown(f"The commit did not finish within {self.seconds:g} s.", errno.ETIMEDOUT)
            return unknown.of_write(write.revision)
        if write.is_overtaken:
            return WriteTimeout(
                f"Other machines were faster with each attempt at the write for {self.seconds:g} s: it was not "
                "applied. Try again."
            )
        return WriteTimeout(
            f"The write could not begin within {self.seconds:g} s, because the store is slow or hangs: "
            "it was not applied."
        )
