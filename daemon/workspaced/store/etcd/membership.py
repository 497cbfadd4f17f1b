"""A member of etcd asked who it is: its version, its cluster, its health."""

import errno
import re
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from workspaced.store.etcd import messages
from workspaced.store.etcd.endpoint import Endpoint
from workspaced.store.etcd.failures import EtcdError, NotApplied, as_certain, shown
from workspaced.store.etcd.messages import MemberStatus
from workspaced.store.etcd.user import EtcdUser

_OLDEST_VERSION: Final = (3, 4)
_PATH: Final = "/v3/maintenance/status"
_QUOTA: Final = re.compile(rb"^etcd_server_quota_backend_bytes ([0-9.e+]+)$", re.MULTILINE)


class Cluster:
    """The one cluster that all endpoints must belong to: the first that answered. Its methods are for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._id: str | None = None
        self._endpoint = ""

    def verify(self, endpoint: Endpoint, user: EtcdUser, limit_seconds: float) -> None:
        """See, over new connections, that an endpoint is a member, and not too old. Raises NotApplied."""
        if endpoint.is_verified:
            return
        status, _ = _ask(endpoint, user, limit_seconds)
        self.check_member(endpoint, status)
        endpoint.is_verified = True

    def check_member(self, endpoint: Endpoint, status: messages.Status) -> None:
        """Raise NotApplied if what an endpoint tells of itself is not of a member of this cluster, or it is too old."""
        version = tuple(int(each) for each in re.findall(r"\d+", status.version)[:2])
        if version < _OLDEST_VERSION:
            raise NotApplied(
                endpoint.url,
                f"is too old ({shown(status.version)})",
                "install etcd 3.4 or newer",
                errno.EPROTONOSUPPORT,
                is_of_endpoint=True,
            )
        self.check(endpoint, status)

    def check(self, endpoint: Endpoint, reply: messages.Reply) -> None:
        """Raise NotApplied if an answer comes from another cluster: this one has not seen the request."""
        with self._lock:
            if self._id is None:
                self._id, self._endpoint = reply.header.cluster_id, endpoint.url
            if reply.header.cluster_id == self._id:
                return
        raise NotApplied(
            endpoint.url,
            f"is a member of another cluster than {self._endpoint} was",
            "name members of one cluster alone in `etcd_endpoints`; if the cluster was made again, restart workspaced",
            errno.EXDEV,
            is_of_endpoint=True,
        )


def member_status(endpoint: Endpoint, user: EtcdUser, cluster: Cluster, limit_seconds: float) -> MemberStatus:
    """Return what a member tells of itself; it need not reach the others. Raises NotApplied."""
    status, _ = _ask(endpoint, user, limit_seconds)  # connects, and authenticates
    cluster.check_member(endpoint, status)
    begun, asked_at = time.monotonic(), time.time()
    status, date = _ask(endpoint, user, limit_seconds)
    latency = time.monotonic() - begun
    return MemberStatus(
        version=shown(status.version),
        database_bytes=status.database_bytes,
        quota_bytes=status.quota_bytes or _quota_bytes(endpoint, limit_seconds),
        has_leader=status.leader not in ("", "0"),
        problems=[shown(each) for each in status.errors],
        latency_seconds=latency,
        clock_offset_seconds=_clock_offset(date, asked_at + latency / 2),
    )


def _ask(endpoint: Endpoint, user: EtcdUser, limit_seconds: float) -> tuple[messages.Status, str | None]:
    """Return the member's state, and its clock as HTTP writes it."""

    def send(headers: Mapping[str, str]) -> tuple[messages.Status, str | None]:
        answer = endpoint.post(_PATH, b"{}", headers, limit_seconds=limit_seconds)
        return endpoint.decoded(answer, messages.status), answer.date

    try:
        return user.ask(endpoint, send, limit_seconds)
    except EtcdError as error:
        raise as_certain(error) from error


def _clock_offset(date: str | None, asked_at: float) -> float | None:
    """Return the seconds between the member's clock, which is cut to whole seconds, and this machine's."""
    if date is None:
        return None
    try:
        offset = parsedate_to_datetime(date).timestamp() + 0.5 - asked_at
    except (ValueError, OverflowError, OSError):
        return None
    return offset


def _quota_bytes(endpoint: Endpoint, limit_seconds: float) -> int | None:
    """Return the quota out of the member's metrics, since its status tells of it from 3.6 on."""
    try:
        metrics = endpoint.get("/metrics", limit_seconds=limit_seconds)
    except EtcdError:
        return None  # they may be kept from clients
    found = _QUOTA.search(metrics.body)
    return int(float(found[1])) if found is not None else None
