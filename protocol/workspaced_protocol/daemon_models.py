"""The models of the daemon itself: its greeting, its status and its connected clients."""

from typing import Final, Literal

from workspaced_protocol.models import MachineName, Model, RecoveryOutcome, Revision, TimeMs

StoreState = Literal["ok", "degraded", "readOnly"]


class Hello(Model, frozen=True):
    """The answer to `daemon.hello`."""

    server: str
    version: str
    protocol: int
    capabilities: tuple[str, ...]


AFTER_THAT: Final = "; after that, "
"""Joins what happened one after the other in the reason of a RecoveryStatus."""

WAS_EDITED: Final = "was edited by another program while the daemon ran"
"""Follows the name of an edited file in that reason."""


class RecoveryStatus(Model, frozen=True):
    """The result of the recovery at startup, and whether a user has acknowledged it.

    A file that another program edited while the daemon runs is told here too, until the daemon ends: `reason`
    names the file, `quarantined` has the copy, and `outcome` stays.

    `salvageableCount` is the number of workspaces that `store.salvage` would find, and that can be brought back
    now. It is absent once the recovery is acknowledged.
    """

    outcome: RecoveryOutcome
    quarantined: tuple[str, ...]
    acknowledged: bool
    reason: str | None = None
    occurred_at: TimeMs | None = None
    salvageable_count: int | None = None


class StoreStatus(Model, frozen=True):
    """Whether writes succeed: `degraded` after a failed write, `readOnly` until the store is repaired or reachable again.

    `since` is the time of the change to this state, absent if it is `ok`.
    """

    state: StoreState
    last_error: str | None = None
    since: TimeMs | None = None


class CommitStatistics(Model, frozen=True):
    """The commits since the start. The percentiles cover the newest commits, in milliseconds."""

    count: int
    requests: int
    p50_ms: float
    p95_ms: float


class DaemonStatus(Model, frozen=True):
    """The answer to `daemon.status`.

    `machine` is the daemon's machine: `machine` of workspaces and projects that lie there. It is absent if the store
    belongs to one machine.
    """

    version: str
    protocol: int
    pid: int
    data_dir: str
    socket: str
    started_at: TimeMs
    revision: Revision
    workspaces: int
    sessions: int
    connections: int
    recovery: RecoveryStatus
    store: StoreStatus
    commits: CommitStatistics
    machine: MachineName | None = None


class RequestInFlight(Model, frozen=True):
    """A request without an answer, and its age in milliseconds."""

    method: str
    for_ms: int


class InFlight(Model, frozen=True):
    """The number of requests in flight, and at most ten of them, oldest first."""

    count: int
    oldest: tuple[RequestInFlight, ...]


class Subscribed(Model, frozen=True):
    """The topics and patterns of a subscription; absent for all topics."""

    topics: tuple[str, ...] | None = None


class ConnectedClient(Model, frozen=True, kw_only=True):
    """A connected client: its process, its requests, its subscription and its sessions.

    `program` is its name from `daemon.hello`, at most 100 characters, absent without a hello. `subscription` is
    absent without one. `sessions` are the ids of its sessions.
    """

    connection: int
    pid: int
    uid: int
    program: str | None = None
    connected_at: TimeMs
    requests: int
    in_flight: InFlight
    subscription: Subscribed | None = None
    sessions: tuple[str, ...]
