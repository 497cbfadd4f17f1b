"""The thread that keeps the leases of a store alive, and looks whether etcd can be reached and its changes arrive.

The strategy:
- Sessions live by one lease of this daemon, for as long as it is kept alive. Without that for 15 s they are over: other
  machines do not trust in them any more.
- Request keys live by leases that nobody keeps alive: a new one every ten minutes, so each key lives at least that long.
- Workspaces that were edited by hand, as with etcdctl, are put right: as the last commit left them.
- A watch that tells nothing can't be told from a store that nobody changes. So the head is looked at, too.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from workspaced.domain.clock import now_ms
from workspaced.process.log import Logger
from workspaced.store.etcd.failures import EtcdError
from workspaced.store.etcd.following import Follower
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import BUILDING_SECONDS
from workspaced.store.etcd.journal import Journal
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.messages import Compare, Delete, Put, Read
from workspaced.store.etcd.outages import Outages
from workspaced.store.etcd.transaction import Held

SESSION_SECONDS: Final = 15
"""How long a session outlives its daemon's last sign of life."""

REQUEST_LEASE_SECONDS: Final = 1200
_REQUEST_LEASE_USED_SECONDS: Final = 600

_LOOK_SECONDS: Final = 1.0
_KEEP_ALIVE_SECONDS: Final = SESSION_SECONDS / 5
_OUTAGE_AFTER_SECONDS: Final = 3.0
"""An election takes one to two seconds: no outage yet."""

_JOIN_SECONDS: Final = 5.0

_log = Logger()


class Leases:
    """The leases of a store. For any thread."""

    def __init__(self, gateway: Gateway, journal: Journal) -> None:
        self._gateway = gateway
        self._journal = journal
        self._lock = threading.Lock()
        self._session = 0
        self._kept_at = 0.0
        self._request = 0
        self._granted_at = 0.0
        self._ended: list[int] = []  # those whose keys may still be there

    def session(self) -> int:
        """Return the lease of sessions, a new one if there is none. Raises EtcdError."""
        with self._lock:
            if not self._session:
                kept_at = time.monotonic()
                self._session, self._kept_at = self._gateway.grant(SESSION_SECONDS), kept_at
            return self._session

    def request(self) -> int:
        """Return the lease of new request keys. Raises EtcdError."""
        with self._lock:
            now = time.monotonic()
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
            now = time.monotonic()
            if not self._session or now - self._kept_at < _KEEP_ALIVE_SECONDS:
                return
            lease = self._session
        try:
            left = self._gateway.keep_alive(lease)
        except EtcdError:
            with self._lock:
                if lease == self._session and time.monotonic() - self._kept_at > SESSION_SECONDS:
                    self._end_session()
            raise
        with self._lock:
            if lease != self._session:
                return
            if left:
                self._kept_at = now
            else:
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
        _log.warning("The lease of this machine's sessions in etcd was lost, so its sessions are over.")
        self._journal.lose_sessions()


class Keeper:
    """Keeps the leases, and looks at etcd, in a thread from `start` to `close`."""

    def __init__(
        self,
        gateway: Gateway,
        keys: Keys,
        leases: Leases,
        journal: Journal,
        follower: Follower,
        outages: Outages,
        held: Callable[[], Held],
    ) -> None:
        """`held` returns what the store knows of etcd at present."""
        self._gateway = gateway
        self._keys = keys
        self._held = held
        self._leases = leases
        self._journal = journal
        self._follower = follower
        self._outages = outages
        self._failing_since: tuple[float, int] | None = None
        self._was_behind = False
        self._orphans: list[bytes] = []
        self._edited: set[str] = set()
        self._has_work = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="etcd keeper", daemon=True)

    def start(self) -> None:
        """Begin. Raises RuntimeError if the system starts no more threads."""
        self._thread.start()

    def delete(self, orphans: Sequence[bytes]) -> None:
        """Have the keys of sessions deleted that nobody holds."""
        if orphans:
            self._orphans += orphans
            self._has_work.set()

    def close(self) -> None:
        """End the thread, and wait for it as long as a request may last."""
        self._is_closed = True
        self._has_work.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while True:
            self._has_work.wait(_LOOK_SECONDS)
            self._has_work.clear()
            if self._is_closed:
                return
            try:
                self._look()
                self._leases.keep_alive()
                self._leases.revoke_ended()
                self._delete_orphans()
                self._put_right()
            except EtcdError as error:
                self._note_failure(error)
            else:
                self._failing_since = None
                self._outages.end("reach")

    def _look(self) -> None:
        """Have the watch begun anew if it lacks a commit for longer than a look takes."""
        known = self._journal.head_revision  # before etcd is asked: others, and this daemon, go on meanwhile
        found = self._gateway.read(Read(self._keys.head, keys_only=True)).items
        if not found or found[0].mod_revision < known:
            self._follower.read_anew()  # deleted, or an older one: it tells of that
            return
        followed = self._journal.followed
        is_behind = found[0].mod_revision > followed
        if is_behind and self._was_behind:
            self._follower.break_off()
        self._was_behind = is_behind

    def _delete_orphans(self) -> None:
        while self._orphans:
            self._gateway.transact([], [Delete(self._orphans[0])])
            del self._orphans[0]

    def _put_right(self) -> None:
        """Write edited workspaces again as the last commit left them, unless another commit comes in between: then later."""
        held = self._held()
        right = held.state.records
        edits = self._journal.take_edits()
        wrong = {id_ for id_, text in edits.items() if text != (right[id_].json if id_ in right else None)}
        if wrong:
            _log.warning(
                "Workspaces in etcd were edited by hand. That is not taken over: they are written again.",
                workspaces=", ".join(sorted(wrong)),
            )
        self._edited |= wrong
        if not self._edited:
            return
        keys = {id_: self._keys.workspace(held.head.generation, id_) for id_ in self._edited}
        unchanged = Compare(self._keys.head, "MOD", "EQUAL", held.head_revision)
        operations = [Put(key, right[id_].json) if id_ in right else Delete(key) for id_, key in keys.items()]
        if self._gateway.transact([unchanged], operations).succeeded:
            self._edited.clear()

    def _note_failure(self, error: EtcdError) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now, now_ms()
        began_at, since_ms = self._failing_since
        if now - began_at >= _OUTAGE_AFTER_SECONDS or not error.is_passing:
            self._outages.begin("reach", error.message, since_ms)
