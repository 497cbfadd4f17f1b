"""An etcd store as a whole, for a migration: its state, and a store that is made of a state.

The strategy: a store that is made has a generation whose key `building` has no lease, until its head is put. So what a
stopped migration leaves can be told from a store that has lost its head, and is removed by the next one.
"""

import errno
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.contract import StorageFailure, StoreUnreachable, StoreUnusable
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import EtcdError, NotApplied
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import is_building, new_generation, remove_left, write_generation
from workspaced.store.etcd.keeping import REQUEST_LEASE_SECONDS
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.messages import Compare, Delete, Put
from workspaced.store.etcd.reading import Contents, take_snapshot
from workspaced.store.etcd.starting import as_unusable, refuse_lost, require_own, verified
from workspaced.store.etcd.transaction import MAX_OPERATIONS, Write
from workspaced.store.etcd.values import FORMAT, Head, RequestValue, new_nonce
from workspaced_protocol import __version__

_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1


def read_state(address: EtcdAddress) -> tuple[State, Sequence[str]]:
    """Return the state with its history, and warnings. Raises StoreUnusable: StoreUnreachable if etcd does not answer."""
    contents = _contents(address)
    if contents is None:
        raise StoreUnusable(
            f"etcd has no store below {address.prefix}",
            "correct `etcd_prefix` or `etcd_endpoints`",
            errno.ENOENT,
        )
    return contents.held.state, contents.warnings


def there(address: EtcdAddress) -> tuple[str, int] | None:
    """Return the id and the revision of the store that is there, None if there is none. Raises StoreUnusable."""
    contents = _contents(address)
    return None if contents is None else (contents.held.head.store_id, contents.held.head.revision)


def make(address: EtcdAddress, machine: str, state: State) -> None:
    """Make a store of this state, where there is none. Raises StoreUnusable; then there is none still.

    Only where the message says so is that unknown.
    """
    with closing(_gateway(address)) as gateway:
        try:
            _Making(gateway, Keys(address.prefix), machine).run(state)
        except EtcdError as error:
            raise as_unusable(error) from error
        except StorageFailure as failure:
            raise StoreUnusable(failure.message, number=failure.errno) from failure


def read_again(address: EtcdAddress) -> State:
    """Return the state of a store that was just made. Raises StoreUnusable."""
    return read_state(address)[0]


class _Making:
    """The making of one store."""

    def __init__(self, gateway: Gateway, keys: Keys, machine: str) -> None:
        self._gateway = gateway
        self._keys = keys
        self._machine = machine

    def run(self, state: State) -> None:
        self._require_room(state)
        remove_left(self._gateway, self._keys, "", 0)
        generation = new_generation()
        building = Put(self._keys.building(generation), encode(self._machine))
        write_generation(state, generation, self._keys, building, self._transact)
        lease = self._gateway.grant(REQUEST_LEASE_SECONDS)
        requests = [
            Put(self._keys.request(key), encode(RequestValue(workspace_id=id_, place=place)), lease)
            for place, (key, id_) in enumerate(state.request_keys.items())
        ]
        for first in range(0, len(requests), MAX_OPERATIONS):
            self._transact(requests[first : first + MAX_OPERATIONS], [])
        head = Head(
            format=FORMAT,
            release=__version__,
            store_id=state.store_id,
            revision=state.revision,
            generation=generation,
            nonce=new_nonce(),
            machine=self._machine,
            workspaces=len(state.records),
            digest=stored_texts.digest_text(
                stored_texts.xor(stored_texts.hash_of(each.json) for each in state.records.values())
            ),
            history_since=state.history.complete_since,
            recovery=state.recovery,
        )
        put = Put(self._keys.head, encode(head))
        self._transact([put, Delete(building.key)], [is_building(building.key)], nonce=head.nonce)

    def _require_room(self, state: State) -> None:
        """Raise StoreUnusable if anything is there already, but for what a stopped migration has left."""
        snapshot = take_snapshot(self._gateway, self._keys)
        require_own(snapshot, self._keys)
        if snapshot.head is None:
            refuse_lost(snapshot, self._keys, None)
            return
        found = verified(snapshot, self._keys).held
        raise StoreUnusable(
            f"etcd holds a store below {self._keys.prefix.decode()} already ({found.head.store_id} with "
            f"{len(found.state.records):,} workspaces, and this one is {state.store_id})",
            "nothing was written; set another `etcd_prefix`, or start workspaced with that store in an empty data "
            "directory and import this one",
            errno.EEXIST,
        )

    def _transact(
        self, operations: Sequence[Write], compares: Sequence[Compare], *, nonce: str | None = None
    ) -> None:
        """Apply operations while there is no head. To apply them twice is no harm, and `nonce` is that of the head."""
        no_head = Compare(self._keys.head, "MOD", "EQUAL", 0)
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                if self._gateway.transact([no_head, *compares], operations).succeeded:
                    return
                break
            except EtcdError as error:
                if not error.is_passing or time.monotonic() >= ends_at:
                    if nonce is None or isinstance(error, NotApplied):
                        raise
                    raise StoreUnreachable(
                        f"It is not known whether the store was made: {error.message}",
                        "try again once etcd can be reached",
                        error.errno,
                    ) from error
            time.sleep(_PAUSE_SECONDS)
        # An attempt without an answer may have been applied.
        snapshot = take_snapshot(self._gateway, self._keys)
        if snapshot.head is None or nonce is None or verified(snapshot, self._keys).held.head.nonce != nonce:
            raise StoreUnusable(
                f"Another program writes to etcd below {self._keys.prefix.decode()} at the same time",
                "look at what it has written, then try again",
                errno.EEXIST,
            )


def _contents(address: EtcdAddress) -> Contents | None:
    keys = Keys(address.prefix)
    with closing(_gateway(address)) as gateway:
        try:
            snapshot = take_snapshot(gateway, keys)
        except EtcdError as error:
            raise as_unusable(error) from error
    require_own(snapshot, keys)
    return None if snapshot.head is None else verified(snapshot, keys)


def _gateway(address: EtcdAddress) -> Gateway:
    try:
        return Gateway(address)
    except ValueError as error:
        raise StoreUnusable(str(error), number=errno.EINVAL) from error
