"""The sources of an import: files to read, and a directory to scan, with a progress bar."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from workspaced_client.cli.base.failures import Failure, WrongUsage, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces

_TOLD_EVERY: Final = 100  # directories: a progress for each would cost more than the scan


def load(given: str, into: str | None) -> "tuple[str, Workspaces | CodeWorkspace]":
    """Return the absolute path of a file, and its content. Raise Failure."""
    from workspaced_client.exchange import code_workspace, regular_files, stores
    from workspaced_client.exchange.json_text import Unusable

    path = absolute_path(given)
    is_directory = os.path.isdir(path)
    if is_directory:
        path = os.path.join(path, PRIMARY)
        if not os.path.lexists(path):
            raise Failure(
                f"There is no {path}: this is not the directory of an older app.",
                kind="unusableFile",
                hint=f"Name a file, or look for git repositories with --scan {os.path.dirname(path)}",
            )
    try:
        data = regular_files.read(path)
        if path.endswith(code_workspace.SUFFIX):
            return path, code_workspace.decode(path, data)
        whole = stores.decode(path, data)
    except Unusable as error:
        hint = _snapshot_hint(os.path.dirname(path)) if is_directory else ""
        raise Failure(str(error), kind="unusableFile", data={"path": path}, hint=hint) from error
    if into is not None:
        raise WrongUsage(f"{path} holds complete workspaces: --into can't bind them to another one.")
    return path, whole


def _snapshot_hint(directory: str) -> str:
    from workspaced_client.exchange import regular_files, stores
    from workspaced_client.exchange.json_text import Unusable

    path = os.path.join(directory, SNAPSHOT)
    try:
        stores.decode(path, regular_files.read(path))
    except Unusable:
        return ""
    return f"The snapshot beside it is valid: workspacectl import {path}"


def find_repositories(options: Options, directory: str) -> "tuple[str, Found]":
    """Return the real path of a directory, and the repositories below it. Raise Failure."""
    from workspaced_client.exchange import scan

    try:
        root = os.path.realpath(directory, strict=True)
        with _progress(options) as show:
            return root, scan.scan(root, show)
    except (OSError, ValueError) as error:
        told = reason(error) if isinstance(error, OSError) else str(error)
        raise Failure(
            f"{directory} can't be read: {told}.", kind="unusableDirectory", data={"path": directory}
        ) from error


@contextmanager
def _progress(options: Options) -> "Generator[Callable[[Found], object]]":
    """Show the progress of a scan on a terminal; yield the function to call with the results so far."""
    if options.as_json or options.quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # only here: it takes long to load
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def move(found: "Found") -> None:
            if found.directories % _TOLD_EVERY == 0:
                progress.update(
                    task,
                    completed=found.directories,
                    total=found.directories + found.waiting,
                    description=f"{count(found.directories, 'directory', 'directories')}, "
                    f"{count(len(found.repositories), 'git repository', 'git repositories')}",
                )

        yield move
