"""`workspacectl export`: workspaces as files for VS Code, an older app, or a program."""

import io
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from workspaced_client import Client, Workspace
from workspaced_client._core.machines import machine_elsewhere
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
from workspaced_client.cli.base.places import command_there, not_here
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
    if format_ != _JSON:
        chosen = _of_this_machine(chosen, format_, options.machine)
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


def _of_this_machine(workspaces: Sequence[Workspace], format_: str, here: str | None) -> list[Workspace]:
    """Return what a format without machines can tell: the workspaces of this one, with their projects here.

    Tell on stderr of all that is left out. Raise Failure if nothing remains of a single workspace.
    """
    kept: list[Workspace] = []
    left_out = 0
    for each in workspaces:
        own = tuple(project for project in each.projects if machine_elsewhere(project, here) is None)
        machine = machine_elsewhere(each, here)
        # The file for VS Code holds projects, and a root only without them.
        if machine is None or (own and format_ == _CODE_WORKSPACE):
            left_out += len(own) < len(each.projects)
            kept.append(structs.replace(each, projects=own) if len(own) < len(each.projects) else each)
        elif len(workspaces) == 1:
            there = command_there(
                machine, shlex.join(["workspacectl", "export", each.id, "--format", format_])
            )
            raise not_here(each.name, each.root_path, machine, hint=f"To export it there: {there}")
        else:
            left_out += 1
    if left_out:
        whose = f"the directories of others are left out, of {count(left_out, 'workspace')}"
        tell(f"warning: {format_} has no machines: {whose}. The format json has them.")
    return kept


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
