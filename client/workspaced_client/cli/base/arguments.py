"""The arguments that many commands take, a workspace and a path, and their completion in a shell."""

import os
import re
import warnings
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Final
from unicodedata import combining

import typer

from workspaced_client import Client, NotFound, RecoveryWarning, Workspace, WorkspacedError
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.output import shown, shown_name
from workspaced_protocol.names import name_key
from workspaced_protocol.urls import without_secret

_ID: Final = re.compile(r"ws_[0-9A-HJKMNP-TV-Z]{26}")
_COMPLETION_SECONDS: Final = 1.0  # the user has pressed Tab and waits


def find_workspace(client: Client, given: str) -> Workspace:
    """Return the workspace with this id or name, in any case. Raise Failure if there is none.

    A text in the form of an id is never taken as a name: the name could belong to another workspace.
    """
    if given.startswith("ws_"):  # no other text is an id, and the daemon logs each refusal
        try:
            return client.workspaces.get(given)
        except NotFound as error:
            if is_id(given):
                message = (
                    f"There is no workspace with the id “{shown_name(given)}”. `workspacectl list` shows all."
                )
                raise Failure.of(error, message) from error
    try:
        return client.workspaces.get(name=given)
    except NotFound as error:
        wanted = shown_name(without_secret(given))
        message = f"There is no workspace with the id or name “{wanted}”.{_suggestion(client, given)}"
        raise Failure.of(error, message) from error


def is_id(text: str) -> bool:
    """Return whether `text` has the form of an id made by a daemon: `ws_` and a ULID."""
    return _ID.fullmatch(text) is not None


def _suggestion(client: Client, given: str) -> str:
    names = {
        workspace.name.casefold(): workspace.name
        for workspace in client.workspaces.list()
        if workspace.state != "deleted"
    }
    close = get_close_matches(given.casefold(), names, n=3)
    if close:
        return f" Did you mean {' or '.join(f'“{shown_name(names[name])}”' for name in close)}?"
    if not names:
        return " There are none yet: `workspacectl create NAME` makes one."
    return " `workspacectl list` shows all."


def complete_workspace(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names that begin with `incomplete`, for the shell; none if no daemon answers."""
    return completions(context, incomplete, _names)


def completions(context: typer.Context, incomplete: str, ask: Callable[[Client], Iterable[str]]) -> list[str]:
    """Return those answers of the daemon that begin with `incomplete`, in any case; none if no daemon answers."""
    given = context.find_root().params.get("socket")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecoveryWarning)
            socket = os.path.expanduser(given) if isinstance(given, str) else None
            with Client.connect(socket, timeout_seconds=_COMPLETION_SECONDS, reconnect=False) as client:
                return beginning_with(incomplete, ask(client))
    except WorkspacedError:
        return []


class _Chosen(str):
    """A completion; typer asks each again whether it begins with what was typed, and knows only one case."""

    def startswith(self, *_: object) -> bool:
        """Return True: `beginning_with` has chosen it."""
        return True


def beginning_with(incomplete: str, texts: Iterable[str]) -> list[str]:
    """Return the texts that begin with `incomplete`, as names are compared, and can be typed as an argument.

    One that begins with a dash would be taken for an option, except where the user has typed the dash.

    The shells compare letters and lengths. So where one text has its beginning in another form, such as “é” as two
    characters, all are returned with the beginning that the user typed.
    """
    ends = {
        text: end
        for text in texts
        if (end := _end_of_beginning(incomplete, text)) is not None
        and text == shown(text)
        and (incomplete or not text.startswith("-"))
    }
    if all(_have_one_form(incomplete, text[:end]) for text, end in ends.items()):
        return [_Chosen(text) for text in ends]
    return [_Chosen(incomplete + text[end:]) for text, end in ends.items()]


def _end_of_beginning(incomplete: str, text: str) -> int | None:
    """Return the number of characters of the text that are `incomplete`, or None unless it begins so."""
    wanted = name_key(incomplete)
    for end in range(len(text) + 1):
        key = name_key(text[:end])
        if key == wanted and not (end < len(text) and combining(text[end])):
            return end
        if len(key) > len(wanted):
            return None
    return None


def _have_one_form(one: str, other: str) -> bool:
    return len(one) == len(other) and _byte_length(one) == _byte_length(other)


def _byte_length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def _names(client: Client) -> list[str]:
    return [each.name for each in client.workspaces.list() if each.state != "deleted"]


def workspace_argument(help_: str) -> Any:  # typer's own type
    """Return typer's description of an argument for workspaces, with completion."""
    return typer.Argument(
        metavar="WORKSPACE", help=help_, autocompletion=complete_workspace, show_default=False
    )


WorkspaceArgument = Annotated[str, workspace_argument("Its name or its id.")]


def absolute_path(given: str | None) -> str:
    """Return `given`, or the current directory, as an absolute path; a tilde is the home directory."""
    try:
        return os.path.abspath(os.path.expanduser(given or "."))
    except FileNotFoundError as error:
        raise WrongUsage("The current directory no longer exists: give an absolute path.") from error
