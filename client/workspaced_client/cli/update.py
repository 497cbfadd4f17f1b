"""`workspacectl update`: the tags and the metadata of a workspace."""

from workspaced_client.cli.base.annotations import metadata_of
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import shown_name
from workspaced_client.cli.base.results import tell_change


def update(options: Options, workspace: str, tag: list[str], meta: list[str], *, no_tags: bool) -> None:
    """Change the tags or the metadata of a workspace."""
    metadata = metadata_of(meta)
    if tag and no_tags:
        raise WrongUsage("Give --tag or --no-tags, not both.", hint="Try: workspacectl update --help")
    if not tag and not no_tags and metadata is None:
        raise WrongUsage(
            "Give --tag, --no-tags or --meta: the change to make.",
            hint="`workspacectl rename` and `workspacectl move` change the name and the directory.",
        )
    with connected(options) as client:
        found = find_workspace(client, workspace)
        updated = client.workspaces.update(found.id, tags=[] if no_tags else tag or None, metadata=metadata)
    tell_change(options, updated, f"Updated workspace “{shown_name(updated.name)}”.")
