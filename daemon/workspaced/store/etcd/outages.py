"""Why the store takes no writes at present: told by each part that sees it, until that part says that it is over."""

import threading
from collections.abc import Callable
from typing import Literal

from workspaced.domain.clock import now_ms
from workspaced.process.log import Logger
from workspaced.store.contract import Outage

Part = Literal["keys", "reach"]
"""What is out of order: the keys of the store, or the way to etcd."""

_log = Logger()


class Outages:
    """The outages of a store. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[Part, Outage] = {}
        self._wake: Callable[[], None] | None = None

    @property
    def current(self) -> Outage | None:
        """The outage to be told, None while there is none."""
        with self._lock:
            return self._current.get("keys") or self._current.get("reach")

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called at each change of `current`."""
        self._wake = wake
        if self.current is not None:
            wake()

    def begin(self, part: Part, reason: str, since_ms: int | None = None) -> None:
        """Tell of an outage; one that goes on keeps the time of its beginning."""
        with self._lock:
            earlier = self._current.get(part)
            if earlier is not None and earlier.reason == reason:
                return
            if earlier is not None:
                since_ms = earlier.since_ms
            self._current[part] = Outage(reason, now_ms() if since_ms is None else since_ms)
        if earlier is None:
            _log.warning("The store in etcd takes no writes.", reason=reason)
        self._tell()

    def end(self, part: Part) -> None:
        """Tell that it is over."""
        with self._lock:
            if self._current.pop(part, None) is None:
                return
            is_over = not self._current
        if is_over:
            _log.info("The store in etcd takes writes again.")
        self._tell()

    def _tell(self) -> None:
        if self._wake is not None:
            self._wake()
