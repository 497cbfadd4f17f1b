"""The arguments that many commands take: a workspace, by name or id, and a path."""

import os
import re
import warnings
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer

from workspaced_client import Client, NotFound, RecoveryWarning, Workspace, WorkspacedError
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.output import shown, shown_name
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
    given = context.find_root().params.get("socket")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecoveryWarning)
            socket = os.path.expanduser(given) if isinstance(given, str) else None
            with Client.connect(socket, timeout_seconds=_COMPLETION_SECONDS, reconnect=False) as client:
                found = client.workspaces.list()
    except WorkspacedError:
        return []
    names = (each.name for each in found if each.state != "deleted")
    return [name for name in names if name.startswith(incomplete) and name == shown(name)]


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
