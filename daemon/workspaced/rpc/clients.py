"""The connected clients: each with its caller, its subscription and its requests in flight."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, NamedTuple

from workspaced.domain.records import OwnedSession
from workspaced.events import Subscription
from workspaced.service.order import WriteOrder
from workspaced.service.requests import Caller
from workspaced_protocol.daemon_models import ConnectedClient, InFlight, RequestInFlight, Subscribed
from workspaced_protocol.urls import without_secret

PROGRAM_CHARACTERS: Final = 100
"""The length to which a program's name is cut."""

_MAX_LISTED_IN_FLIGHT: Final = 10  # of up to a thousand requests, for each client


class Pending(NamedTuple):
    """A request without an answer yet, and its arrival: seconds of `time.perf_counter`."""

    method: str
    started_at: float


def _ignore(*_: object) -> None:
    """Do nothing: stands in for the connection's functions before it begins and after it has ended."""


@dataclass(slots=True, eq=False)
class ClientState:
    """One connected client. Requests that are answered after its connection has ended still use it."""

    caller: Caller
    """Its connection number, process, user and program."""
    request_count: int = 0
    """The number of requests received, notifications included."""
    pending: dict[object, Pending] = field(default_factory=dict[object, Pending])
    """Requests in flight, oldest first; never a read, since it is answered at once."""
    cancels: dict[int | str | None, Callable[[], None]] = field(
        default_factory=dict[int | str | None, Callable[[], None]]
    )
    """For each cancellable request in flight, by id, the function that cancels it."""
    order: WriteOrder = field(default_factory=WriteOrder)
    """Keeps its writes in the order sent."""
    subscription: Subscription | None = None
    is_disconnected: bool = False
    """Whether its connection has ended."""
    on_events: Callable[[], None] = _ignore
    """Called when the subscription has something to send."""
    notify: Callable[[bytes], None] = _ignore
    """Sends a notification, unless the client is slow to read."""

    def introduce(self, program: str) -> None:
        """Store the name that the program gives in `daemon.hello`."""
        self.caller = replace(self.caller, program=without_secret(program)[:PROGRAM_CHARACTERS])

    def wake(self) -> None:
        """Have its events sent."""
        self.on_events()

    def subscribe(self, subscription: Subscription | None) -> None:
        """Replace the subscription; None ends it."""
        if self.subscription is not None:
            self.subscription.close()
        self.subscription = subscription
        self.wake()

    def disconnect(self) -> None:
        """Note that the connection has ended."""
        self.is_disconnected = True
        # They refer to the connection, which refers to this client: break the reference cycle.
        self.on_events = self.notify = _ignore
        self.subscribe(None)

    def forget_requests(self) -> None:
        """Drop the requests that will get no answer, without a reference cycle either."""
        self.pending.clear()
        self.cancels.clear()


class Clients:
    """The connected clients."""

    def __init__(self) -> None:
        self._clients: dict[int, ClientState] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: ClientState) -> None:
        """Add a client."""
        self._clients[client.caller.connection] = client

    def remove(self, client: ClientState) -> None:
        """Remove a client."""
        del self._clients[client.caller.connection]

    def describe(self, sessions: Mapping[str, OwnedSession]) -> list[ConnectedClient]:
        """Return the result of `daemon.clients`; `sessions` are those of all clients."""
        session_ids: dict[int, list[str]] = {number: [] for number in self._clients}
        for id_, owned in sessions.items():
            # A session of a connection that has just ended stays until the next commit.
            session_ids.get(owned.connection, []).append(id_)
        now = time.perf_counter()
        in_order = sorted(self._clients.items())  # tasks of simultaneous connections start in any order
        return [_describe(client, session_ids[number], now) for number, client in in_order]


def _describe(client: ClientState, session_ids: list[str], now: float) -> ConnectedClient:
    oldest = islice(client.pending.values(), _MAX_LISTED_IN_FLIGHT)
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
        subscription=None if subscription is None else Subscribed(subscription.requested_topics),
        sessions=tuple(session_ids),
    )
