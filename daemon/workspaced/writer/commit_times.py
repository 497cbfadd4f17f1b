"""How long commits take, for `daemon.status`."""

from collections import deque
from typing import Final

from workspaced_protocol.daemon_models import CommitStatistics

_MEASURED_COMMITS: Final = 1024


class CommitTimes:
    """The number of commits so far, and the durations of the newest ones."""

    def __init__(self) -> None:
        self._count = 0
        self._requests = 0
        self._newest_ms: deque[float] = deque(maxlen=_MEASURED_COMMITS)

    def add(self, duration_ms: float, requests: int) -> None:
        """Count a commit that answered this many writes."""
        self._count += 1
        self._requests += requests
        self._newest_ms.append(duration_ms)

    def statistics(self) -> CommitStatistics:
        """Return the counts, and the median and the 95th percentile of the newest durations in milliseconds."""
        ranked = sorted(self._newest_ms) or [0.0]
        return CommitStatistics(
            count=self._count,
            requests=self._requests,
            p50_ms=round(ranked[len(ranked) // 2], 3),
            p95_ms=round(ranked[len(ranked) * 95 // 100], 3),
        )
