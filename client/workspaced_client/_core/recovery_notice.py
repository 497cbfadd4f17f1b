"""The daemon's notice of a recovery, in words."""

from workspaced_client._core.local_time import when
from workspaced_protocol.daemon_models import AFTER_THAT, WAS_EDITED, RecoveryStatus


def in_short(notice: RecoveryStatus) -> str:
    """Return one line: the event, its time, and the one command that helps."""
    happened, count = _event(notice), notice.salvageable_count
    if count:
        workspaces = "1 workspace" if count == 1 else f"{count} workspaces"
        return f"{happened}: `workspacectl recovery salvage` can bring back {workspaces}."
    if notice.outcome == "dataLoss":
        return f"{happened}: `workspacectl recovery show` tells what can be done."
    return f"{happened}, to its last good state: `workspacectl recovery ack` ends this warning."


def edited(notice: RecoveryStatus) -> str | None:
    """Return a sentence of a file that was edited while the daemon ran, and the command that tells more, or None."""
    if notice.reason is None:
        return None
    happened = notice.reason.rpartition(AFTER_THAT)[2]
    if not happened.endswith(WAS_EDITED):
        return None
    return (
        f"{happened}, which wrote it again: `workspacectl recovery show` names the copy of the edited file."
    )


def what_happened(notice: RecoveryStatus) -> str:
    """Return a sentence with the reason, without its full stop."""
    reason = f" ({notice.reason})" if notice.reason else ""
    if notice.outcome == "dataLoss":
        return f"{_event(notice)}, and the store began with what could be verified{reason}"
    if notice.outcome != "recovered" and notice.reason:  # a file was edited while the daemon ran
        return f"{_event(notice)} {notice.reason}"
    return f"{_event(notice)}{reason}"


def _event(notice: RecoveryStatus) -> str:
    time = f" at {when(notice.occurred_at)}" if notice.occurred_at is not None else ""
    if notice.outcome == "dataLoss":
        return f"Workspaces were lost{time}"
    if notice.outcome == "recovered":
        return f"The store had to be recovered{time}"
    if notice.reason:
        return f"Nothing had to be recovered, but{time}"
    return "Nothing had to be recovered: the store was in order"
