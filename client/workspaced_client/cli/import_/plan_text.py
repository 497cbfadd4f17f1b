"""The output of an import: its plan as text for people, and as JSON."""

from typing import TYPE_CHECKING

from workspaced_client import Client
from workspaced_client.cli.base.output import (
    coloured,
    count,
    emit_json,
    shown,
    shown_name,
    shown_path,
    shown_sentence,
)

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.import_plan import Entry, ImportPlan


def emit_plan(client: Client, plan: "ImportPlan", *, applied: bool, revision: int) -> None:
    """Print the plan as JSON; after an import, with the workspaces as they are in the store."""
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
            "notes": [
                {"name": each.name, "path": each.path, "id": each.id, "note": each.note}
                for each in plan.entries
                if each.note
            ],
            "remarks": plan.remarks,
        }
    )


def preview_text(plan: "ImportPlan", revision: int) -> str:
    """Return a line for each entry of the plan, and a summary."""
    lines = [shown_sentence(remark) for remark in dict.fromkeys(plan.remarks)]
    if not plan.entries:
        return "\n".join((*lines, "Nothing to do: found nothing to import."))
    lines += [_lines(entry) for entry in plan.entries]
    skipped = sum(entry.fate == "skipped" for entry in plan.entries)
    if plan.changes:
        left_out = f" {skipped} left out." if skipped else ""
        lines.append(f"{counted(plan)} to import, in the store at revision {revision}.{left_out}")
    elif skipped == len(plan.entries):
        lines.append("Nothing to do: everything was left out.")
    else:
        also = " already, or left out" if skipped else " already"
        lines.append(f"Nothing to do: everything is in the store{also}.")
    return "\n".join(lines)


def counted(plan: "ImportPlan") -> str:
    """Return the numbers of workspaces and projects to import, in words."""
    projects = count(sum(len(entry.projects) for entry in plan.entries), "project")
    return f"{count(len(plan.added), 'workspace')} and {projects}" if plan.added else projects


def _lines(entry: "Entry") -> str:
    text = f"{shown_name(entry.name)}  {shown_path(entry.path)}"
    if entry.fate == "present":
        return f"= {text}  {shown_sentence(entry.reason)}"
    if entry.fate == "skipped":
        return coloured(f"! {text}  left out: {shown_sentence(entry.reason)}", "yellow")
    mark, colour = ("+", "green") if entry.fate == "added" else ("~", "yellow")
    note = [coloured(f"    {shown_sentence(entry.note)}", "yellow")] if entry.note else []
    if entry.tags:
        note.insert(0, coloured(f"    tags: {shown(', '.join(entry.tags))}", colour))
    if entry.is_whole:
        line = coloured(f"{mark} {text} ({count(len(entry.projects), 'project')})", colour)
        return "\n".join((line, *note))
    # A new workspace whose root is its only project: one line is enough.
    told = () if entry.fate == "added" and entry.projects == (entry.path,) else entry.projects
    lines = (coloured(f"    + {shown_path(path)}", "green") for path in told)
    return "\n".join((coloured(f"{mark} {text}", colour), *note, *lines))
