"""`workspacectl export`: workspaces as files for VS Code, an older app, or a program."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from workspaced_client import Client, Workspace
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import (
    count,
    emit,
    emit_json,
    on_terminal,
    shown_name,
    shown_path,
    tell,
)
from workspaced_client.cli.base.typed_paths import absolute_path

_CODE_WORKSPACE: Final = "code-workspace"
_JSON: Final = "json"
_HELIOS_V1: Final = "helios-v1"


def export(
    options: Options,
    workspaces: list[str],
    format_: str,
    output: str | None,
    *,
    everything: bool,
    force: bool,
) -> None:
    """Write workspaces to a file, for VS Code or another program."""
    path = None if output in (None, "-") else absolute_path(output)
    _check_usage(workspaces, format_, path, everything=everything, force=force)
    with connected(options) as client:
        chosen = client.workspaces.list() if everything else _chosen(client, workspaces)
    _tell_of_annotations(chosen, format_)
    if path is None:
        _emit(_text(chosen, format_, None, ascii_only=on_terminal()))
        return
    text = _text(chosen, format_, os.path.dirname(path), ascii_only=False)
    _write(path, text, force=force)
    if options.as_json:
        emit_json({"path": path, "format": format_, "workspaces": [each.id for each in chosen]})
    elif not options.quiet:
        what = (
            f"workspace “{shown_name(chosen[0].name)}”"
            if len(chosen) == 1
            else count(len(chosen), "workspace")
        )
        emit(f"Exported {what} to {shown_path(path)}.")


def _check_usage(
    given: Sequence[str], format_: str, path: str | None, *, everything: bool, force: bool
) -> None:
    hint = "Try: workspacectl export --help"
    if bool(given) == everything:
        not_both = "Give a WORKSPACE or --all, not both."
        raise WrongUsage(not_both if given else "Give a WORKSPACE to export, or --all.", hint=hint)
    if format_ == _CODE_WORKSPACE and len(given) != 1:
        raise WrongUsage("A .code-workspace file holds one workspace: export one at a time.", hint=hint)
    if force and path is None:
        raise WrongUsage("--force needs --output FILE.", hint=hint)
    if path is None and format_ == _HELIOS_V1 and on_terminal():
        # Its text must stay as an older app prints it, and a terminal could act on control characters in names.
        raise WrongUsage("This format can't be printed on a terminal: name a file with --output.", hint=hint)
    if path is not None and os.path.isdir(path):
        raise WrongUsage(f"{path} is a directory: name a file in it.", hint=hint)


def _chosen(client: Client, given: Sequence[str]) -> list[Workspace]:
    found = {each.id: each for each in (find_workspace(client, one) for one in given)}
    return list(found.values())


def _tell_of_annotations(workspaces: Sequence[Workspace], format_: str) -> None:
    """Tell on stderr of tags and metadata that the format has no place for."""
    annotated = sum(bool(each.tags or each.metadata) for each in workspaces)
    if annotated and format_ != _JSON:
        whose = f"those of {count(annotated, 'workspace')} are left out"
        tell(f"warning: {format_} has no tags and no metadata: {whose}. The format json has them.")


def _text(workspaces: Sequence[Workspace], format_: str, directory: str | None, *, ascii_only: bool) -> str:
    from workspaced_client.exchange import stores  # only here: it takes long to load

    if format_ == _CODE_WORKSPACE:
        from workspaced_client.exchange import code_workspace  # as above

        return code_workspace.encode(workspaces[0], directory, ascii_only=ascii_only)
    if format_ == _JSON:
        return stores.encode_list(workspaces, ascii_only=ascii_only)
    return stores.encode_version_1(workspaces)


def _emit(text: str) -> None:
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")  # JSON's encoding in every locale (RFC 8259, section 8.1)
    emit(text.removesuffix("\n"))


def _write(path: str, text: str, *, force: bool) -> None:
    """Write the file. Raise Failure."""
    from workspaced_client.exchange import regular_files

    try:
        regular_files.write(path, text.encode(), over=force)
    except FileExistsError as error:
        raise Failure(
            f"{path} already exists, and was left as it is.",
            kind="fileExists",
            data={"path": path},
            hint="Name another file, or add --force to replace it.",
        ) from error
    except OSError as error:
        raise Failure(
            f"{path} can't be written: {reason(error)}. Nothing was exported.",
            kind="unwritable",
            data={"path": path},
        ) from error
