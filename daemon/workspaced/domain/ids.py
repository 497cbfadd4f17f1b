"""Makes ids: a prefix that tells what they name, and a ULID that rises within this process."""

from collections.abc import Callable
from threading import Lock

from ulid import ULIDGenerator

from workspaced.domain.clock import now_ms


class IdFactory:
    """Makes ids that sort in the order they were made, even when the clock steps back (FR-010).

    `clock_ms` gives Unix milliseconds. Safe to use from several threads.
    """

    def __init__(self, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._newest_ms = 0
        # Within one millisecond the generator counts the random part up by one.
        self._generator = ULIDGenerator(clock=self._rising_clock_ms)
        self._lock = Lock()  # the generator reads its clock before it takes its own

    def workspace(self) -> str:
        """A new `ws_…`."""
        return self._make("ws")

    def project(self) -> str:
        """A new `proj_…`."""
        return self._make("proj")

    def session(self) -> str:
        """A new `ss_…`."""
        return self._make("ss")

    def correlation(self) -> str:
        """A new `cor_…`."""
        return self._make("cor")

    def _make(self, prefix: str) -> str:
        with self._lock:
            return f"{prefix}_{self._generator.generate()}"

    def _rising_clock_ms(self) -> int:
        self._newest_ms = max(self._newest_ms, self._clock_ms())
        return self._newest_ms
