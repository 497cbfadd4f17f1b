"""The commands on a workspace's projects: bind, unbind, check."""

import os
import shlex
from collections.abc import Callable
from typing import Final, NoReturn

from workspaced_client import Client, ProjectBinding, Workspace
from workspaced_client._core.machines import machine_elsewhere, place_of
from workspaced_client.cli.base.arguments import find_workspace, workspace_around
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import EXIT_REFUSED, Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, emit_json, shown_name, shown_path, tell, told_path
from workspaced_client.cli.base.places import shown_place
from workspaced_client.cli.base.results import tell_change
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_client.cli.base.typed_paths import absolute_path

_STATUS_COLOURS: Final = {"active": "green", "stale": "red"}


def bind(options: Options, workspace: str | None, path: str) -> None:
    """Bind a directory to a workspace as a project."""
    directory = absolute_path(path)
    if workspace is None and not os.path.isdir(directory):
        _refuse_no_directory(path, directory)
    with connected(options) as client:
        bound = client.projects.bind(find_workspace(client, workspace).id, directory)
    where = shown_path(bound.projects[-1].root_path)
    tell_change(options, bound, f"Bound {where} to workspace “{shown_name(bound.name)}”.")


def _refuse_no_directory(given: str, directory: str) -> NoReturn:
    """Raise WrongUsage: the one argument may have been meant as the workspace."""
    raise WrongUsage(
        f"There is no directory {told_path(directory)}.",
        hint=f"To bind the current directory to a workspace: workspacectl bind {shlex.quote(given)} .",
    )


def unbind(options: Options, workspace: str | None, project: str) -> None:
    """Remove a project from a workspace."""
    with connected(options) as client:
        found = find_workspace(client, workspace)
        chosen = _find_project(found, project, options.machine)
        left = client.projects.unbind(found.id, chosen.id)
    tell_change(
        options,
        left,
        f"Unbound {shown_place(chosen, options.machine)} from workspace “{shown_name(left.name)}”.",
    )


def _find_project(workspace: Workspace, given: str, here: str | None) -> ProjectBinding:
    """Return the project with this id, path, or last part of a path. Raise Failure unless there is exactly one.

    A path is one of this machine (`here`), unless it begins with another one, as in `devbox:/srv/web`.
    """
    path = absolute_path(given)
    paths = {path, os.path.realpath(path)}
    ways: tuple[Callable[[ProjectBinding], bool], ...] = (
        lambda project: project.id == given,
        lambda project: project.root_path in paths and machine_elsewhere(project, here) is None,
        lambda project: place_of(project, here) == given,
        lambda project: os.path.basename(project.root_path) == given,
    )
    for is_meant in ways:
        meant = [project for project in workspace.projects if is_meant(project)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            which = ", ".join(place_of(project, here) for project in meant)
            raise Failure(
                f"More than one project is called “{shown_name(given)}”: {which}. Give its path.",
                kind="ambiguous",
            )
    name = workspace.name
    if not workspace.projects:
        raise Failure(f"Workspace “{shown_name(name)}” has no projects.", kind="notFound")
    have = ", ".join(place_of(project, here) for project in workspace.projects)
    raise Failure(
        f"No project of workspace “{shown_name(name)}” is “{shown_name(given)}”. It has: {have}.",
        kind="notFound",
    )


def check(options: Options, workspaces: list[str]) -> int:
    """Check whether the projects' directories can be reached."""
    with connected(options) as client:
        checked = [client.projects.check(id_) for id_ in _ids(client, workspaces)]
    here = options.machine
    rows = [(workspace, project) for workspace in checked for project in workspace.projects]
    own = [project for _, project in rows if machine_elsewhere(project, here) is None]
    stale = [project for project in own if project.status == "stale"]
    if options.as_json:
        emit_json(checked)
    elif rows:
        reasons = _reasons([project.root_path for project in stale])
        emit_table(
            (
                Column("WORKSPACE", shrinks=True),
                Column("STATUS", colours=_STATUS_COLOURS),
                Column("PROJECT", shrinks=True, is_path=True),
                Column("WHY", shrinks=True, is_sentence=True, gives_way=True),
            ),
            [
                (
                    workspace.name,
                    project.status,
                    (project.root_path, machine_elsewhere(project, here)),
                    _why(project, reasons, here),
                )
                for workspace, project in rows
            ],
        )
    elif not options.quiet:
        tell(
            "There are no projects: `workspacectl bind` binds a directory, `workspacectl clone` a repository."
        )
    if stale:
        if not options.quiet and not options.as_json:
            tell(f"{count(len(stale), 'project')} can't be reached.")
        return EXIT_REFUSED
    return 0


def _ids(client: Client, given: list[str] | None) -> list[str]:
    if given:
        return [find_workspace(client, each).id for each in given]
    around = workspace_around(client)
    if around is not None:
        return [around.id]
    return [each.id for each in client.workspaces.list() if each.state != "deleted" and each.projects]


def _why(project: ProjectBinding, reasons: dict[str, str], here: str | None) -> str:
    """Return why a project can't be reached, or that another machine has found it so."""
    machine = machine_elsewhere(project, here)
    if machine is None:
        return reasons.get(project.root_path, "")
    return f"found so by {machine}, which alone checks it" if project.status == "stale" else ""


def _reasons(paths: list[str]) -> dict[str, str]:
    """Return why these paths can't be reached. Checked here: the daemon reports reasons only in events."""
    from workspaced_client.exchange.directories import real_directories_in_time  # only here: few need it

    found, faults = real_directories_in_time(paths)
    # A directory that is found has come back in the meantime.
    return {path: "" if path in found else faults.get(path, "no answer in time") for path in paths}
