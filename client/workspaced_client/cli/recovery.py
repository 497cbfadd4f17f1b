"""What the daemon had to recover its store from, in words: one line for every command, or in full."""

from collections.abc import Sequence
from typing import Final

from workspaced_client.cli.output import shown, when
from workspaced_protocol.models import RecoveryStatus

_ACKNOWLEDGE: Final = "`workspacectl recovery ack`"


def is_pending(notice: RecoveryStatus) -> bool:
    """Whether a user has still to be told of this."""
    return notice.outcome in ("recovered", "dataLoss") and not notice.acknowledged


def warning(notice: RecoveryStatus) -> str | None:
    """One line that says what happened and where the quarantined files are, or None where all is well."""
    if not is_pending(notice):
        return None
    kept = ", ".join(shown(path) for path in notice.quarantined)
    where = f" The files as they were: {kept}." if kept else ""
    return f"{_what_happened(notice)}.{where} `workspacectl recovery show` tells more, {_ACKNOWLEDGE} ends this warning."


def in_full(notice: RecoveryStatus, contents: Sequence[str] = ()) -> str:
    """Several lines: what happened, when, why, the quarantined files, and `contents`, lines on those."""
    if notice.outcome not in ("recovered", "dataLoss"):
        return "Nothing had to be recovered: the store was in order."
    lines = [f"{_what_happened(notice)}."]
    if notice.quarantined:
        lines += ["The files as they were:", *(f"  {shown(path)}" for path in notice.quarantined)]
        lines += contents
    if notice.acknowledged:
        lines.append("This has been acknowledged.")
    else:
        lines.append(f"{_ACKNOWLEDGE} ends the warnings about it.")
    return "\n".join(lines)


def _what_happened(notice: RecoveryStatus) -> str:
    time = f" at {when(notice.occurred_at)}" if notice.occurred_at is not None else ""
    reason = f" ({shown(notice.reason)})" if notice.reason else ""
    if notice.outcome == "dataLoss":
        return f"All workspaces were lost{time}, and the store began empty{reason}"
    return f"The store had to be recovered{time}{reason}"
