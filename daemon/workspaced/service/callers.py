"""Who is connected: each client's peer, what it has asked so far, and what of that has no answer yet."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from workspaced.domain.state import OwnedSession
from workspaced.events import Subscription
from workspaced.service.order import WriteLine
from workspaced_protocol.models import ConnectedClient, InFlight, RequestInFlight, Subscribed

PROGRAM_CHARACTERS: Final = 100
"""How much is kept of the name that a program gives itself."""
_TOLD_IN_FLIGHT: Final = 10  # of what may be a thousand requests, for each client


class Pending(NamedTuple):
    """A request that has no answer yet, and when it came: seconds of `time.perf_counter`."""

    method: str
    started_at: float


def _tell_nobody(*_: object) -> None:
    """In place of what a connection offers, before it is there and once it is gone."""


@dataclass(slots=True, eq=False)
class Caller:
    """Who a request comes from: the connection's number, and the peer's process and user."""

    connection: int
    pid: int
    uid: int
    program: str | None = None
    """What it called itself in `daemon.hello`."""
    connected_at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    requests: int = 0
    """How many have come."""
    pending: dict[object, Pending] = field(default_factory=dict[object, Pending])
    """What waits for something else than its turn, in the order it came."""
    has_begun_sessions: bool = False
    subscription: Subscription | None = None
    wake: Callable[[], None] = _tell_nobody
    """Called when the subscription has something to send."""
    cancels: dict[int | str | None, Callable[[], None]] = field(
        default_factory=dict[int | str | None, Callable[[], None]]
    )
    """How to cancel each request in flight that can be, by id."""
    line: WriteLine = field(default_factory=WriteLine)
    """Keeps its writes in the order sent."""
    is_gone: bool = False
    """Whether its connection has ended, for whatever reason."""
    notify: Callable[[bytes], None] = _tell_nobody
    """Sends a notification, unless the client is behind with reading."""

    @property
    def peer(self) -> dict[str, object]:
        """Who it is, for a line of the log."""
        peer: dict[str, object] = {"connection": self.connection, "pid": self.pid, "uid": self.uid}
        return peer if self.program is None else {**peer, "program": self.program}

    def close(self) -> None:
        """The connection is gone."""
        self.is_gone = True
        if self.subscription is not None:
            self.subscription.close()
            self.subscription = None
        # These know the connection, which knows its caller: both would be left to the garbage collector.
        self.wake = self.notify = _tell_nobody


class Callers:
    """Those who are connected now."""

    def __init__(self) -> None:
        self._callers: dict[int, Caller] = {}

    def __len__(self) -> int:
        return len(self._callers)

    def add(self, caller: Caller) -> None:
        """The client is let in."""
        self._callers[caller.connection] = caller

    def remove(self, caller: Caller) -> None:
        """The client is gone."""
        del self._callers[caller.connection]

    def describe(self, sessions: Mapping[str, OwnedSession]) -> list[ConnectedClient]:
        """What `daemon.clients` answers; `sessions` are all there are."""
        session_ids: dict[int, list[str]] = {number: [] for number in self._callers}
        for id_, owned in sessions.items():
            # One of a connection that has just gone ends with the next commit.
            session_ids.get(owned.connection, []).append(id_)
        now = time.perf_counter()
        in_order = sorted(self._callers.items())  # tasks of connections that came together start in any order
        return [_described(caller, session_ids[number], now) for number, caller in in_order]


def _described(caller: Caller, session_ids: list[str], now: float) -> ConnectedClient:
    oldest = islice(caller.pending.values(), _TOLD_IN_FLIGHT)
    subscription = caller.subscription
    return ConnectedClient(
        connection=caller.connection,
        pid=caller.pid,
        uid=caller.uid,
        program=caller.program,
        connected_at=caller.connected_at_ms,
        requests=caller.requests,
        in_flight=InFlight(
            len(caller.pending),
            tuple(RequestInFlight(each.method, int((now - each.started_at) * 1000)) for each in oldest),
        ),
        subscription=None if subscription is None else Subscribed(subscription.asked),
        sessions=tuple(session_ids),
    )
