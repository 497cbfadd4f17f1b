"""The warning that an app gets on connect when the daemon had to recover its store."""

import warnings

from workspaced_protocol.daemon_models import RecoveryStatus


class RecoveryWarning(UserWarning):
    """The daemon recovered its store from damage, or lost it, and no user has acknowledged that yet.

    Issued by each connect until `client.store.acknowledge_recovery()` or `workspacectl recovery ack`, or until
    nothing is missing any more. It names the one command that helps.
    An app that tells its user in another way silences it by
    `warnings.simplefilter("ignore", RecoveryWarning)`.
    """

    __module__ = "workspaced_client"  # as users import it


def is_pending(notice: RecoveryStatus) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet."""
    return notice.outcome in ("recovered", "dataLoss") and not notice.acknowledged


def warn_of(notice: RecoveryStatus, *, stacklevel: int) -> None:
    """Issue a RecoveryWarning if the notice is pending; `stacklevel` counts from the caller."""
    if is_pending(notice):
        from workspaced_client._core.recovery_notice import in_short  # only a damaged store needs words

        warnings.warn(RecoveryWarning(in_short(notice)), stacklevel=stacklevel + 1)
