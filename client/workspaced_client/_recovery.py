"""What the daemon had to recover its store from, in words, and the warning of it for apps."""

import warnings
from datetime import datetime

from workspaced_protocol.models import RecoveryStatus


class RecoveryWarning(UserWarning):
    """The daemon recovered its store from damage, or lost it, and no user has acknowledged that yet.

    Given with each connect until `client.store.acknowledge_recovery()` or `workspacectl recovery ack`;
    `warnings.simplefilter("ignore", RecoveryWarning)` is for apps that tell of it in their own way.
    """


def is_pending(notice: RecoveryStatus) -> bool:
    """Whether a user has still to be told of this."""
    return notice.outcome in ("recovered", "dataLoss") and not notice.acknowledged


def warn_of(notice: RecoveryStatus, *, stacklevel: int) -> None:
    """Warns with a RecoveryWarning where there is something to tell."""
    if is_pending(notice):
        told = f"{in_short(notice)} `workspacectl recovery show` tells more."
        warnings.warn(RecoveryWarning(told), stacklevel=stacklevel + 1)


def in_short(notice: RecoveryStatus) -> str:
    """What happened, when, why, and where the files are as they were, in a line."""
    kept = ", ".join(notice.quarantined)
    where = f" The files as they were: {kept}." if kept else ""
    return f"{what_happened(notice)}.{where}"


def what_happened(notice: RecoveryStatus) -> str:
    """A sentence without its full stop."""
    time = f" at {when(notice.occurred_at)}" if notice.occurred_at is not None else ""
    reason = f" ({notice.reason})" if notice.reason else ""
    if notice.outcome == "dataLoss":
        return f"All workspaces were lost{time}, and the store began empty{reason}"
    if notice.outcome == "recovered":
        return f"The store had to be recovered{time}{reason}"
    return "Nothing had to be recovered: the store was in order"


def when(time_ms: int) -> str:
    """A time in Unix milliseconds as a local date and time."""
    try:
        return datetime.fromtimestamp(time_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{time_ms} ms after 1970"  # an app may have stored any number
