"""The clock of the daemon's deadlines: it stands still while the process does not run.

The problem: a process that is stopped (SIGSTOP, a freezer, a paused virtual machine) resumes with all its deadlines
passed, and with everything that arrived meanwhile still unread. To judge a deadline then would punish a client, a
disk or git for a delay of the daemon's own.

The strategy: the event loop tells how long it is about to sleep. If it wakes much later than that, none of the time
since its last sign of life is counted, so each deadline has as much time left as before.
"""

import time
from collections.abc import Callable
from threading import get_ident
from typing import Final

import trio

_SLACK_SECONDS: Final = 0.5  # a loaded machine wakes a process that late


class AwakeClock(trio.abc.Clock):
    """A clock for `trio.run`. Threads may read it too."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` is the system's clock; tests set it."""
        self._monotonic = monotonic
        self._uncounted_seconds = 0.0
        self._seen_at = monotonic()  # the loop's last sign of life
        self._asleep_seconds = 0.0  # how long it meant to sleep from then on
        self._loop_thread = get_ident()

    def start_clock(self) -> None:
        """Begin to count: called by trio."""
        self._loop_thread = get_ident()
        self._seen_at = self._monotonic()

    def current_time(self) -> float:
        """Return the counted seconds."""
        now = self._monotonic()
        if get_ident() == self._loop_thread:
            since = now - self._seen_at
            if since > self._asleep_seconds + _SLACK_SECONDS:
                self._uncounted_seconds += since
            self._seen_at, self._asleep_seconds = now, 0.0
        return now - self._uncounted_seconds

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the seconds until the deadline, for which the event loop then sleeps."""
        self._asleep_seconds = max(deadline - self.current_time(), 0.0)
        return self._asleep_seconds
