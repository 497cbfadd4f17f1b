"""The health of the store, as clients are told of it: in `daemon.status`, and by an event when it changes."""

from typing import Literal

from workspaced.domain.entries import NOBODY, Event
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced_protocol.daemon_models import StoreStatus
from workspaced_protocol.events import StoreChanged

_log = Logger()


class Health:
    """Whether the store takes writes; `status` tells why it does not."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self.status = StoreStatus(state="ok")

    def change_to(
        self, state: Literal["ok", "degraded", "readOnly"], revision: int, reason: str | None = None
    ) -> None:
        """Take the outcome of a commit, and publish an event if it is news; `revision` is the store's."""
        before, self.status = self.status, StoreStatus(state=state, last_error=reason)
        if before.state == state:
            return
        if state == "ok":
            _log.info("The store accepts writes again.")
            event = Event("store.ok", StoreChanged(), revision)
        else:
            event = Event("store.degraded", StoreChanged(reason), revision)
        self._hub.publish(event, NOBODY)
