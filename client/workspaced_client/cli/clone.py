"""`workspacectl clone`: git's progress while it runs, and its own words if it fails."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from workspaced_client import GitError, NotResponding, Progress, Workspace
from workspaced_client._sync.api import CLONE_TIMEOUT_SECONDS
from workspaced_client.cli.base.arguments import WorkspaceArgument, absolute_path, find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options, options_of
from workspaced_client.cli.base.output import errors_on_terminal, shown, shown_name, tell
from workspaced_client.cli.base.results import tell_change


def clone(
    context: typer.Context,
    workspace: WorkspaceArgument,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="An address for `git clone`, or a directory on this machine.")
    ],
    into: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="The clone's directory, empty or new.  "
            "[default: the repository's name, below the workspace's directory]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Clone a git repository, and bind the clone to a workspace.

    The daemon runs git for you, with your keys. Ctrl-C stops the clone and removes its files.
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
    tell_change(options, bound, f"Cloned {shown(url)} to {where}, for workspace “{shown_name(bound.name)}”.")


@contextmanager
def _failing_in_words(workspace: Workspace) -> Generator[None]:
    """Report git's own lines after a failure, and the possible states of a clone that took too long."""
    try:
        yield
    except NotResponding as error:
        if error.method != "project.clone":
            raise
        # The client has cancelled it (protocol.md, Long work), perhaps too late.
        raise Failure(
            f"The clone took longer than {error.seconds:g} seconds, and was cancelled. Its files are removed and "
            f"nothing is bound, unless it ended just before: see `workspacectl show {workspace.id}`.",
            kind="notResponding",
            data={"method": error.method, "outcomeUnknown": error.outcome_unknown},
            hint="To wait longer, add --timeout SECONDS.",
        ) from error
    except GitError as error:
        lines = [
            line
            for line in (error.stderr or "").splitlines()
            if line.strip() and not line.startswith("Cloning into ") and line not in error.message
        ]
        raise Failure.of(error, hint="\n".join(lines)) from error


@contextmanager
def _progress_shown(options: Options) -> Generator[Callable[[Progress], None] | None]:
    """Yield the function to call with each progress: it draws a bar on a terminal, else prints a line per phase."""
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
    from rich.console import Console  # only here: it takes long to load
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task("Asking the daemon", total=None)

        def move(progress: Progress) -> None:
            total = None if progress.percent is None else 100
            bar.update(task, description=shown(progress.phase), completed=progress.percent or 0, total=total)

        yield move
