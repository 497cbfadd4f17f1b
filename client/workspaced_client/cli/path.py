"""`workspacectl path`: the directory of a workspace, on stdout for scripts and for `wcd`."""

from __future__ import annotations

from workspaced_client.cli.base.asking import ask_for_workspace, hello
from workspaced_client.cli.base.output import emit_json, emit_path, told_path
from workspaced_client.cli.base.quick_call import quick_call
from workspaced_client.cli.base.shapes import elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from workspaced_client.cli.base.failures import Failure
    from workspaced_client.cli.base.options import Options

_TOUCH_SECONDS: Final = 0.5  # a daemon answers at once; the user's `wcd` waits for no other


def path(options: Options, workspace: str | None, *, pick: bool) -> None:
    """Print a workspace's directory, and note that it was used."""
    if pick:
        from workspaced_client.cli.base.picker import pick_workspace  # it waits for the user anyway

        found = pick_workspace(options)
    else:
        found = ask_for_workspace(options, workspace)
    machine = elsewhere(found, options.machine)
    if machine is not None:
        raise _not_here(found, machine, options.machine)
    if options.as_json:
        emit_json(found["rootPath"])
    else:
        emit_path(found["rootPath"])
    # Whatever comes of it: the path is told, and the user goes there.
    quick_call(options.socket, [hello(), ("workspace.touch", {"id": found["id"]})], _TOUCH_SECONDS)


# Any: a workspace as plain JSON.
def _not_here(found: Any, machine: str, here: str | None) -> Failure:
    """Return the failure with the way to the other machine, and the directories of the workspace on this one."""
    from workspaced_client.cli.base.places import not_here, shell_there  # they load much

    path = found["rootPath"]
    hint = f"To go there: {shell_there(machine, path)}"
    own = [told_path(each["rootPath"]) for each in found["projects"] if elsewhere(each, here) is None]
    if own:
        hint += f"\nIts projects on this machine: {', '.join(own)}"
    return not_here(found["name"], path, machine, hint=hint)
