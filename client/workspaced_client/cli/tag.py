"""`workspacectl tag`: the tags of a workspace, and changes of some of them."""

from typing import Final

from workspaced_client import Client, RevisionConflict, Workspace
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json, shown_name, tell
from workspaced_client.cli.base.results import tell_change
from workspaced_protocol.annotations import tag_key

_MOST_TRIES: Final = 5  # each one more has lost against another writer of this very workspace


def tag(options: Options, workspace: str | None, changes: list[str]) -> None:
    """Show the tags of a workspace, or add and remove some of them."""
    if workspace is not None and workspace.startswith("+"):
        # No word behind it can name a workspace, so a name was left out.
        changes = [workspace, *changes]
        workspace = None
    added, removed = _read(changes)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        updated = _changed(client, found, added, removed) if changes else found
    if not changes:
        if options.as_json:
            emit_json(found.tags)
        elif found.tags:
            emit("\n".join(map(shown_name, found.tags)))
        elif not options.quiet:
            tell(f"Workspace “{shown_name(found.name)}” has no tags.")
        return
    tags = ", ".join(map(shown_name, updated.tags)) or "none"
    since = "now" if updated.revision != found.revision else "already"
    tell_change(options, updated, f"Tags of “{shown_name(updated.name)}” {since}: {tags}.")


def _read(changes: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tags to add and those to remove, by key. Raise WrongUsage."""
    added: dict[str, str] = {}
    removed: dict[str, str] = {}
    for change in changes:
        sign, text = change[:1], change[1:]
        key = tag_key(text)
        if sign not in ("+", "-") or not key:
            raise WrongUsage(
                f"“{shown_name(change)}” is no change of a tag: +TAG adds one, -TAG removes one.",
                hint="Try: workspacectl tag --help",
            )
        (added if sign == "+" else removed)[key] = text
    for key in added.keys() & removed.keys():
        raise WrongUsage(
            f"The tag “{shown_name(added[key])}” is to be added and removed: leave one of both out."
        )
    return added, removed


def _changed(
    client: Client, workspace: Workspace, added: dict[str, str], removed: dict[str, str]
) -> Workspace:
    """Change these tags alone, whatever others do to the rest at the same time."""
    for tries in range(1, _MOST_TRIES + 1):
        old = {tag_key(each): each for each in workspace.tags}
        tags = [each for key, each in {**added, **old}.items() if key not in removed]
        if {tag_key(each) for each in tags} == old.keys():
            return workspace
        try:
            return client.workspaces.update(workspace.id, tags=tags, if_revision=workspace.revision)
        except RevisionConflict:
            if tries == _MOST_TRIES:
                raise
            workspace = client.workspaces.get(workspace.id)
    raise AssertionError("the last try returns or raises")
