"""The daemon's last recovery in words: one line of warning for every command, or the whole story."""

from collections.abc import Sequence
from typing import Final

from workspaced_client._core.recovery_notice import in_short, what_happened
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base.output import shown
from workspaced_protocol.models import RecoveryStatus

_ACKNOWLEDGE: Final = "`workspacectl recovery ack`"


def warning(notice: RecoveryStatus) -> str | None:
    """Return one line about a recovery that nobody has acknowledged, or None."""
    if not is_pending(notice):
        return None
    return f"{shown(in_short(notice))} `workspacectl recovery show` shows more; {_ACKNOWLEDGE} ends this warning."


def in_full(notice: RecoveryStatus, contents: Sequence[str] = ()) -> str:
    """Return several lines: what happened, when, why, the quarantined files, and `contents`, lines about those."""
    lines = [f"{shown(what_happened(notice))}."]
    if notice.quarantined:
        lines += ["The files as they were:", *(f"  {shown(path)}" for path in notice.quarantined)]
        lines += contents
    if is_pending(notice):
        lines.append(f"{_ACKNOWLEDGE} ends the warnings about it.")
    elif notice.outcome in ("recovered", "dataLoss"):
        lines.append("It has been acknowledged.")
    return "\n".join(lines)
