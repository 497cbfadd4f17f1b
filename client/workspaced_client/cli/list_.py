"""`workspacectl list`: the workspaces, filtered and sorted."""

from __future__ import annotations

from workspaced_client.cli.base.asking import Read, ask
from workspaced_client.cli.base.output import emit_json, shown_name, tell
from workspaced_client.cli.base.shapes import WORKSPACE
from workspaced_client.cli.base.table import Column, emit_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from workspaced_client.cli.base.options import Options

_STATE_COLOURS: Final = {"active": "green", "closed": "yellow", "deleted": "red"}

# Any: a workspace as plain JSON.
_SORT_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    "created": lambda each: (each["createdAt"], each["id"]),
    "changed": lambda each: each.get("revision", 0),
    "name": lambda each: each["name"].casefold(),
    "path": lambda each: each["rootPath"],
    "projects": lambda each: len(each["projects"]),
}
"""How to sort here; the rest is sorted by the daemon, which alone knows when workspaces were used."""


def list_(
    options: Options,
    state: str | None,
    name: str | None,
    under: str | None,
    tag: list[str],
    sort: str,
    *,
    stale: bool,
    reverse: bool,
) -> None:
    """List the workspaces."""
    by_daemon = {"state": state, "tags": tag or None, "sort": "recent" if sort == "recent" else None}
    params: dict[str, Any] = {name: value for name, value in by_daemon.items() if value is not None}
    (workspaces,) = ask(
        options,
        Read("workspace.list", params, [WORKSPACE], lambda client: client.workspaces.list(**params)),
    )
    has_any = bool(workspaces or tag)
    workspaces = _matching(workspaces, name, under, stale=stale)
    if sort != "recent":
        workspaces.sort(key=_SORT_KEYS[sort], reverse=reverse)
    elif reverse:
        workspaces.reverse()
    if options.as_json:
        emit_json(workspaces)
    elif workspaces:
        _emit(workspaces)
    elif not options.quiet:
        if not has_any and state is None:
            tell("There are no workspaces. To make one of this directory: workspacectl create NAME")
            tell("To make one of each git repository below a directory: workspacectl import --scan DIR")
        else:
            wanted = "matches" if has_any else f"is {state}"
            tell(f"No workspace {wanted}: `workspacectl list` shows all.")


def _matching(workspaces: list[Any], name: str | None, under: str | None, *, stale: bool) -> list[Any]:
    if name is not None:
        from fnmatch import fnmatchcase

        workspaces = [each for each in workspaces if fnmatchcase(each["name"].casefold(), name.casefold())]
    if under is not None:
        from workspaced_client.cli.base.typed_paths import absolute_path

        top = absolute_path(under)
        below = f"{top.rstrip('/')}/"
        workspaces = [each for each in workspaces if f"{each['rootPath'].rstrip('/')}/".startswith(below)]
    if stale:
        workspaces = [
            each for each in workspaces if any(project["status"] == "stale" for project in each["projects"])
        ]
    return workspaces


def _emit(workspaces: list[Any]) -> None:
    has_tags = any(each.get("tags") for each in workspaces)
    emit_table(
        (
            Column("NAME", shrinks=True),
            Column("STATE", colours=_STATE_COLOURS),
            Column("PROJECTS", gives_way=True),
            *([Column("TAGS", shrinks=True, gives_way=True)] if has_tags else ()),
            Column("PATH", shrinks=True, is_path=True),
            Column("ID", optional=True),
        ),
        [
            (
                each["name"],
                each["state"],
                str(len(each["projects"])),
                *([", ".join(map(shown_name, each.get("tags", ())))] if has_tags else ()),
                each["rootPath"],
                each["id"],
            )
            for each in workspaces
        ],
    )
