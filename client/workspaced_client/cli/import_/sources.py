"""The sources of an import: files to read, other programs' lists, and a directory to scan, with a progress bar."""

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from workspaced_client.cli.base.failures import Failure, WrongUsage, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, errors_on_terminal
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.elsewhere.lists import Lists
    from workspaced_client.exchange.elsewhere.places import Machine
    from workspaced_client.exchange.listed import Listing
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces

_TOLD_EVERY: Final = 100  # directories: a progress for each would cost more than the scan


def load(
    given: Sequence[str], program: str | None, into: str | None
) -> "list[tuple[str, Workspaces | CodeWorkspace | Listing]]":
    """Return the contents of files with their absolute paths. Raise Failure.

    They are lists of `program`, if the user named one; without a file, those in its default places.
    """
    if program is not None:
        return [*_load_lists(program, given)]
    return [_load_file(each, into) for each in given]


def _load_lists(program: str, given: Sequence[str]) -> "Lists":
    from workspaced_client.exchange.elsewhere import formats, lists
    from workspaced_client.exchange.json_text import Unusable

    name = formats.BY_NAME[program]
    if not given:
        try:
            return lists.read_default(name, _machine())
        except Unusable as error:
            hint = f"Name another place: workspacectl import --from {name} PATH"
            raise Failure(str(error), kind="unusableFile", hint=hint) from error
    found: Lists = []
    for path in map(absolute_path, given):
        try:
            found += lists.read_at(name, path, _machine())
        except Unusable as error:
            raise Failure(str(error), kind="unusableFile", data={"path": path}) from error
    return found


def _machine() -> "Machine":
    from workspaced_client.exchange.elsewhere.places import Machine

    home = os.path.join("/", os.path.expanduser("~"))
    return Machine(home, os.environ, is_macos=sys.platform == "darwin")


def _load_file(given: str, into: str | None) -> "tuple[str, Workspaces | CodeWorkspace | Listing]":
    from workspaced_client.exchange import regular_files, stores
    from workspaced_client.exchange.elsewhere import formats
    from workspaced_client.exchange.folders import CODE_WORKSPACE_SUFFIX
    from workspaced_client.exchange.json_text import OtherFormat, Unusable

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
        if path.endswith(CODE_WORKSPACE_SUFFIX):
            from workspaced_client.exchange import code_workspace  # with pydantic

            return path, code_workspace.decode(path, regular_files.read(path))
        if formats.of_first_bytes(path) is not None:
            return path, formats.read_any(path, _machine().home)
        try:
            whole = stores.decode(path, regular_files.read(path))
        except OtherFormat:
            return path, formats.read_any(path, _machine().home)
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
    if options.as_json or options.quiet or not errors_on_terminal():
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
