"""What differs between two states of a workspace, as the lines of a diff: one for each field, before and after."""

from workspaced_client import Workspace
from workspaced_client.cli.base.annotations import metadata_text
from workspaced_client.cli.base.output import coloured, shown, shown_name
from workspaced_client.cli.base.places import shown_place

_WIDTH = len("metadata")


def difference(before: Workspace | None, after: Workspace | None, here: str | None) -> list[str]:
    """Return the lines: `-` is before, `+` is after; None stands for no workspace. Secrets are left out.

    `here` is this machine.
    """
    old, new = _fields(before, here), _fields(after, here)
    lines: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        was, becomes = old.get(name, []), new.get(name, [])
        lines += [_line("-", name, each) for each in was if each not in becomes]
        lines += [_line("+", name, each) for each in becomes if each not in was]
    if not lines and before != after:
        lines.append("  (a difference that is not shown: a secret, or a time)")
    return lines


def _line(sign: str, name: str, text: str) -> str:
    return coloured(f"{sign} {name.ljust(_WIDTH)}  {text}", "red" if sign == "-" else "green")


def _fields(workspace: Workspace | None, here: str | None) -> dict[str, list[str]]:
    """Return the texts of each field; one with several values has a line for each."""
    if workspace is None:
        return {}
    return {
        "name": [shown_name(workspace.name)],
        "path": [shown_place(workspace, here)],
        "state": [workspace.state],
        "tag": [shown_name(tag) for tag in workspace.tags],
        "metadata": [
            shown(metadata_text({key: value})[1:-1]) for key, value in sorted(workspace.metadata.items())
        ],
        "project": [f"{shown_place(project, here)} ({project.status})" for project in workspace.projects],
    }
