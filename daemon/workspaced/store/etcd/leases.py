"""The leases of a store in etcd: keys of sessions, of daemons, of requests and of unfinished generations end with them.

The strategy:
- The registration of this daemon and its sessions live by one lease, for as long as it is kept alive. Without that for 15 s
  they are over: other machines do not trust in them any more.
- Request keys live by leases that nobody keeps alive: a new one every ten minutes, so each key lives at least that long.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from workspaced.process.log import Logger
from workspaced.store.etcd.gateway import Gateway

SESSION_SECONDS: Final = 15
"""How long a session outlives its daemon's last sign of life."""

REQUEST_LEASE_SECONDS: Final = 1200
_REQUEST_LEASE_USED_SECONDS: Final = 600
"""How long new keys get the same lease: each then lives for ten minutes at least, longer than any client repeats a write."""

_KEEP_ALIVE_SECONDS: Final = SESSION_SECONDS / 5
BUILDING_SECONDS: Final = 120
"""How long the writing of a generation may take; then it counts as left by a daemon that was killed."""

_log = Logger()


def _now() -> float:
    """Return the time in seconds of a clock that goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Leases:
    """The leases of a store. For any thread."""

    def __init__(self, gateway: Gateway, lose_sessions: Callable[[], None]) -> None:
        """`lose_sessions` is called when the lease of sessions was lost."""
        self._gateway = gateway
        self._lose_sessions = lose_sessions
        self._lock = threading.Lock()
        self._session = 0
        self._kept_at = 0.0
        self._request = 0
        self._granted_at = 0.0
        self._ended: list[int] = []  # those whose keys may still be there

    def session(self) -> int:
        """Return the lease of this daemon and its sessions, a new one if there is none. Raises EtcdError."""
        with self._lock:
            if not self._session:
                kept_at = _now()
                self._session, self._kept_at = self._gateway.grant(SESSION_SECONDS), kept_at
            return self._session

    def request(self) -> int:
        """Return the lease of new request keys. Raises EtcdError."""
        with self._lock:
            now = _now()
            if not self._request or now - self._granted_at > _REQUEST_LEASE_USED_SECONDS:
                self._request, self._granted_at = self._gateway.grant(REQUEST_LEASE_SECONDS), now
            return self._request

    def building(self) -> int:
        """Return a lease for a generation that is written. Raises EtcdError."""
        return self._gateway.grant(BUILDING_SECONDS)

    def forget(self) -> None:
        """Forget all leases: etcd does not have one of them. Sessions are over, unless there were none."""
        with self._lock:
            self._request = 0
            self._end_session()

    def keep_alive(self) -> None:
        """Keep the lease of sessions alive, and note if it is over. Raises EtcdError."""
        with self._lock:
            now = _now()
            if not self._session or now - self._kept_at < _KEEP_ALIVE_SECONDS:
                return
            lease = self._session
        left = self._gateway.keep_alive(lease)
        with self._lock:
            if lease != self._session:
                return
            if left:
                self._kept_at = now
            else:
                self._end_session()

    def note_time(self) -> None:
        """Note if the lease of sessions was not kept alive for as long as it lives: etcd ends it, or has done so."""
        with self._lock:
            if self._session and _now() - self._kept_at > SESSION_SECONDS:
                self._end_session()

    def revoke_ended(self) -> None:
        """Delete the keys of leases that are over for this daemon: etcd may count differently. Raises EtcdError."""
        with self._lock:
            ended = [*self._ended]
        for lease in ended:
            self._gateway.revoke(lease)
            with self._lock:
                self._ended.remove(lease)

    def close(self) -> None:
        """End the sessions at once, if etcd can be reached. Raises EtcdError."""
        with self._lock:
            if self._session:
                self._ended.append(self._session)
                self._session = 0
        self.revoke_ended()

    def _end_session(self) -> None:
        if not self._session:
            return
        self._ended.append(self._session)
        self._session = 0
        _log.warning("The lease of this daemon in etcd was lost, so its sessions are over.")
        self._lose_sessions()
