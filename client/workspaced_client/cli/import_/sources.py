"""What `import` is given: files, which are read, and a directory, which is scanned with a progress bar."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from workspaced_client.cli.base.arguments import absolute_path
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

if TYPE_CHECKING:  # loaded when it is wanted: other commands shall not wait for it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces

_TOLD_EVERY: Final = 100  # directories, for the progress to cost less than the scan


def load(given: str, into: str | None) -> "tuple[str, Workspaces | CodeWorkspace]":
    """The absolute path of a file and what it holds. Raises Failure."""
    from workspaced_client.exchange import code_workspace, regular_files, stores
    from workspaced_client.exchange.json_text import Unusable

    path = absolute_path(given)
    is_directory = os.path.isdir(path)
    if is_directory:
        path = os.path.join(path, PRIMARY)
        if not os.path.lexists(path):
            raise Failure(
                f"There is no {path}: this directory is no older app's.",
                kind="unusableFile",
                hint=f"Name a file, or say --scan {os.path.dirname(path)} to look for git repositories.",
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
        raise WrongUsage(f"{path} holds whole workspaces: --into can't bind them to another one.")
    return path, whole


def _snapshot_hint(directory: str) -> str:
    from workspaced_client.exchange import regular_files, stores
    from workspaced_client.exchange.json_text import Unusable

    path = os.path.join(directory, SNAPSHOT)
    try:
        stores.decode(path, regular_files.read(path))
    except Unusable:
        return ""
    return f"The snapshot beside it is in order: workspacectl import {path}"


def look_for_repositories(options: Options, directory: str) -> "tuple[str, Found]":
    """The real path of a directory, and the repositories below it. Raises Failure."""
    from workspaced_client.exchange import scan

    try:
        root = os.path.realpath(directory, strict=True)
        with _progress(options) as told:
            return root, scan.scan(root, told)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Failure(
            f"{directory} can't be looked into: {reason}.", kind="unusableDirectory", data={"path": directory}
        ) from error


@contextmanager
def _progress(options: Options) -> "Generator[Callable[[Found], object]]":
    """Shows on a terminal how far a scan has come."""
    if options.as_json or options.quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # only here, because it takes long to load
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def told(found: "Found") -> None:
            if found.directories % _TOLD_EVERY == 0:
                progress.update(
                    task,
                    completed=found.directories,
                    total=found.directories + found.waiting,
                    description=f"{count(found.directories, 'directory', 'directories')}, "
                    f"{count(len(found.repositories), 'git repository', 'git repositories')}",
                )

        yield told
