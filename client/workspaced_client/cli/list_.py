"""`workspacectl list`: the workspaces, filtered and sorted."""

from __future__ import annotations

from workspaced_client.cli.base.asking import Read, ask
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.output import emit_json, emit_raw, shown_name, tell
from workspaced_client.cli.base.shapes import WORKSPACE, elsewhere, stale_projects
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
    format_: str | None,
    *,
    stale: bool,
    recent: bool,
    reverse: bool,
) -> None:
    """List the workspaces."""
    if recent and sort not in ("created", "recent"):
        raise WrongUsage(f"Give --recent or --sort {sort}, not both.", hint="Try: workspacectl list --help")
    if recent:
        sort = "recent"
    line = None
    if format_ is not None:
        if options.as_json:
            raise WrongUsage("Give --format or --json, not both.", hint="Try: workspacectl list --help")
        from workspaced_client.cli.base.line_format import line_format

        line = line_format(format_)
    by_daemon = {"state": state, "tags": tag or None, "sort": "recent" if sort == "recent" else None}
    params: dict[str, Any] = {name: value for name, value in by_daemon.items() if value is not None}
    (workspaces,) = ask(
        options,
        Read("workspace.list", params, [WORKSPACE], lambda client: client.workspaces.list(**params)),
    )
    has_any = bool(workspaces or tag)
    workspaces = _matching(workspaces, name, under, options.machine, stale=stale)
    if sort != "recent":
        workspaces.sort(key=_SORT_KEYS[sort], reverse=reverse)
    elif reverse:
        workspaces.reverse()
    if options.as_json:
        emit_json(workspaces)
    elif line is not None:
        emit_raw("".join(map(line, workspaces)))
    elif workspaces:
        _emit(workspaces, options.machine)
    elif not options.quiet:
        if not has_any and state is None:
            tell("There are no workspaces. To make one of this directory: workspacectl create NAME")
            tell("To make one of each git repository below a directory: workspacectl import --scan DIR")
        else:
            wanted = "matches" if has_any else f"is {state}"
            tell(f"No workspace {wanted}: `workspacectl list` shows all.")


def _matching(
    workspaces: list[Any], name: str | None, under: str | None, here: str | None, *, stale: bool
) -> list[Any]:
    if name is not None:
        from fnmatch import fnmatchcase

        workspaces = [each for each in workspaces if fnmatchcase(each["name"].casefold(), name.casefold())]
    if under is not None:
        from workspaced_client.cli.base.typed_paths import absolute_path

        top = absolute_path(under)
        below = f"{top.rstrip('/')}/"
        workspaces = [
            each
            for each in workspaces
            if f"{each['rootPath'].rstrip('/')}/".startswith(below) and elsewhere(each, here) is None
        ]
    if stale:
        workspaces = [each for each in workspaces if stale_projects(each)]
    return workspaces


def _emit(workspaces: list[Any], here: str | None) -> None:
    has_tags = any(each.get("tags") for each in workspaces)
    stale = {each["id"]: stale_projects(each) for each in workspaces}
    has_stale = any(stale.values())
    emit_table(
        (
            Column("NAME", shrinks=True),
            Column("STATE", colours=_STATE_COLOURS),
            Column("PROJECTS", gives_way=True),
            *(
                [Column("STALE", gives_way=True, colours={str(number): "red" for number in stale.values()})]
                if has_stale
                else ()
            ),
            *([Column("TAGS", shrinks=True, gives_way=True)] if has_tags else ()),
            Column("PATH", shrinks=True, is_path=True),
            Column("ID", optional=True),
        ),
        [
            (
                each["name"],
                each["state"],
                str(len(each["projects"])),
                *([str(stale[each["id"]] or "-")] if has_stale else ()),
                *([", ".join(map(shown_name, each.get("tags", ())))] if has_tags else ()),
                (each["rootPath"], elsewhere(each, here)),
                each["id"],
            )
            for each in workspaces
        ],
    )
