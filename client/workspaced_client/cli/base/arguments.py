"""What a user wrote for a workspace or a path, made into what the daemon takes."""

import os
import re
import warnings
from difflib import get_close_matches
from typing import Any, Final

import typer

from workspaced_client import Client, NotFound, RecoveryWarning, Workspace, WorkspacedError
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.output import shown

_ID: Final = re.compile(r"ws_[0-9A-HJKMNP-TV-Z]{26}")
_COMPLETION_SECONDS: Final = 1.0  # somebody has pressed Tab, and waits


def find_workspace(client: Client, given: str) -> Workspace:
    """The workspace of this id, else of this name (compared without case). Raises Failure.

    What has the form of an id is no name here: it would be of another workspace than the one that had the id.
    """
    if given.startswith("ws_"):  # no other text is an id, and the daemon logs what it refuses
        try:
            return client.workspaces.get(given)
        except NotFound as error:
            if is_id(given):
                raise Failure(
                    f"There is no workspace with the id “{given}”. `workspacectl list` shows all.",
                    kind=error.kind,
                    code=error.code,
                    data=error.data,
                ) from error
    try:
        return client.workspaces.get(name=given)
    except NotFound as error:
        raise Failure(
            f"There is no workspace with the id or the name “{given}”.{_suggestion(client, given)}",
            kind=error.kind,
            code=error.code,
            data=error.data,
        ) from error


def is_id(text: str) -> bool:
    """Whether it has the form of an id that a daemon makes: `ws_` and a ULID."""
    return _ID.fullmatch(text) is not None


def _suggestion(client: Client, given: str) -> str:
    names = {
        workspace.name.casefold(): workspace.name
        for workspace in client.workspaces.list()
        if workspace.state != "deleted"
    }
    close = get_close_matches(given.casefold(), names, n=3)
    if close:
        return f" Did you mean {' or '.join(f'“{names[name]}”' for name in close)}?"
    if not names:
        return " There are none yet: `workspacectl create NAME` makes one."
    return " `workspacectl list` shows all."


def complete_workspace(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell: the names that begin as what was typed; none where no daemon answers."""
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


def workspace_argument(help_: str) -> Any:  # as typer has it
    """For typer: an argument that takes workspaces by name or id, and that the shell completes."""
    return typer.Argument(
        metavar="WORKSPACE", help=help_, autocompletion=complete_workspace, show_default=False
    )


def absolute_path(given: str | None) -> str:
    """The path from here, or the current directory; with a tilde, from the home directory."""
    try:
        return os.path.abspath(os.path.expanduser(given or "."))
    except FileNotFoundError as error:
        raise WrongUsage("The current directory is gone: name an absolute PATH.") from error
