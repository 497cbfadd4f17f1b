"""Ids: a prefix for the kind of thing, and a ULID that rises within this process."""

import hashlib
from collections.abc import Callable
from threading import Lock

from ulid import ULID, ULIDGenerator

from workspaced.domain.clock import now_ms


class IdFactory:
    """Makes ids that sort by creation, even when the clock steps back (FR-010).

    `clock_ms` returns Unix milliseconds. Several threads may share one factory.
    """

    def __init__(self, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._newest_ms = 0
        # Within one millisecond, the generator increments the random part.
        self._generator = ULIDGenerator(clock=self._rising_clock_ms)
        self._lock = Lock()  # the generator reads its clock outside its own lock

    def workspace(self) -> str:
        """Return a new workspace id, `ws_…`."""
        return self._make("ws")

    def project(self) -> str:
        """Return a new project id, `proj_…`."""
        return self._make("proj")

    def session(self) -> str:
        """Return a new session id, `ss_…`."""
        return self._make("ss")

    def store(self) -> str:
        """Return a new store id, `st_…`."""
        return self._make("st")

    def correlation(self) -> str:
        """Return a new correlation id, `cor_…`."""
        return self._make("cor")

    def _make(self, prefix: str) -> str:
        with self._lock:
            return f"{prefix}_{self._generator.generate()}"

    def _rising_clock_ms(self) -> int:
        self._newest_ms = max(self._newest_ms, self._clock_ms())
        return self._newest_ms


def store_id_of(text: bytes, written_at_ms: int) -> str:
    """Return the id of the store in a file of an older version, which has none.

    It is made of the text and the time of its writing alone. So each start gives the store the same id, until the
    first write makes it durable, and a backup made before that write belongs to the store.
    """
    time_ms = min(max(written_at_ms, 0), 2**48 - 1)
    return f"st_{ULID.from_bytes(time_ms.to_bytes(6, 'big') + hashlib.sha256(text).digest()[:10])}"
