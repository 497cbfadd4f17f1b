"""Ids: a prefix for the kind of thing, and a ULID that rises within this process."""

import hashlib
from collections.abc import Callable

from workspaced.domain.clock import now_ms
from workspaced_protocol.ulids import RANDOM_BITS, Ulids, as_ulid


class IdFactory:
    """Makes ids that sort by creation, even when the clock steps back (FR-010).

    `clock_ms` returns Unix milliseconds. Several threads may share one factory.
    """

    def __init__(self, clock_ms: Callable[[], int] = now_ms) -> None:
        self._ulids = Ulids(clock_ms)

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

    def directory(self) -> str:
        """Return a new id of a data directory that shares a store, `dd_…`."""
        return self._make("dd")

    def correlation(self) -> str:
        """Return a new correlation id, `cor_…`."""
        return self._make("cor")

    def _make(self, prefix: str) -> str:
        return f"{prefix}_{self._ulids.new()}"


def store_id_of(text: bytes, written_at_ms: int) -> str:
    """Return the id of the store in a file of an older version, which has none.

    It is made of the text and the time of its writing alone. So each start gives the store the same id, until the
    first write makes it durable, and a backup made before that write belongs to the store.
    """
    time_ms = min(max(written_at_ms, 0), 2**48 - 1)
    made_of_text = int.from_bytes(hashlib.sha256(text).digest()[: RANDOM_BITS // 8])
    return f"st_{as_ulid(time_ms << RANDOM_BITS | made_of_text)}"
