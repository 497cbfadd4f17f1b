"""The end of a failed command: its exit code, and the error on stderr, in words or as JSON."""

from __future__ import annotations

import os

from workspaced_client.cli.base.output import OutputFailed, errors_on_terminal, shown, tell, with_tildes

TYPE_CHECKING = False  # every run loads this: the errors of the client are loaded with the first of them
if TYPE_CHECKING:
    from typing import Final

    from workspaced_client import CannotConnect, DaemonError, RevisionConflict, Unanswered

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3


class Failure(Exception):
    """The error that ends a command. `code` and `data` are the daemon's, if it refused; `kind` is for programs."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "failed",
        exit_code: int = EXIT_REFUSED,
        code: int | None = None,
        data: dict[str, object] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.exit_code = exit_code
        self.code = code
        self.data = {"kind": kind, **(data or {})}
        self.hint = hint

    @classmethod
    def of(cls, error: DaemonError, message: str | None = None, *, hint: str = "") -> Failure:
        """Return the failure for an error of the daemon, with `message` in place of the daemon's own."""
        message = error.message if message is None else message
        return Failure(message, kind=error.kind, code=error.code, data=error.data, hint=hint)


class WrongUsage(Failure):
    """An argument that can't be used."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, kind="usage", exit_code=EXIT_USAGE, hint=hint)


class Unreachable(Failure):
    """No daemon at the socket, no answer from it, or no permission to use it.

    `can_be_stopped` is whether to advise that to a user whose daemon does not answer.
    """

    def __init__(
        self, error: CannotConnect | Unanswered, socket: str, *, can_be_stopped: bool = True
    ) -> None:
        from workspaced_client import NotResponding, Unanswered

        message = str(error)
        where = "" if socket in message else f" The socket is {socket}."
        if isinstance(error, NotResponding):  # so it runs
            where += " It may be busy, hang, or be suspended"
            where += "; `workspacectl stop` ends it." if can_be_stopped else "."
        elif "`workspace" not in message:
            where += " If no daemon runs there, start one with `workspacectl start`."
        name = type(error).__name__
        data: dict[str, object] = {"socket": socket}
        if isinstance(error, Unanswered):
            data |= {"method": error.method, "outcomeUnknown": error.outcome_unknown}
        super().__init__(
            message + where,
            kind=name[:1].lower() + name[1:],
            exit_code=EXIT_UNREACHABLE,
            data=data,
        )


def store_changed(error: RevisionConflict, nothing_done: str) -> Failure:
    """Return the failure of a command whose preview is out of date; `nothing_done` begins its message."""
    return Failure.of(
        error,
        f"{nothing_done}: the store has changed in the meantime.",
        hint="Run the command again to see the changes it would make now.",
    )


def reason(error: OSError) -> str:
    """Return the system's words for an error."""
    return error.strerror or str(error)


def report(failure: Failure, *, as_json: bool) -> int:
    """Write the error to stderr, in one line with a hint below, and return the exit code."""
    if as_json:
        import json

        document = {
            "code": failure.code,
            "kind": failure.kind,
            "message": failure.message,
            "data": failure.data,
        }
        tell(json.dumps(document))
        return failure.exit_code
    message = shown(failure.message)
    tell(f"error: {with_tildes(message) if errors_on_terminal() else message}")
    if failure.hint:
        for line in failure.hint.splitlines():
            tell(shown(line))
    return failure.exit_code


def failure_of(error: Exception) -> Failure | None:
    """Return the failure that an error stands for, or None for a defect."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OutputFailed):
        return Failure(str(error))
    from workspaced_client import DaemonError, Unsendable, UnusableSocketPath, WorkspacedError
    from workspaced_protocol.paths import UnusablePath

    if isinstance(error, DaemonError):
        return Failure.of(error)
    if isinstance(error, Unsendable) and isinstance(error.__cause__, UnicodeEncodeError):
        try:
            given = repr(os.fsencode(error.__cause__.object))[2:-1]
        except UnicodeEncodeError:  # no bytes of an argument, but half a character from JSON
            return WrongUsage(str(error))
        return WrongUsage(f"“{given}” is not valid UTF-8: give another name or path.")
    if isinstance(error, (UnusableSocketPath, Unsendable)):
        return WrongUsage(str(error))
    if isinstance(error, (WorkspacedError, UnusablePath)):
        return Failure(str(error))
    return None
