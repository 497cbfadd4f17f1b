"""The daemon's last recovery in words: one line of warning for every command, or the whole story."""

from collections.abc import Collection, Sequence
from typing import Final

from workspaced_client._core.recovery_notice import edited, in_short, what_happened
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base.output import count, shown, shown_path
from workspaced_protocol.daemon_models import RecoveryStatus

_ACKNOWLEDGE: Final = "`workspacectl recovery ack`"


def warning(notice: RecoveryStatus) -> str | None:
    """Return one line about a recovery that nobody has acknowledged, or None."""
    return shown(in_short(notice)) if is_pending(notice) else None


def edit(notice: RecoveryStatus) -> str | None:
    """Return one line about a file that was edited while the daemon ran, or None."""
    told = edited(notice)
    return None if told is None else shown(told)


def in_full(notice: RecoveryStatus, contents: Sequence[str] = (), gone: Collection[str] = ()) -> str:
    """Return several lines: what happened, when, why, the quarantined files, and `contents`, lines about those.

    `gone` are the quarantined files that are there no more.
    """
    lines = [f"{shown(what_happened(notice))}."]
    if notice.quarantined:
        lines.append("The files as they were:")
        lines += [f"  {shown_path(path)}{'  (gone)' if path in gone else ''}" for path in notice.quarantined]
    lines += contents
    if is_pending(notice):
        lines.append(f"{_ACKNOWLEDGE} ends the warnings about it.")
    elif notice.outcome in ("recovered", "dataLoss"):
        lines.append("It has been acknowledged.")
    return "\n".join(lines)


def progress(before: RecoveryStatus, now: RecoveryStatus) -> list[str]:
    """Return a line about a pending recovery after workspaces were brought back: it has ended, or what remains."""
    if not is_pending(before):
        return []
    if not is_pending(now):
        return ["No lost workspace is missing any more: this ends the warning."]
    if now.salvageable_count:
        more = count(now.salvageable_count, "more workspace")
        return [f"`workspacectl recovery salvage` can bring back {more}."]
    if now.outcome == "dataLoss":
        return [f"The warning stays, because others may be missing: {_ACKNOWLEDGE} ends it."]
    return []
