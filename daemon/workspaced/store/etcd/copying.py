"""An etcd store as a whole, for a migration: its state, and a store that is made of a state.

The strategy: a store that is made has a generation whose key `building` has no lease, until its head is put. So what a
stopped migration leaves can be told from a store that has lost its head, and is removed by the next one.
"""

import errno
from collections.abc import Sequence
from contextlib import closing

from workspaced.domain.state import State
from workspaced.store.contract import StorageFailure, StoreUnusable
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import EtcdError
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import remove_left
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.making import Target, write_store
from workspaced.store.etcd.reading import Contents, take_snapshot
from workspaced.store.etcd.starting import as_unusable, require_free, require_own, verified


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
            keys = Keys(address.prefix)
            _require_room(gateway, keys, state)
            remove_left(gateway, keys, "", 0)
            write_store(state, Target(gateway, keys, machine))
        except EtcdError as error:
            raise as_unusable(error) from error
        except StorageFailure as failure:
            raise StoreUnusable(failure.message, number=failure.errno) from failure


def read_again(address: EtcdAddress) -> State:
    """Return the state of a store that was just made. Raises StoreUnusable."""
    return read_state(address)[0]


def _require_room(gateway: Gateway, keys: Keys, state: State) -> None:
    """Raise StoreUnusable if anything is there already, but for what a stopped migration has left."""
    snapshot = take_snapshot(gateway, keys)
    require_own(snapshot, keys)
    if snapshot.head is None:
        require_free(gateway, snapshot, keys, None)
        return
    found = verified(snapshot, keys).held
    raise StoreUnusable(
        f"etcd holds a store below {keys.prefix.decode()} already ({found.head.store_id} with "
        f"{len(found.state.records):,} workspaces, and this one is {state.store_id})",
        "nothing was written; set another `etcd_prefix`, or start workspaced with that store in an empty data "
        "directory and import this one",
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
