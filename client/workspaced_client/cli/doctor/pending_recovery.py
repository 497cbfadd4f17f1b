"""Doctor's check for a recovery that nobody has acknowledged."""

from collections.abc import Mapping

import msgspec

from workspaced_client import RecoveryStatus
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.doctor.finding import Finding, ok, warning


def check_recovery(notice: RecoveryStatus) -> Finding:
    """Report a recovery that nobody has acknowledged."""
    told, edit = recovery_notice.warning(notice), recovery_notice.edit(notice)
    if told is not None:
        message = told if edit is None else f"{told} After that, {edit}"
        return warning("recovery", message, "The damage, and the damaged files: workspacectl recovery show")
    if edit is not None:
        advice = "Change the store by workspacectl alone. The notice ends when the daemon does."
        return warning("recovery", edit, advice)
    return ok("recovery", "Nothing to acknowledge.")


def notice_of(stored: Mapping[str, object] | None) -> RecoveryStatus | None:
    """Return the notice that a store keeps, None if there is none or no whole one: that is damage, for the daemon."""
    if stored is None:
        return None
    try:
        return msgspec.convert({"quarantined": (), **stored, "acknowledged": False}, RecoveryStatus)
    except msgspec.ValidationError:
        return None
