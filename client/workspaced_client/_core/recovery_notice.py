"""The daemon's notice of a recovery, in words."""

from workspaced_client._core.local_time import when
from workspaced_protocol.models import RecoveryStatus


def in_short(notice: RecoveryStatus) -> str:
    """Return one line: the event, its time and reason, and where the damaged files are kept."""
    kept = ", ".join(notice.quarantined)
    where = f" The files as they were: {kept}." if kept else ""
    return f"{what_happened(notice)}.{where}"


def what_happened(notice: RecoveryStatus) -> str:
    """Return a sentence without its full stop."""
    time = f" at {when(notice.occurred_at)}" if notice.occurred_at is not None else ""
    reason = f" ({notice.reason})" if notice.reason else ""
    if notice.outcome == "dataLoss":
        return f"All workspaces were lost{time}, and the store began empty{reason}"
    if notice.outcome == "recovered":
        return f"The store had to be recovered{time}{reason}"
    return "Nothing had to be recovered: the store was in order"
