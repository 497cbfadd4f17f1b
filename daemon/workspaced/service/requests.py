"""A request as its handler sees it: who asks, and what the handler may do before its answer.

A handler is a function of the params and of one thing more. Its mode, a column of the method table, tells of which:

- a read `(params, client) -> Json`, at once, from the last durable state;
- a write `(params, request) -> Command`, at once; the writer runs the command;
- a prepared write `async (params, turn) -> Command`, which waits for its turn and then makes the command at once;
- a task `async (params, request) -> Json`, which commits by `request.commit`, if at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from workspaced.domain.commands import Command
from workspaced.events import Cause, Subscription
from workspaced.host.git_output import Step

Json = bytes
"""A result that is JSON text already."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the connection's number, and the process and the user at its other end."""

    connection: int
    pid: int
    uid: int
    connected_at_ms: int
    program: str | None = None
    """The name that it gave itself in `daemon.hello`."""

    def log_fields(self) -> dict[str, object]:
        """Return who it is, for a line of the log."""
        fields: dict[str, object] = {"connection": self.connection, "pid": self.pid, "uid": self.uid}
        return fields if self.program is None else {**fields, "program": self.program}


class Client(Protocol):
    """A connected client, as a read sees it."""

    @property
    def caller(self) -> Caller:
        """Who it is."""
        ...

    def introduce(self, program: str) -> None:
        """Take the name that the program gives itself."""
        ...

    def wake(self) -> None:
        """Have the client's events sent; never blocks."""
        ...

    def subscribe(self, subscription: Subscription | None) -> None:
        """Send it these events from now on, in place of those of an earlier subscription; None ends that."""
        ...


class Request(Protocol):
    """A request that has no answer yet, as a write or a task sees it."""

    @property
    def caller(self) -> Caller:
        """Who asks."""
        ...

    @property
    def cause(self) -> Cause:
        """Who asks, and under which id, for the events that follow."""
        ...

    def when_answered(self, call: Callable[[], None]) -> None:
        """Have this called once the request has its answer."""
        ...

    def report(self, step: Step) -> None:
        """Tell the client how far a task has come; never blocks."""
        ...

    async def commit(self, command: Command) -> Json:
        """Commit a task's command, and answer with its result before its events go out; return the result.

        Raises what refuses the command, or why its outcome is not known.
        """
        ...
