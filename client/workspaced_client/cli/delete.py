"""`workspacectl delete`: one workspace, or several in one commit."""

from collections.abc import Sequence

from workspaced_client import ActiveSessions, Change, Workspace
from workspaced_client.cli.base.arguments import find_whole
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, shown_name
from workspaced_client.cli.base.places import told_place
from workspaced_client.cli.base.questions import require_yes
from workspaced_client.cli.base.results import tell_change


def delete(options: Options, workspaces: list[str], *, yes: bool) -> None:
    """Delete workspaces: all of them, or none."""
    if not workspaces:
        raise WrongUsage("Name the workspaces to delete.", hint="Try: workspacectl delete --help")
    with connected(options) as client:
        # Two of the texts may mean one workspace.
        found = list({each.id: each for each in (find_whole(client, given) for given in workspaces)}.values())
        if not yes:
            require_yes(_question(found, options.machine), declined="Nothing was deleted.", has_preview=False)
        try:
            if len(found) == 1:
                client.workspaces.delete(found[0].id)
            else:
                client.store.apply([Change(remove=each.id) for each in found])
        except ActiveSessions as error:
            message = error.message if len(found) == 1 else f"Nothing was deleted. {error.message}"
            raise Failure.of(error, message, hint="To see them: workspacectl sessions") from error
    names = ", ".join(f"“{shown_name(each.name)}”" for each in found)
    noun = "workspace" if len(found) == 1 else f"{len(found)} workspaces:"
    tell_change(options, None, f"Deleted {noun} {names}.")


def _question(found: Sequence[Workspace], here: str | None) -> str:
    if len(found) == 1:
        return f"Delete workspace {_described(found[0], here)}?"
    lines = "".join(f"  {_described(each, here)}\n" for each in found)
    return f"{lines}Delete these {len(found)} workspaces?"


def _described(workspace: Workspace, here: str | None) -> str:
    projects = f", with {count(len(workspace.projects), 'project')}" if workspace.projects else ""
    return f"“{shown_name(workspace.name)}” ({told_place(workspace, here)}{projects})"
