"""The notices of a store: of the recovery at a start, and of files that were edited afterwards."""

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced.store.quarantine import KEPT_FILES
from workspaced_protocol.daemon_models import AFTER_THAT, WAS_EDITED, RecoveryStatus
from workspaced_protocol.models import RecoveryOutcome


def with_notice(
    state: State, outcome: RecoveryOutcome, reason: str | None, quarantined: Sequence[str], now_ms: int
) -> State:
    """Return the state that a start has decided on with the notice of its recovery; without a `reason` there is none."""
    if reason is None:
        return state
    notice_outcome, earlier = outcome, state.recovery
    if earlier is not None:
        # The earlier notice is not acknowledged yet, so report both. A loss stays a loss.
        notice_outcome = "dataLoss" if earlier.outcome == "dataLoss" else outcome
        reason = f"{earlier.reason}{AFTER_THAT}{reason}"
        # An interrupted start may have made the same copies already.
        quarantined = list(dict.fromkeys([*earlier.quarantined, *quarantined]))
    revision = state.revision + 1
    if outcome == "dataLoss":
        # Above every lost revision that a client may know: no store makes 1,000 changes a second for long.
        revision = max(revision, now_ms)
    notice = RecoveryNotice(notice_outcome, reason, tuple(quarantined), now_ms)
    return replace(state, revision=revision, recovery=notice)


def status_of(state: State, outcome: RecoveryOutcome, quarantined: Sequence[str]) -> RecoveryStatus:
    """Return the result of this start, with the copies of earlier starts until the notice is acknowledged."""
    notice = state.recovery
    if notice is None:
        return RecoveryStatus(outcome=outcome, quarantined=tuple(quarantined), acknowledged=True)
    return RecoveryStatus(
        outcome=notice.outcome,
        quarantined=tuple(dict.fromkeys([*notice.quarantined, *quarantined])),
        acknowledged=False,
        reason=notice.reason,
        occurred_at=notice.occurred_at,
    )


def with_edit(start: RecoveryStatus, now: RecoveryStatus, name: str, copy: str, at_ms: int) -> RecoveryStatus:
    """Return the status of the recovery with a notice of a file that was edited while the daemon ran.

    `start` is the status as it was at the start, `now` the one with the notices of earlier edits.
    """
    notice = f"{name} {WAS_EDITED}"
    return structs.replace(
        now,
        reason=f"{start.reason}{AFTER_THAT}{notice}" if start.reason else notice,
        # No more than there are files in quarantine.
        quarantined=(*(kept for kept in now.quarantined if kept != copy), copy)[-KEPT_FILES:],
        occurred_at=start.occurred_at or at_ms,
    )
