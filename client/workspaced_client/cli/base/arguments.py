"""The argument of most commands: a workspace, found by its id or its name."""

import re
from difflib import get_close_matches
from typing import Final

from workspaced_client import Client, NotFound, Workspace
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.output import shown_name
from workspaced_protocol.urls import without_secret

_ID: Final = re.compile(r"ws_[0-9A-HJKMNP-TV-Z]{26}")


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
