"""What the daemon had to recover its store from, in words: one line for every command, or in full."""

from collections.abc import Sequence
from typing import Final

from workspaced_client._core.recovery_notice import in_short, what_happened
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base.output import shown
from workspaced_protocol.models import RecoveryStatus

_ACKNOWLEDGE: Final = "`workspacectl recovery ack`"


def warning(notice: RecoveryStatus) -> str | None:
    """One line that says what happened and where the quarantined files are, or None where all is well."""
    if not is_pending(notice):
        return None
    return f"{shown(in_short(notice))} `workspacectl recovery show` tells more, {_ACKNOWLEDGE} ends this warning."


def in_full(notice: RecoveryStatus, contents: Sequence[str] = ()) -> str:
    """Several lines: what happened, when, why, the quarantined files, and `contents`, lines on those."""
    lines = [f"{shown(what_happened(notice))}."]
    if notice.quarantined:
        lines += ["The files as they were:", *(f"  {shown(path)}" for path in notice.quarantined)]
        lines += contents
    if is_pending(notice):
        lines.append(f"{_ACKNOWLEDGE} ends the warnings about it.")
    elif notice.outcome in ("recovered", "dataLoss"):
        lines.append("This has been acknowledged.")
    return "\n".join(lines)
