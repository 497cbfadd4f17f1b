"""The argument of most commands: a workspace, found by its id, by its name or a part of it, or by where the user is."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from workspaced_client import Client, NotFound, Workspace
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.output import shown_name, told_path
from workspaced_client.cli.base.partial_names import partly_named
from workspaced_client.cli.base.places import told_place
from workspaced_client.cli.base.typed_paths import current_directory
from workspaced_client.cli.commands.shared import DOT
from workspaced_protocol.urls import without_secret

_ID: Final = re.compile(r"ws_[0-9A-HJKMNP-TV-Z]{26}")


_MOST_CANDIDATES: Final = 10  # to show: one line each


def find_workspace(client: Client, given: str | None) -> Workspace:
    """Return the workspace that the user means. Raise Failure if there is none, or more than one.

    It is the one with this id or name; else the one whose name begins with `given`; else the one whose name holds it.
    None and `.` mean the innermost workspace around the current directory.
    """
    if given is None or given == DOT:
        return _around(client)
    try:
        return find_whole(client, given)
    except Failure:
        found = partly_named(
            given, [each for each in client.workspaces.list() if each.state != "deleted"], _name
        )
        if not found:
            raise
        if len(found) > 1:
            raise _ambiguous(given, found, client.daemon.status().machine) from None
        return found[0]


def workspace_around(client: Client) -> Workspace | None:
    """Return the innermost workspace around the current directory, or None."""
    try:
        return client.workspaces.resolve(current_directory()).workspace
    except NotFound:
        return None


def _around(client: Client) -> Workspace:
    found = workspace_around(client)
    if found is None:
        raise Failure(
            f"No workspace holds the current directory, {told_path(current_directory())}.",
            kind="notFound",
            hint="Name a workspace, or make one here: workspacectl create NAME",
        )
    return found


def _ambiguous(given: str, found: Sequence[Workspace], here: str | None) -> Failure:
    lines = [f"  {shown_name(each.name)}  {told_place(each, here)}" for each in found[:_MOST_CANDIDATES]]
    if len(found) > _MOST_CANDIDATES:
        lines.append(f"  and {len(found) - _MOST_CANDIDATES} more")
    return Failure(
        f"“{shown_name(given)}” is a part of {len(found)} names: give more of the name.",
        kind="ambiguous",
        data={"candidates": [_candidate(each) for each in found]},
        hint="\n".join(lines),
    )


def _candidate(workspace: Workspace) -> dict[str, str]:
    found = {"id": workspace.id, "name": workspace.name, "rootPath": workspace.root_path}
    return found if workspace.machine is None else {**found, "machine": workspace.machine}


def _name(workspace: Workspace) -> str:
    return workspace.name


def find_whole(client: Client, given: str) -> Workspace:
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


def require_new_name(name: str) -> None:
    """Raise WrongUsage for one by which no command would find it."""
    if name == DOT:
        raise WrongUsage(
            "A workspace can't be named “.”, which stands for the one around the current directory.",
            hint="Give a name; the current directory is taken anyway: workspacectl create NAME",
        )
    if is_id(name):
        raise WrongUsage(f"“{name}” is no name: it has the form of an id.", hint="Give another name.")


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
