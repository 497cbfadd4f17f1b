"""How a command fails: the exit code, and what is told on stderr, in words or as JSON."""

import json
import os
from typing import Final

import typer

from workspaced_client import CannotConnect, DaemonError, Unanswered, Unsendable, UnusableSocketPath
from workspaced_client.cli.base.output import shown, tell

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3


class Failure(Exception):
    """What ends a command. `code` and `data` are the daemon's where it refused, `kind` is for programs."""

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


class WrongUsage(Failure):
    """An argument that can't be used."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, kind="usage", exit_code=EXIT_USAGE, hint=hint)


class Unreachable(Failure):
    """There is no daemon at the socket, or none that answers, or none for this user."""

    def __init__(self, error: CannotConnect | Unanswered, socket: str) -> None:
        message = str(error)
        where = "" if socket in message else f" The socket is {socket}."
        if "workspaced run" not in message:
            where += " If no daemon runs there, start one with `workspaced run`."
        name = type(error).__name__
        data: dict[str, object] = {"socket": socket}
        if isinstance(error, Unanswered):
            data |= {"method": error.method, "outcomeUnknown": error.outcome_unknown}
        super().__init__(
            message + where, kind=name[:1].lower() + name[1:], exit_code=EXIT_UNREACHABLE, data=data
        )


def report(error: Exception, *, as_json: bool) -> int:
    """Tells on stderr what went wrong, in one line (and a hint below); gives the exit code."""
    failure = _failure(error)
    if as_json:
        document = {
            "code": failure.code,
            "kind": failure.kind,
            "message": failure.message,
            "data": failure.data,
        }
        tell(json.dumps(document))
        return failure.exit_code
    tell(f"error: {shown(failure.message)}")
    if failure.hint:
        for line in failure.hint.splitlines():
            tell(shown(line))
    return failure.exit_code


def _failure(error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, DaemonError):
        return Failure(error.message, kind=error.kind, code=error.code, data=error.data)
    if isinstance(error, typer.TyperException):
        # typer's own classes of usage errors tell where, and are private.
        command = getattr(getattr(error, "ctx", None), "command_path", "workspacectl")
        words = " ".join(error.format_message().split())
        message = words.replace(": Value error, ", ": ")  # as pydantic begins what it tells
        return WrongUsage(message, hint=f"Try: {command} --help")
    if isinstance(error, Unsendable) and isinstance(error.__cause__, UnicodeEncodeError):
        given = repr(os.fsencode(error.__cause__.object))[2:-1]
        return WrongUsage(f"“{given}” is not valid UTF-8: give another name or path.")
    if isinstance(error, (UnusableSocketPath, Unsendable)):
        return WrongUsage(str(error))
    return Failure(str(error))
