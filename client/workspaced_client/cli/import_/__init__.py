"""The command `import`: brings in what older apps, VS Code and the disk hold, shown first and applied as one commit."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workspaced_client import Client, InvalidRequest, RevisionConflict
from workspaced_client.cli.base.arguments import absolute_path, complete_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import options_of
from workspaced_client.cli.base.output import coloured, count, emit, emit_json, preview, shown, tell
from workspaced_client.cli.base.questions import require_yes
from workspaced_client.cli.import_.sources import load, look_for_repositories

if TYPE_CHECKING:  # loaded when it is wanted: other commands shall not wait for it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.import_plan import Entry, Plan
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces


def import_(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="An older app's store, a .code-workspace file, or an export.",
        ),
    ] = None,
    scan: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Look for git repositories at and below DIR: each becomes a workspace with one project.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="WORKSPACE",
            help="Bind all that is found to this one workspace. It is made where there is none of the name.",
            autocompletion=complete_workspace,
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Bring in workspaces and projects from files, or from the disk.

    Shows what would change, then asks, and applies it as one commit. Nothing in the store is
    overwritten, and what is there already is not brought in again.

    A scan passes over hidden directories, node_modules and their like, does not follow symbolic
    links, and does not look for repositories inside of repositories.
    """
    options = options_of(context)
    _check_usage(files, scan, into)
    read = [load(file, into) for file in files or ()]
    with connected(options) as client:
        found = look_for_repositories(options, absolute_path(scan)) if scan is not None else None
        revision = client.daemon.status().revision
        plan = _plan(client, read, found, into)
        is_terse = options.as_json or options.quiet
        if not is_terse or not (yes or dry_run):
            preview(_preview(plan, revision), apart=is_terse)
        changes = plan.changes
        applies = bool(changes) and not dry_run
        if applies:
            if not yes:
                require_yes("Import it?", declined="Nothing was imported.")
            revision = _apply(client, plan, revision)
        if options.as_json:
            _emit_json(client, plan, applied=applies, revision=revision)
        elif applies and not options.quiet:
            emit(f"Imported {_counted(plan)}: the store is at revision {revision}.")


def _check_usage(files: Sequence[str] | None, scan: str | None, into: str | None) -> None:
    hint = "Try: workspacectl import --help"
    if bool(files) == (scan is not None):
        what = "not both" if files else "there is neither"
        raise WrongUsage(f"What shall be imported? Give a FILE, or --scan DIR: {what}.", hint=hint)
    if into is not None and not into.strip():
        raise WrongUsage("The name for --into must not be empty or blank.", hint=hint)


def _plan(
    client: Client,
    read: "Sequence[tuple[str, Workspaces | CodeWorkspace]]",
    found: "tuple[str, Found] | None",
    into: str | None,
) -> "Plan":
    from workspaced_client.exchange.directories import real_directories_in_time
    from workspaced_client.exchange.import_plan import Plan
    from workspaced_client.exchange.stores import Workspaces

    current = client.store.get_all()
    gathers = found is not None or any(not isinstance(content, Workspaces) for _, content in read)
    stored = {each.root_path for one in current for each in one.projects} if gathers else set[str]()
    real_paths, _ = real_directories_in_time(sorted(stored))
    plan = Plan(current, time.time_ns() // 1_000_000, real_paths)
    gathered: list[str] = []
    roots: list[str] = []
    if found is not None:
        _plan_scan(plan, *found, gathers=gathered if into is not None else None)
        roots.append(found[0])
    for path, content in read:
        if not isinstance(content, Workspaces):
            gathered += _plan_folders(plan, content, into)
            roots.append(content.root_path)
            continue
        if content.unknown_members:
            members = ", ".join(content.unknown_members)
            tell(
                f"warning: {shown(path)} has members that are left out, because nothing is known of them: {shown(members)}"
            )
        for workspace in content.workspaces:
            plan.whole(workspace)
    if into is not None and gathered:
        above = os.path.commonpath(roots)
        plan.gather(
            into,
            roots[0] if above == os.sep else above,
            list(dict.fromkeys(gathered)),
            given=plan.find(into),
        )
    return plan


def _plan_scan(plan: "Plan", root: str, found: "Found", gathers: list[str] | None) -> None:
    """The repositories as workspaces of their own, or added to `gathers`."""
    paths: list[str] = []
    for path in found.repositories:
        try:
            path.encode()  # JSON can't hold a name that is not UTF-8
            paths.append(path)
        except UnicodeEncodeError:
            plan.skip(os.path.basename(path), path, "its path is not UTF-8")
    if gathers is None:
        plan.repositories(root, paths)
    else:
        gathers += paths
    for path, reason in found.unreadable:
        plan.skip(os.path.basename(path), path, f"it could not be looked into ({reason})")


def _plan_folders(plan: "Plan", content: "CodeWorkspace", into: str | None) -> list[str]:
    """Plans what a `.code-workspace` file describes, or gives its folders for the workspace `into`."""
    from workspaced_client.exchange.directories import real_directories

    name, root_path = content.name, content.root_path
    for each in content.skipped:
        plan.skip(name, each.folder, each.reason)
    if not content.folders and not content.skipped:
        plan.skip(name, root_path, "it has no folders")
    found, faults = real_directories(content.folders)
    paths = list(dict.fromkeys(found.get(path, path) for path in content.folders))
    there = plan.find(into) if into is not None else plan.match(name, root_path, paths)
    directories: list[str] = []
    for path in paths:
        if path not in faults or plan.holds(there, path):
            directories.append(path)
        else:
            plan.skip(name, path, faults[path])
    if into is not None:
        return directories
    if directories:
        plan.gather(name, root_path, directories, given=there)
    return []


def _apply(client: Client, plan: "Plan", revision: int) -> int:
    try:
        return client.store.apply(plan.changes, if_revision=revision)
    except RevisionConflict as error:
        raise Failure(
            "Nothing was imported: the store has changed since it was compared with what is to be imported.",
            kind=error.kind,
            code=error.code,
            data=error.data,
            hint="Run the command again to see what would change now.",
        ) from error
    except InvalidRequest as error:
        raise Failure(
            f"Nothing was imported: {_counted(plan)} are more than the daemon takes in one commit. {error.message}",
            kind=error.kind,
            code=error.code,
            data=error.data,
            hint="Import a part after the other, or set max_line_bytes of the daemon higher.",
        ) from error


def _emit_json(client: Client, plan: "Plan", *, applied: bool, revision: int) -> None:
    stored = {each.id: each for each in client.store.get_all()} if applied else {}
    emit_json(
        {
            "applied": applied,
            "revision": revision,
            "added": [stored.get(each.id, each) for each in plan.added],
            "changed": [stored.get(each.id, each) for each in plan.changed],
            "present": [
                {"name": each.name, "path": each.path, "id": each.id}
                for each in plan.entries
                if each.fate == "present"
            ],
            "skipped": [
                {"name": each.name, "path": each.path, "reason": each.reason}
                for each in plan.entries
                if each.fate == "skipped"
            ],
        }
    )


def _preview(plan: "Plan", revision: int) -> str:
    if not plan.entries:
        return "There is nothing to do: nothing was found that could be imported."
    lines = [_lines(entry) for entry in plan.entries]
    skipped = sum(entry.fate == "skipped" for entry in plan.entries)
    if plan.changes:
        left_out = f" {skipped} left out." if skipped else ""
        lines.append(f"{_counted(plan)} to import, in the store at revision {revision}.{left_out}")
    elif skipped == len(plan.entries):
        lines.append("There is nothing to do: nothing is left that could be imported.")
    else:
        also = " already, or left out" if skipped else " already"
        lines.append(f"There is nothing to do: all of it is in the store{also}.")
    return "\n".join(lines)


def _counted(plan: "Plan") -> str:
    projects = count(sum(len(entry.projects) for entry in plan.entries), "project")
    return f"{count(len(plan.added), 'workspace')} and {projects}" if plan.added else projects


def _lines(entry: "Entry") -> str:
    text = f"{shown(entry.name)}  {shown(entry.path)}"
    if entry.fate == "present":
        return f"= {text}  {entry.reason}"
    if entry.fate == "skipped":
        return coloured(f"! {text}  left out: {shown(entry.reason)}", "yellow")
    mark, colour = ("+", "green") if entry.fate == "added" else ("~", "yellow")
    if entry.is_whole:
        return coloured(f"{mark} {text} ({count(len(entry.projects), 'project')})", colour)
    # The root of a new workspace that is its only project need not be told twice.
    told = () if entry.fate == "added" and entry.projects == (entry.path,) else entry.projects
    lines = (coloured(f"    + {shown(path)}", "green") for path in told)
    return "\n".join((coloured(f"{mark} {text}", colour), *lines))
