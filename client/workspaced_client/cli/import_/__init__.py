"""`workspacectl import`: workspaces from other programs and the disk, previewed, then applied in one commit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workspaced_client import Client, InvalidRequest, RevisionConflict
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure, WrongUsage, store_changed
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit
from workspaced_client.cli.base.questions import preview, require_yes
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_client.cli.import_.plan_text import counted, emit_plan, preview_text
from workspaced_client.cli.import_.planning import plan_import
from workspaced_client.cli.import_.sources import find_repositories, load
from workspaced_protocol.names import is_blank

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.import_plan import ImportPlan


def import_(
    options: Options,
    files: list[str],
    scan: str | None,
    source: str | None,
    into: str | None,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Import workspaces and projects from files, from other programs, or from the disk."""
    _check_usage(files, scan, source, into)
    contents = load(files, source, into)
    with connected(options) as client:
        found = find_repositories(options, absolute_path(scan)) if scan is not None else None
        before = client.daemon.status()
        revision = before.revision
        plan = plan_import(client.store.get_all(), contents, found, into, options.machine)
        preview(options, preview_text(plan, revision), asks=not yes and not dry_run)
        applies = bool(plan.changes) and not dry_run
        if applies:
            if not yes:
                require_yes("Import it?", declined="Nothing was imported.")
            revision = _apply(client, plan, revision)
        if options.as_json:
            emit_plan(client, plan, applied=applies, revision=revision)
        elif applies and not options.quiet:
            now = client.daemon.status().recovery
            imported = f"Imported {counted(plan)}: the store is at revision {revision}."
            emit("\n".join((imported, *recovery_notice.progress(before.recovery, now))))


def _check_usage(files: Sequence[str], scan: str | None, source: str | None, into: str | None) -> None:
    hint = "Try: workspacectl import --help"
    if scan is not None and (files or source is not None):
        other = "--from PROGRAM" if source is not None else "a FILE"
        raise WrongUsage(f"Give {other} or --scan DIR, not both.", hint=hint)
    if not files and scan is None and source is None:
        raise WrongUsage("Give a FILE to import, --from PROGRAM, or --scan DIR.", hint=hint)
    if into is not None and is_blank(into):
        raise WrongUsage("The name for --into must not be empty or blank.", hint=hint)


def _apply(client: Client, plan: "ImportPlan", revision: int) -> int:
    try:
        return client.store.apply(plan.changes, if_revision=revision)
    except RevisionConflict as error:
        raise store_changed(error, "Nothing was imported") from error
    except InvalidRequest as error:
        raise Failure.of(
            error,
            f"Nothing was imported: {counted(plan)} are too many for one commit. {error.message}",
            hint="Import in several parts, or increase the daemon's max_line_bytes.",
        ) from error
