"""The thread that looks after a store in etcd: its leases, its registration, whether etcd can be reached, and whether its changes arrive.

The strategy:
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
from workspaced.store.etcd.generation import portions
from workspaced.store.etcd.journal import Journal
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.leases import Leases
from workspaced.store.etcd.messages import Compare, Delete, Put, Read
from workspaced.store.etcd.outages import Outages
from workspaced.store.etcd.registration import Registration
from workspaced.store.etcd.transaction import Held, Write

_LOOK_SECONDS: Final = 1.0
"""How often etcd is looked at: one small read for each daemon."""

_OUTAGE_AFTER_SECONDS: Final = 3.0
"""An election takes one to two seconds: no outage yet."""

_JOIN_SECONDS: Final = 5.0

_log = Logger()


class Keeper:
    """Keeps the leases and the registration, and looks at etcd, in a thread from `start` to `close`."""

    def __init__(
        self,
        gateway: Gateway,
        keys: Keys,
        leases: Leases,
        registration: Registration,
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
        self._registration = registration
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
            self._leases.note_time()
            try:
                self._leases.keep_alive()
                self._look()
                self._leases.revoke_ended()
                self._registration.renew()
                self._delete_orphans()
                self._put_right()
            except EtcdError as error:
                self._leases.note_time()
                self._note_failure(error)
            except Exception:  # noqa: BLE001 - without this thread the sessions would end, and no outage be told
                _log.exception("The look at etcd failed; it is repeated.")
            else:
                self._failing_since = None
                self._outages.end("reach")

    def _look(self) -> None:
        """Have the watch begun again if it lacks a commit for longer than a look takes."""
        # Before etcd is asked: others, and this daemon, go on meanwhile.
        known = self._journal.newest.head_revision
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
        operations: list[Write] = [
            Put(key, right[id_].json) if id_ in right else Delete(key) for id_, key in keys.items()
        ]
        if all(self._gateway.transact([unchanged], each).succeeded for each in portions(operations)):
            self._edited.clear()

    def _note_failure(self, error: EtcdError) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now, now_ms()
        began_at, since_ms = self._failing_since
        if now - began_at >= _OUTAGE_AFTER_SECONDS or not error.is_passing:
            self._outages.begin("reach", error.message, since_ms)
