"""The health of the store, as clients are told of it: in `daemon.status`, and by an event when it changes.

Two things keep a store from taking writes: a commit that failed, and an outage that the store itself tells of. The
status is that of the outage while there is one.
"""

from workspaced.domain.clock import now_ms
from workspaced.domain.entries import NOBODY, Event
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced.store.contract import Outage
from workspaced_protocol.daemon_models import StoreState, StoreStatus
from workspaced_protocol.events import StoreChanged

_log = Logger()

_OK = StoreStatus(state="ok")


class Health:
    """Whether the store takes writes; `status` tells why it does not. Revisions are the store's, for the events."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._outage: Outage | None = None
        self._failure: StoreStatus | None = None
        self.status = _OK

    def note_success(self, revision: int) -> None:
        """Take note of a commit that succeeded."""
        if self._failure is not None:
            _log.info("The store accepts writes again.")  # after an outage the store itself says so
        self._failure = None
        self._tell(revision)

    def note_failure(self, reason: str, revision: int, *, in_doubt: bool) -> None:
        """Take note of a commit that failed; `in_doubt`: the store is read-only until a commit succeeds.

        In an outage each write fails; that changes nothing.
        """
        if in_doubt or self._outage is None:
            state: StoreState = "readOnly" if in_doubt else "degraded"
            before = self._failure
            since = before.since if before is not None and before.state == state else now_ms()
            self._failure = StoreStatus(state, reason, since)
        self._tell(revision)

    def note_outage(self, outage: Outage | None, revision: int) -> None:
        """Take note of what the store says of an outage. A write that failed just before it failed because of it."""
        self._outage = outage
        if outage is not None and self._failure is not None and self._failure.state == "degraded":
            self._failure = None
        self._tell(revision)

    def _tell(self, revision: int) -> None:
        """Bring the status up to date, and publish an event if the state is another one."""
        before, self.status = self.status, self._current()
        if before.state == self.status.state:
            return
        if self.status.state == "ok":
            event = Event("store.ok", StoreChanged(), revision)
        else:
            event = Event("store.degraded", StoreChanged(self.status.last_error), revision)
        self._hub.publish(event, NOBODY)

    def _current(self) -> StoreStatus:
        if self._outage is None:
            return self._failure or _OK
        since = self._outage.since_ms
        if self._failure is not None and self._failure.since is not None:  # in doubt since before the outage
            since = min(since, self._failure.since)
        return StoreStatus("readOnly", self._outage.reason, since)
