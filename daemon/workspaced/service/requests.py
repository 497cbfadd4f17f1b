"""A request as its handler sees it: the caller, the client, and the operations on a request without an answer.

A handler takes the params and a second argument. Its signature depends on its mode, a column of the method table:

- a read, `(params, client) -> Json | list[Json]`, returns at once, from the last durable state: texts that records
  hold already, or what `encode` makes of a model;
- a write, `(params, request) -> Command`, returns at once; the writer runs the command;
- a prepared write, `async (params, turn) -> Command`, waits for its turn, then makes the command;
- a task, `async (params, request) -> Json`, may wait at any time, and commits with `request.commit`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause
from workspaced.events import Subscription
from workspaced.host.git_output import Step
from workspaced_protocol.models import Peer

Json = bytes
"""A result as JSON text."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The origin of a request: the connection's number, and the peer's process and user."""

    connection: int
    pid: int
    uid: int
    connected_at_ms: int
    program: str | None = None
    """The program's name from `daemon.hello`."""
    machine: str | None = None
    """Its machine, in a store that several machines share."""

    @property
    def peer(self) -> Peer:
        """The caller as events and the history tell of it."""
        return Peer(self.pid, self.uid, self.program, self.machine)

    def log_fields(self) -> dict[str, object]:
        """Return the caller as fields of a log line."""
        fields: dict[str, object] = {"connection": self.connection, "pid": self.pid, "uid": self.uid}
        return fields if self.program is None else {**fields, "program": self.program}


class Client(Protocol):
    """A connected client, as a read sees it."""

    @property
    def caller(self) -> Caller:
        """The caller of its requests."""
        ...

    def introduce(self, program: str) -> None:
        """Store the name that the program gives in `daemon.hello`."""
        ...

    def wake(self) -> None:
        """Have the client's events sent; never block."""
        ...

    def subscribe(self, subscription: Subscription | None) -> None:
        """Replace the client's subscription; None ends it."""
        ...


class Request(Protocol):
    """A request without an answer yet, as a write or a task sees it."""

    @property
    def caller(self) -> Caller:
        """The caller of the request."""
        ...

    @property
    def cause(self) -> Cause:
        """The cause of the events that follow: the peer and a correlation id."""
        ...

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call `call` once it is certain whether the write is applied: at the answer, or at the end of its commit."""
        ...

    def report(self, step: Step) -> None:
        """Send the client a task's progress; never block."""
        ...

    async def warn(self, step: Step) -> None:
        """Send the client a step that must not be left out for one before it; wait until it may be sent."""
        ...

    async def commit(self, command: Command) -> Json:
        """Commit a task's command, answer with its result before its events go out, and return the result.

        Raise the command's refusal, or CommitUnknown.
        """
        ...
