"""The registration of a daemon: a key that tells, for as long as it runs, whose the name of a machine is.

The strategy:
- One transaction puts it, if no other was put since they were read. So neither a name nor a data directory has two daemons.
- It lives by the daemon's lease, and is put again with the next one where that was lost.
- An earlier daemon of this very directory is dead, for the lock is held here: a start takes its key over at once.
- The same id in another place is a copy of this directory, or this one before the system was booted again. Only a copy's
  daemon outlives the lease of a killed one, so a start waits for that long.
"""

import errno
import socket
import time
from pathlib import Path
from typing import Final

from workspaced.domain.records import encode
from workspaced.process.log import Logger
from workspaced.store.contract import UnfitSettings
from workspaced.store.etcd.failures import OutcomeUnknown
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.leases import SESSION_SECONDS, Leases
from workspaced.store.etcd.messages import Compare, Put, Read
from workspaced.store.etcd.reading import read_registered
from workspaced.store.etcd.transaction import Scope
from workspaced.store.etcd.values import Registered
from workspaced.store.files import Directory
from workspaced_protocol.datadir import JOINED

_OUTLIVED_SECONDS: Final = SESSION_SECONDS + 2
"""By then etcd has ended the lease of a daemon that was killed."""

_PAUSE_SECONDS: Final = 0.25

_ATTEMPTS: Final = 5
"""How often an answer may be lost."""

_log = Logger()


class Registration:
    """The registration of one daemon. `begin` is for its start, `renew` for the thread of the keeper."""

    def __init__(self, gateway: Gateway, scope: Scope, leases: Leases, directory: Directory) -> None:
        self._gateway = gateway
        self._scope = scope
        self._leases = leases
        self._joined = directory.path / JOINED
        status = directory.disk.stat_open(directory.fd)
        self._own = Registered(
            directory_id=scope.directory_id,
            place=f"{_boot()}/{status.st_dev}/{status.st_ino}",
            host=socket.gethostname(),
            data_dir=str(directory.path),
        )
        self._lease = 0  # the one that the key was put with
        self._has_warned = False

    def begin(self) -> None:
        """Register, unless that was done. Raises EtcdError, or UnfitSettings where another daemon has the name or the id."""
        ends_at = time.monotonic() + _OUTLIVED_SECONDS
        waits = False
        while not self._lease:
            other = self._put()
            if other is None:
                return
            if other.directory_id != self._own.directory_id or time.monotonic() >= ends_at:
                reason, advice = self._told(other)
                raise UnfitSettings(reason, f"nothing was written; {advice}", errno.EEXIST)
            if not waits:
                waits = True
                _log.info(
                    f"A daemon of this data directory shared the store before, perhaps in an earlier boot: the start waits up to "
                    f"{_OUTLIVED_SECONDS} s for the end of its lease.",
                    host=other.host,
                )
            time.sleep(_PAUSE_SECONDS)

    def renew(self) -> None:
        """Register again if the lease was lost; warn once where another daemon has the name or the id now. Raises EtcdError."""
        if self._leases.session() == self._lease:
            return
        other = self._put()
        if other is not None and not self._has_warned:
            reason, advice = self._told(other)
            _log.warning(f"While this daemon was cut off from etcd, its place was taken. {reason}: {advice}.")
        self._has_warned = other is not None

    def _put(self) -> Registered | None:
        """Put the key, or return the registration that is in the way."""
        keys = self._scope.keys
        first, end = keys.machines
        lost = 0
        while True:
            found = self._gateway.read(Read(first, end))
            for item in found.items:
                other = read_registered(item.value)
                if other is None or other.place == self._own.place:
                    continue
                if (
                    item.key == keys.machine(self._scope.machine)
                    or other.directory_id == self._own.directory_id
                ):
                    return other
            none_since = Compare(first, "MOD", "LESS", found.revision + 1, end)
            lease = self._leases.session()  # only now: nobody keeps it alive while a start waits
            own = Put(keys.machine(self._scope.machine), encode(self._own), lease)
            try:
                is_put = self._gateway.transact([none_since], [own]).succeeded
            except OutcomeUnknown:
                lost += 1
                if lost == _ATTEMPTS:
                    raise
                continue  # to put it twice is no harm
            if is_put:
                self._lease = lease
                return None
            # Another daemon has registered in between: each time around is the success of one.

    def _told(self, other: Registered) -> tuple[str, str]:
        """Return whose registration is in the way, and what to do."""
        reason = f"Another daemon shares the store in etcd as {self._scope.machine}"
        advice = "choose another name by the setting `machine`"
        if other.directory_id == self._own.directory_id:
            reason = f"{self._joined.parent} is a copy of a data directory whose daemon shares the store in etcd already"
            advice = (
                f"to have both, move {self._joined} away, choose another name by the setting `machine`, and start with "
                'store = "etcd"'
            )
        return f"{reason}: that of {other.data_dir} on the host {other.host}", advice


def _boot() -> str:
    """Return what tells this boot of this machine from all others; where the system has no such id, the host name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return socket.gethostname()
