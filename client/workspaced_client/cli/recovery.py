"""`workspacectl recovery`: show a recovery from damage, salvage more from the damaged files, acknowledge it."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import structs

from workspaced_client import Client, NameConflict, RecoveryStatus, RevisionConflict, Workspace
from workspaced_client._core.machines import place_of
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.arguments import is_id
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import (
    coloured,
    count,
    emit,
    emit_json,
    shown,
    shown_name,
    shown_sentence,
)
from workspaced_client.cli.base.places import shown_place
from workspaced_client.cli.base.questions import preview, require_yes
from workspaced_client.cli.base.results import described
from workspaced_client.cli.base.typed_paths import absolute_path
from workspaced_client.cli.commands.shared import COPY_TIMEOUT_SECONDS
from workspaced_protocol.names import name_key

_NAMED: Final = 5  # workspaces named by `recovery show`; `recovery salvage` shows them all


@dataclass(frozen=True)
class Found:
    """A complete workspace in a damaged file, and the obstacle to bringing it back, if there is one."""

    workspace: Workspace
    is_there: bool = False
    obstacle: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it can be brought back, as far as is known before the attempt."""
        return not self.is_there and self.obstacle is None


def show(options: Options) -> None:
    """Show the last recovery, and the content of the damaged files."""
    with connected(options, warn=False, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        notice = client.daemon.status().recovery
        found, files = _look(client, options.machine)
    if options.as_json:
        possible = [each.workspace for each in found if each.is_wanted]
        emit_json({**msgspec.to_builtins(notice), "salvageable": possible})
    else:
        kept = {os.path.basename(file) for file in files}  # the data directory may have been moved
        gone = [path for path in notice.quarantined if os.path.basename(path) not in kept]
        emit(recovery_notice.in_full(notice, _contents(notice, found, files), gone))


def salvage(options: Options, workspaces: list[str], from_: list[str], *, yes: bool, dry_run: bool) -> None:
    """Bring back complete workspaces from damaged files."""
    named = [absolute_path(file) for file in from_ or ()]
    with connected(options, warn=False, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        before = client.daemon.status().recovery
        all_found, files = _look(client, options.machine, named)
        found = _chosen(all_found, workspaces or ())
        wanted = [each.workspace for each in found if each.is_wanted]
        preview(options, _preview(found, files, options.machine), asks=not yes and not dry_run)
        if wanted and not dry_run:
            if not yes:
                question = f"Bring back {count(len(wanted), 'workspace')}?"
                require_yes(question, declined="Nothing was brought back.")
            saved, left = _bring_back(client, wanted)
        else:
            saved, left = [], []
        now = client.daemon.status().recovery
    if options.as_json:
        emit_json(
            {
                "saved": saved,
                "possible": wanted if dry_run else [],
                "present": [each.workspace.id for each in found if each.is_there],
                "left": [
                    {"id": each.workspace.id, "name": each.workspace.name, "reason": each.obstacle}
                    for each in (*found, *left)
                    if each.obstacle
                ],
            }
        )
    elif not options.quiet and wanted and not dry_run:
        done = f"Brought back {count(len(saved), 'workspace')}."
        emit(
            "\n".join(
                (
                    *(_line(each, options.machine) for each in left),
                    done,
                    *recovery_notice.progress(before, now),
                )
            )
        )


def acknowledge(options: Options) -> None:
    """Acknowledge a recovery, and so end the warnings about it."""
    with connected(options, warn=False) as client:
        notice = client.daemon.status().recovery
        client.store.acknowledge_recovery()
    if options.as_json:
        emit_json(None)
    elif not options.quiet:
        emit("Acknowledged." if is_pending(notice) else "There was nothing to acknowledge.")


def _look(client: Client, here: str | None, named: Sequence[str] = ()) -> tuple[list[Found], Sequence[str]]:
    """Return the complete workspaces in the damaged files, compared with the store, and the files.

    `here` is this machine. `named` are the files to read instead of those in quarantine.
    """
    salvaged = client.store.salvage(named or None)
    now = {workspace.id: workspace for workspace in client.store.get_all()}
    holders = {name_key(each.name): each for each in now.values() if each.state != "deleted"}
    found: list[Found] = []
    for workspace in salvaged.workspaces:
        there = now.get(workspace.id)
        if there is None:
            holder = None if workspace.state == "deleted" else holders.get(name_key(workspace.name))
            found.append(Found(workspace, obstacle=_taken_by(holder, here) if holder else None))
        elif structs.replace(there, revision=0) == structs.replace(workspace, revision=0):
            found.append(Found(workspace, is_there=True))
        else:
            found.append(Found(workspace, obstacle="it is in the store already, with other content"))
    return found, salvaged.files


def _taken_by(holder: Workspace, here: str | None) -> str:
    return f"the name is taken by “{holder.name}” at {place_of(holder, here)}"


def _contents(notice: RecoveryStatus, found: Sequence[Found], files: Sequence[str]) -> list[str]:
    """Return the content of the damaged files, in lines for `recovery show`."""
    lines = _contents_of_files(found, is_loss=notice.outcome == "dataLoss")
    if lines and files and not notice.quarantined:
        return ["Damaged files of earlier are kept:", *(f"  {shown(file)}" for file in files), *lines]
    return lines


def _contents_of_files(found: Sequence[Found], *, is_loss: bool) -> list[str]:
    possible = [each.workspace for each in found if each.is_wanted]
    if possible:
        names = ", ".join(f"“{shown_name(workspace.name)}”" for workspace in possible[:_NAMED])
        more = f" and {len(possible) - _NAMED} more" if possible[_NAMED:] else ""
        return [
            f"{count(len(possible), 'workspace')} in them can be saved: {names}{more}.",
            "`workspacectl recovery salvage` brings back the ones that you choose.",
        ]
    left = sum(each.obstacle is not None for each in found)
    if left:
        text = f"{count(left, 'workspace')} in them can't be brought back at present"
        return [f"{text}: `workspacectl recovery salvage --dry-run` shows why."]
    if found:
        lines = ["The store holds every workspace that can still be read in them."]
        if is_loss:
            lines.append("If others are missing: `workspacectl backups` lists older copies of the store.")
        return lines
    if is_loss:
        return ["No workspace can be read in them. `workspacectl backups` lists older copies of the store."]
    return []


def _chosen(found: Sequence[Found], given: Collection[str]) -> list[Found]:
    """Return the workspaces with these names or ids, or all. Raise Failure for one that is not among them."""
    for each in given:
        if not any(_is_meant(entry, each) for entry in found):
            raise Failure(
                f"The damaged files hold no complete workspace “{shown_name(each)}”.",
                kind="notFound",
                hint="`workspacectl recovery salvage --dry-run` shows the workspaces they hold.",
            )
    return [entry for entry in found if not given or any(_is_meant(entry, each) for each in given)]


def _is_meant(found: Found, given: str) -> bool:
    if is_id(given):
        return given == found.workspace.id
    return given == found.workspace.id or given.casefold() == found.workspace.name.casefold()


def _bring_back(client: Client, wanted: Sequence[Workspace]) -> tuple[list[Workspace], list[Found]]:
    """Save each workspace unless its id is taken by now; return those saved, and the others with the reason."""
    saved: list[Workspace] = []
    left: list[Found] = []
    for workspace in wanted:
        try:
            saved.append(client.store.save(workspace, if_revision=0))
        except RevisionConflict:
            left.append(Found(workspace, obstacle="it is in the store by now"))
        except NameConflict as error:
            left.append(Found(workspace, obstacle=f"the name is taken by now, by workspace {error.id}"))
    return saved, left


def _preview(found: Sequence[Found], files: Sequence[str], here: str | None) -> str:
    if not found:
        return "The damaged files hold no complete workspace." if files else "There are no damaged files."
    possible = sum(each.is_wanted for each in found)
    outcome = f"{count(possible, 'workspace')} can be brought back."
    if all(each.is_there for each in found):
        outcome = "Nothing to bring back: everything is in the store already."
    elif not possible:
        outcome = "Nothing can be brought back at present."
    return "\n".join((*(_line(each, here) for each in found), outcome))


def _line(found: Found, here: str | None) -> str:
    workspace = found.workspace
    text = f"{shown_name(workspace.name)}  {shown_place(workspace, here)}"
    if found.is_there:
        return f"= {text}  is there already"
    if found.obstacle:
        return coloured(
            f"! {text}  left as it is: {shown_sentence(found.obstacle)} ({workspace.id})", "yellow"
        )
    return coloured(f"+ {described(workspace, here)}", "green")
