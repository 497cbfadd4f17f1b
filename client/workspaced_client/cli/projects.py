"""The commands on projects: bind, clone, unbind, check."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from workspaced_client import Client, GitError, NotResponding, Progress, ProjectBinding, Workspace
from workspaced_client._sync.api import CLONE_TIMEOUT_SECONDS
from workspaced_client.cli.base.arguments import absolute_path, find_workspace, workspace_argument
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import EXIT_REFUSED, Failure
from workspaced_client.cli.base.options import Options, options_of
from workspaced_client.cli.base.output import count, emit_json, emit_path, errors_on_terminal, shown, tell
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_client.cli.workspaces import Given, tell_change

_STATUS_COLOURS: Final = {"active": "green", "stale": "red"}


def bind(
    context: typer.Context,
    workspace: Given,
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="The directory; without one, the current directory.")
    ] = None,
) -> None:
    """Bind a directory to a workspace, as one of its projects."""
    options = options_of(context)
    directory = absolute_path(path)
    with connected(options) as client:
        bound = client.projects.bind(find_workspace(client, workspace).id, directory)
    where = shown(bound.projects[-1].root_path)
    tell_change(options, bound, f"Bound {where} to workspace “{shown(bound.name)}”.")


def clone(
    context: typer.Context,
    workspace: Given,
    url: Annotated[str, typer.Argument(metavar="URL", help="What `git clone` takes, or a directory here.")],
    into: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where to; it must be empty, or not be there yet.  "
            "[default: the repository's name, below the workspace's directory]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Clone a git repository, and bind the clone to a workspace.

    The daemon clones, by your git and with your keys. Ctrl-C ends it, and removes what it had written.
    """
    options = options_of(context)
    target = None if into is None else absolute_path(into)
    source = absolute_path(url) if os.path.isdir(os.path.expanduser(url)) else url
    with connected(options, timeout_seconds=CLONE_TIMEOUT_SECONDS) as client:
        found = find_workspace(client, workspace)
        with _failing_in_words(found), _progress_shown(options) as show:
            bound = client.projects.clone(
                found.id,
                source,
                target,
                on_progress=show,
                timeout_seconds=options.patience_seconds(CLONE_TIMEOUT_SECONDS),
            )
    where = shown(bound.projects[-1].root_path)
    tell_change(options, bound, f"Cloned {shown(url)} to {where}, for workspace “{shown(bound.name)}”.")


@contextmanager
def _failing_in_words(workspace: Workspace) -> Generator[None]:
    """Tells why git failed in its own lines, and what may have become of a clone that took too long."""
    try:
        yield
    except NotResponding as error:
        if error.method != "project.clone":
            raise
        # The client has cancelled it (protocol.md, $/cancelRequest), which may have come too late.
        raise Failure(
            f"The clone took longer than {error.seconds:g} seconds, and the daemon was told to end it: unless it was "
            "done just then, what git had written is removed, and nothing is bound. "
            f"`workspacectl show {workspace.id}` tells.",
            kind="notResponding",
            data={"method": error.method, "outcomeUnknown": error.outcome_unknown},
            hint="To wait longer, say --timeout SECONDS.",
        ) from error
    except GitError as error:
        lines = [
            line
            for line in (error.stderr or "").splitlines()
            if line.strip() and not line.startswith("Cloning into ") and line not in error.message
        ]
        raise Failure(
            error.message, kind=error.kind, code=error.code, data=error.data, hint="\n".join(lines)
        ) from error


@contextmanager
def _progress_shown(options: Options) -> Generator[Callable[[Progress], None] | None]:
    """What to call with each progress: a bar on a terminal, else a line for each phase."""
    if options.quiet or options.as_json:
        yield None
        return
    if not errors_on_terminal():
        phases: set[str] = set()

        def line(progress: Progress) -> None:
            if progress.phase not in phases:
                phases.add(progress.phase)
                tell(f"{shown(progress.phase)} …")

        yield line
        return
    from rich.console import Console  # only here, because it takes long to load
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task("Asking the daemon", total=None)

        def move(progress: Progress) -> None:
            total = None if progress.percent is None else 100
            bar.update(task, description=shown(progress.phase), completed=progress.percent or 0, total=total)

        yield move


def unbind(
    context: typer.Context,
    workspace: Given,
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="Its path, the last part of it, or its id.")
    ],
) -> None:
    """Take a project out of a workspace. Its directory and files stay as they are."""
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        chosen = _find_project(found, project)
        left = client.projects.unbind(found.id, chosen.id)
    tell_change(options, left, f"Unbound {shown(chosen.root_path)} from workspace “{shown(left.name)}”.")


def _find_project(workspace: Workspace, given: str) -> ProjectBinding:
    """The project of this id, path, or last part of a path. Raises Failure."""
    path = absolute_path(given)
    paths = {path, os.path.realpath(path)}
    ways: tuple[Callable[[ProjectBinding], bool], ...] = (
        lambda project: project.id == given,
        lambda project: project.root_path in paths,
        lambda project: os.path.basename(project.root_path) == given,
    )
    for is_meant in ways:
        meant = [project for project in workspace.projects if is_meant(project)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            which = ", ".join(project.root_path for project in meant)
            raise Failure(
                f"More than one project is called “{given}”: {which}. Name its path.", kind="ambiguous"
            )
    name = workspace.name
    if not workspace.projects:
        raise Failure(f"Workspace “{name}” has no projects.", kind="notFound")
    have = ", ".join(project.root_path for project in workspace.projects)
    raise Failure(f"No project of workspace “{name}” is “{given}”. It has: {have}.", kind="notFound")


def check(
    context: typer.Context,
    workspaces: Annotated[list[str] | None, workspace_argument("Names or ids; without any, all.")] = None,
) -> None:
    """Look whether the projects' directories can be reached.

    The daemon notes it. Exit code 1 where one can't.
    """
    options = options_of(context)
    with connected(options) as client:
        checked = [client.projects.check(id_) for id_ in _ids(client, workspaces)]
    rows = [(workspace, project) for workspace in checked for project in workspace.projects]
    stale = [project for _, project in rows if project.status == "stale"]
    if options.as_json:
        emit_json(checked)
    elif rows:
        reasons = _reasons([project.root_path for project in stale])
        emit_table(
            (
                Column("WORKSPACE", shrinks=True),
                Column("STATUS", colours=_STATUS_COLOURS),
                Column("PROJECT", shrinks=True),
                Column("WHY"),
            ),
            [
                (workspace.name, project.status, project.root_path, reasons.get(project.root_path, ""))
                for workspace, project in rows
            ],
        )
    elif not options.quiet:
        tell("There are no projects.")
    if stale:
        if not options.quiet and not options.as_json:
            tell(f"{count(len(stale), 'project')} can't be reached.")
        raise typer.Exit(EXIT_REFUSED)


def _ids(client: Client, given: list[str] | None) -> list[str]:
    if given:
        return [find_workspace(client, each).id for each in given]
    return [each.id for each in client.workspaces.list() if each.state != "deleted" and each.projects]


def _reasons(paths: list[str]) -> dict[str, str]:
    """Why these can't be reached: looked at here, since the daemon tells it only as it changes."""
    from workspaced_client.exchange.directories import real_directories_in_time  # only here, as few need it

    found, faults = real_directories_in_time(paths)
    # One that is found has come back meanwhile.
    return {path: "" if path in found else faults.get(path, "no answer in time") for path in paths}


def path(context: typer.Context, workspace: Given) -> None:
    """Print a workspace's directory, for use in scripts.

    Such as: cd "$(workspacectl path alpha)"
    """
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
    if options.as_json:
        emit_json(found.root_path)
    else:
        emit_path(found.root_path)
