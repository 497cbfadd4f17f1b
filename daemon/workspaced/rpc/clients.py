"""The connected clients: who each one is, what it is subscribed to, and which of its requests are in flight."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, NamedTuple

from workspaced.domain.state import OwnedSession
from workspaced.events import Subscription
from workspaced.service.order import WriteOrder
from workspaced.service.requests import Caller
from workspaced_protocol.models import ConnectedClient, InFlight, RequestInFlight, Subscribed

PROGRAM_CHARACTERS: Final = 100
"""How much is kept of the name that a program gives itself."""

_TOLD_IN_FLIGHT: Final = 10  # of what may be a thousand requests, for each client


class Pending(NamedTuple):
    """A request that has no answer yet, and when it came: seconds of `time.perf_counter`."""

    method: str
    started_at: float


def _ignore(*_: object) -> None:
    """Do nothing: in place of a connection's functions, before it is there and once it is gone."""


@dataclass(slots=True, eq=False)
class ClientState:
    """One connected client. It stays when its connection ends, for the requests that are answered later."""

    caller: Caller
    """Who it is."""
    request_count: int = 0
    """How many requests have come, those without an answer included."""
    pending: dict[object, Pending] = field(default_factory=dict[object, Pending])
    """Requests in flight, oldest first; a read never is, since it is answered at once."""
    cancels: dict[int | str | None, Callable[[], None]] = field(
        default_factory=dict[int | str | None, Callable[[], None]]
    )
    """How to cancel each request in flight that can be, by id."""
    order: WriteOrder = field(default_factory=WriteOrder)
    """Keeps its writes in the order sent."""
    subscription: Subscription | None = None
    is_gone: bool = False
    """Whether its connection has ended, for whatever reason."""
    on_events: Callable[[], None] = _ignore
    """Called when the subscription has something to send."""
    notify: Callable[[bytes], None] = _ignore
    """Sends a notification, unless the client is behind with reading."""

    def introduce(self, program: str) -> None:
        """Take the name that the program gives itself."""
        self.caller = replace(self.caller, program=program[:PROGRAM_CHARACTERS])

    def wake(self) -> None:
        """Have its events sent."""
        self.on_events()

    def subscribe(self, subscription: Subscription | None) -> None:
        """Send it these events, in place of those of an earlier subscription."""
        if self.subscription is not None:
            self.subscription.close()
        self.subscription = subscription
        self.wake()

    def disconnect(self) -> None:
        """Note that the connection is gone."""
        self.is_gone = True
        # These know the connection, which knows its client: both would be left to the garbage collector.
        self.on_events = self.notify = _ignore
        self.subscribe(None)

    def forget_requests(self) -> None:
        """Let go of the requests that get no answer any more, for the same reason."""
        self.pending.clear()
        self.cancels.clear()


class Clients:
    """Those who are connected now."""

    def __init__(self) -> None:
        self._clients: dict[int, ClientState] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: ClientState) -> None:
        """Count a client that is let in."""
        self._clients[client.caller.connection] = client

    def remove(self, client: ClientState) -> None:
        """Count a client no more."""
        del self._clients[client.caller.connection]

    def describe(self, sessions: Mapping[str, OwnedSession]) -> list[ConnectedClient]:
        """Return what `daemon.clients` answers; `sessions` are all there are."""
        session_ids: dict[int, list[str]] = {number: [] for number in self._clients}
        for id_, owned in sessions.items():
            # One of a connection that has just gone ends with the next commit.
            session_ids.get(owned.connection, []).append(id_)
        now = time.perf_counter()
        in_order = sorted(self._clients.items())  # tasks of connections that came together start in any order
        return [_described(client, session_ids[number], now) for number, client in in_order]


def _described(client: ClientState, session_ids: list[str], now: float) -> ConnectedClient:
    oldest = islice(client.pending.values(), _TOLD_IN_FLIGHT)
    caller, subscription = client.caller, client.subscription
    return ConnectedClient(
        connection=caller.connection,
        pid=caller.pid,
        uid=caller.uid,
        program=caller.program,
        connected_at=caller.connected_at_ms,
        requests=client.request_count,
        in_flight=InFlight(
            len(client.pending),
            tuple(RequestInFlight(each.method, int((now - each.started_at) * 1000)) for each in oldest),
        ),
        subscription=None if subscription is None else Subscribed(subscription.asked),
        sessions=tuple(session_ids),
    )
