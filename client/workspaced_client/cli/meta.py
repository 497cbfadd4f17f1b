"""`workspacectl meta`: the metadata of a workspace, and changes of some keys."""

import json
from typing import Any

from workspaced_client import Workspace
from workspaced_client.cli.base.annotations import metadata_of, metadata_text
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json, shown, shown_name, tell
from workspaced_client.cli.base.reading import did_you_mean
from workspaced_client.cli.base.results import tell_change


def meta(options: Options, workspace: str | None, keys: list[str]) -> None:
    """Show the metadata of a workspace, or change some keys of it."""
    if workspace is not None and "=" in workspace:
        keys = [workspace, *keys]  # a name was left out; a workspace whose name has a “=” is named by its id
        workspace = None
    patch = _patch(keys)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        updated = client.workspaces.update(found.id, metadata=patch) if patch else found
    if patch:
        text = f"Changed the metadata of workspace “{shown_name(updated.name)}”."
        tell_change(options, updated, text)
    elif keys:
        _show_some(options, found, keys)
    elif options.as_json:
        emit_json(found.metadata)
    elif found.metadata:
        items = sorted(found.metadata.items())
        emit("\n".join(f"{shown_name(key)}={shown(_text_of(key, value))}" for key, value in items))
    elif not options.quiet:
        tell(f"Workspace “{shown_name(found.name)}” has no metadata.")


# Any: any JSON value.
def _patch(keys: list[str]) -> dict[str, Any] | None:
    """Return the changes, or None where keys are only to be shown. Raise WrongUsage."""
    changes = [each for each in keys if "=" in each]
    if not changes:
        return None
    for each in keys:
        if each not in changes:
            raise WrongUsage(
                f"“{shown_name(each)}” has no value, and others have one: show keys, or change them.",
                hint=f"To set it: {shown_name(each)}=JSON; to remove it: {shown_name(each)}=null",
            )
    return metadata_of(changes, option="")


def _text_of(key: str, value: object) -> str:
    """Return a value as JSON, or the sign of a secret."""
    return metadata_text({key: value})[len(metadata_text({key: None})) - len("null}") : -1]


def _show_some(options: Options, workspace: Workspace, keys: list[str]) -> None:
    for key in keys:
        if key not in workspace.metadata:
            has = did_you_mean(key, workspace.metadata) or " `workspacectl meta` shows all."
            raise Failure(
                f"The metadata of workspace “{shown_name(workspace.name)}” has no key “{shown_name(key)}”.{has}",
                kind="notFound",
            )
    if options.as_json:
        emit_json(
            {key: workspace.metadata[key] for key in keys} if len(keys) > 1 else workspace.metadata[keys[0]]
        )
    else:
        emit("\n".join(shown(json.dumps(workspace.metadata[key], ensure_ascii=False)) for key in keys))
