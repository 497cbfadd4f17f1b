"""The commands on copies of the store: backup, backups, restore."""

import os

from workspaced_client import Client, DaemonError, RevisionConflict, Workspace
from workspaced_client._core.local_time import when
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, store_changed
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import (
    coloured,
    count,
    emit,
    emit_json,
    emit_path,
    shown_name,
    shown_path,
    tell,
)
from workspaced_client.cli.base.places import shown_place
from workspaced_client.cli.base.questions import preview, require_yes
from workspaced_client.cli.base.results import described
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_client.cli.commands.shared import COPY_TIMEOUT_SECONDS
from workspaced_protocol.datadir import QUARANTINE
from workspaced_protocol.models import StoreDifference


def backup(options: Options, file: str | None) -> None:
    """Copy the store, and verify the copy."""
    path = absolute_path(file) if file is not None else None
    with connected(options, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        made = client.store.backup(path)
    if options.as_json:
        emit_json(made)
    elif options.quiet:
        emit_path(made.path)
    else:
        emit(f"Copied the store at revision {made.revision} to {shown_path(made.path)}.")


def backups(options: Options) -> None:
    """List the daemon's copies of the store, newest first."""
    with connected(options, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        found = client.store.list_backups()
    if options.as_json:
        emit_json(found)
    elif found:
        emit_table(
            (Column("NAME"), Column("MADE", gives_way=True), Column("REVISION", gives_way=True)),
            [(each.name, when(each.made_at), str(each.revision)) for each in found],
        )
    elif not options.quiet:
        tell("There are no backups yet: `workspacectl backup` makes one.")


def restore(options: Options, backup: str, *, yes: bool, dry_run: bool) -> None:
    """Replace the content of the store with a backup, in one commit."""
    source = _source(backup)
    with connected(options, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        difference = _difference(client, source)
        now = {workspace.id: workspace for workspace in client.store.get_all()}
        preview(options, _difference_text(difference, now, options.machine), asks=not yes and not dry_run)
        before = client.daemon.status().recovery
        changes_something = bool(difference.added or difference.changed or difference.removed)
        if dry_run or not (changes_something or is_pending(before)):
            if options.as_json:
                _emit_json(difference, applied=False, revision=difference.revision)
            return
        if not yes:
            require_yes("Restore it?", declined="Nothing was restored.")
        try:
            revision = client.store.restore(source, if_revision=difference.revision)
        except RevisionConflict as error:
            raise store_changed(error, "Nothing was restored") from error
        status = client.daemon.status()
    if options.as_json:
        _emit_json(difference, applied=True, revision=revision)
    elif not options.quiet:
        kept_in = shown_path(os.path.join(status.data_dir, QUARANTINE))
        kept = f" The old content is kept in {kept_in}." if changes_something else ""
        restored = f"Restored: the store is at revision {revision}.{kept}"
        emit("\n".join((restored, *recovery_notice.progress(before, status.recovery))))


def _difference(client: Client, source: str) -> StoreDifference:
    """Return the changes of a restore. Raise Failure, with line and column for a file that is not JSON."""
    try:
        return client.store.preview_restore(source)
    except DaemonError as error:
        raise Failure.of(error, _json_fault(source)) from error


def _json_fault(path: str) -> str | None:
    from workspaced_client.exchange import json_text, regular_files  # only here: few need them

    try:
        data = regular_files.read(path)
    except json_text.Unusable:
        return None
    try:
        json_text.parse(path, data)
    except json_text.Unusable as error:
        return str(error)
    return None


def _source(given: str) -> str:
    """Return an absolute path for a path or an existing file, else `given`: the name of a backup."""
    if os.sep in given or given.startswith("~") or os.path.lexists(given):
        return absolute_path(given)
    return given


def _emit_json(difference: StoreDifference, *, applied: bool, revision: int) -> None:
    emit_json(
        {
            "applied": applied,
            "revision": revision,
            "added": difference.added,
            "changed": difference.changed,
            "removed": difference.removed,
        }
    )


def _difference_text(difference: StoreDifference, now: dict[str, Workspace], here: str | None) -> str:
    """Return the changes of a restore, a line for each workspace; `now` is the content of the store by id."""
    lines = [
        *(coloured(f"+ {described(workspace, here)}", "green") for workspace in difference.added),
        *(coloured(f"- {described(workspace, here)}", "red") for workspace in difference.removed),
        *(
            coloured(
                f"~ {shown_name(workspace.name)}  {_changes(now.get(workspace.id), workspace, here)}",
                "yellow",
            )
            for workspace in difference.changed
        ),
    ]
    if not lines:
        return f"Nothing would change: the store holds the same, at revision {difference.revision}."
    summary = (
        f"{count(len(difference.added), 'workspace')} to add, {len(difference.removed)} to remove, "
        f"{len(difference.changed)} to change, in the store at revision {difference.revision}."
    )
    return "\n".join((*lines, summary))


def _changes(before: Workspace | None, after: Workspace, here: str | None) -> str:
    """Return the fields that differ, in words."""
    if before is None:
        return "as in the backup"  # another program has removed it since the comparison
    words = [
        f"{label}: {old} -> {new}"
        for label, old, new in (
            ("name", shown_name(before.name), shown_name(after.name)),
            ("path", shown_place(before, here), shown_place(after, here)),
            ("state", before.state, after.state),
        )
        if old != new
    ]
    old_projects = {project.id: project for project in before.projects}
    new_projects = {project.id: project for project in after.projects}
    words += [
        f"project +{shown_place(each, here)}" for id_, each in new_projects.items() if id_ not in old_projects
    ]
    words += [
        f"project -{shown_place(each, here)}" for id_, each in old_projects.items() if id_ not in new_projects
    ]
    words += [
        f"project ~{shown_place(each, here)}"
        for id_, each in new_projects.items()
        if id_ in old_projects and each != old_projects[id_]
    ]
    return "; ".join(words) or f"last changed {when(before.updated_at)} -> {when(after.updated_at)}"
