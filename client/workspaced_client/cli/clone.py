"""`workspacectl clone`: git's progress while it runs, and its own words if it fails."""

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from workspaced_client import GitError, NotResponding, Progress, Workspace
from workspaced_client._core.durations import CLONE_TIMEOUT_SECONDS
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import errors_on_terminal, shown, shown_name, shown_path, tell
from workspaced_client.cli.base.places import not_here
from workspaced_client.cli.base.results import tell_change
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_protocol.models import WARNING_PHASE
from workspaced_protocol.urls import without_secret

_AMOUNT: Final = re.compile(r", ([\d.]+ \w+)(?: \| ([\d.]+ \w+/s))?")
"""In git's line of progress: `Receiving objects:  45% (450/1000), 1.20 MiB | 800.00 KiB/s`."""


def clone(options: Options, workspace: str | None, url: str, into: str | None) -> None:
    """Clone a git repository, and bind the clone to a workspace."""
    warnings: list[str] = []
    target = None if into is None else absolute_path(into)
    with connected(options, timeout_seconds=CLONE_TIMEOUT_SECONDS) as client:
        found = find_workspace(client, workspace)
        machine = machine_elsewhere(found, options.machine)
        if target is None and machine is not None:
            hint = "To clone to a directory of this machine: add --into DIR."
            raise not_here(found.name, found.root_path, machine, hint=hint)
        source = _source(url)
        with _failing_in_words(found), _progress_shown(options, _repository(source)) as show:
            bound = client.projects.clone(
                found.id,
                source,
                target,
                on_progress=_keeping(warnings, show),
                timeout_seconds=options.patience_seconds(CLONE_TIMEOUT_SECONDS),
            )
    where = shown_path(bound.projects[-1].root_path)
    told = f"Cloned {shown(without_secret(url))} to {where}, for workspace “{shown_name(bound.name)}”."
    tell_change(options, bound, told)
    for warning in warnings:
        tell(f"warning: {shown(warning)}")


def _source(address: str) -> str:
    """Return the URL, or the absolute path of what git takes for one of this machine. Raise WrongUsage without it there.

    It is a directory or a bundle, its ending left out perhaps. An absolute path is the daemon's to judge.
    """
    path = os.path.expanduser(address)
    if "://" in address:
        return address
    if any(os.path.exists(path + ending) for ending in ("", ".git", ".bundle")):
        return absolute_path(address)
    if address and not os.path.isabs(path) and ":" not in address.partition("/")[0]:
        raise WrongUsage(
            f"There is no directory {shown(address)}, and it is no URL.",
            hint="A URL looks like https://host/path, or like host:path for ssh.",
        )
    return address


def _keeping(warnings: list[str], show: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    """Return a function for each progress: it keeps a warning for later, and has everything else shown."""

    def take(progress: Progress) -> None:
        if progress.phase == WARNING_PHASE:
            warnings.append(progress.message)
        elif show is not None:
            show(progress)

    return take


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
def _progress_shown(options: Options, repository: str) -> Generator[Callable[[Progress], None] | None]:
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
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    # A narrow terminal cuts the columns at the right: the bar comes last.
    columns = (
        TextColumn("{task.description}", markup=False),
        TaskProgressColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        BarColumn(),
    )
    with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task(f"{repository}: Asking the daemon", total=None, amount="")

        def move(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{repository}: {shown(progress.phase)}",
                completed=progress.percent or 0,
                total=None if progress.percent is None else 100,
                amount=shown(_amount(progress.message)),
            )

        yield move


def _repository(url: str) -> str:
    """Return the name of a repository, for a line about its clone."""
    path = without_secret(url).partition("?")[0].rstrip("/")
    return shown_name(path[max(path.rfind("/"), path.rfind(":")) + 1 :].removesuffix(".git"))


def _amount(message: str) -> str:
    """Return the bytes that git has received and their rate, such as `1.20 MiB, 800.00 KiB/s`; nothing in most phases."""
    found = _AMOUNT.search(message)
    return ", ".join(filter(None, found.groups())) if found else ""
