"""A whole store written at once, where no daemon's commit can do it: by a migration, and by a recovery."""

import errno
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.contract import StoreUnreachable, StoreUnusable
from workspaced.store.etcd.failures import EtcdError, NotApplied
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import is_building, new_generation, write_generation
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.leases import REQUEST_LEASE_SECONDS
from workspaced.store.etcd.messages import Compare, Delete, Put, Read
from workspaced.store.etcd.reading import nonce_of
from workspaced.store.etcd.transaction import MAX_OPERATIONS, Write
from workspaced.store.etcd.values import FORMAT, Head, RequestValue, new_nonce
from workspaced_protocol import __version__

_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1


class Target(NamedTuple):
    """Where a store is written, and by whom."""

    gateway: Gateway
    keys: Keys
    machine: str
    head_revision: int = 0
    """etcd's revision of the head that is replaced; 0: there is none."""
    lease: int = 0
    """The lease of the key `building`; 0: a later making removes what this one leaves if it is stopped."""


def write_store(state: State, target: Target) -> None:
    """Write a state and its history, as a new generation and the head that names it.

    Raises EtcdError, StorageFailure for what etcd does not take, and StoreUnusable if somebody else writes there, or if
    it is not known whether the head was put.
    """
    keys, generation = target.keys, new_generation()

    def transact(operations: Sequence[Write], compares: Sequence[Compare]) -> None:
        _transact(target, operations, compares)

    building = Put(keys.building(generation), encode(target.machine), target.lease)
    write_generation(state, generation, keys, building, transact)
    _write_requests(state, target)
    head = Head(
        format=FORMAT,
        release=__version__,
        store_id=state.store_id,
        revision=state.revision,
        generation=generation,
        nonce=new_nonce(),
        machine=target.machine,
        workspaces=len(state.records),
        digest=stored_texts.digest_text(
            stored_texts.xor(stored_texts.hash_of(each.json) for each in state.records.values())
        ),
        history_since=state.history.complete_since,
        recovery=state.recovery,
    )
    operations: list[Write] = [Put(keys.head, encode(head)), Delete(building.key)]
    _transact(target, operations, [is_building(building.key)], nonce=head.nonce)


def _write_requests(state: State, target: Target) -> None:
    if not state.request_keys:
        return
    lease = target.gateway.grant(REQUEST_LEASE_SECONDS)
    requests = [
        Put(target.keys.request(key), encode(RequestValue(workspace_id=id_, place=place)), lease)
        for place, (key, id_) in enumerate(state.request_keys.items())
    ]
    for first in range(0, len(requests), MAX_OPERATIONS):
        _transact(target, requests[first : first + MAX_OPERATIONS], [])


def _transact(
    target: Target, operations: Sequence[Write], compares: Sequence[Compare], *, nonce: str | None = None
) -> None:
    """Apply operations while the head is as it was. To apply them twice is no harm; `nonce` is that of a head among them."""
    unchanged = Compare(target.keys.head, "MOD", "EQUAL", target.head_revision)
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            answer = target.gateway.transact([unchanged, *compares], operations, [Read(target.keys.head)])
        except EtcdError as error:
            if error.is_passing and time.monotonic() < ends_at:
                time.sleep(_PAUSE_SECONDS)
                continue
            if nonce is None or isinstance(error, NotApplied):
                raise
            raise StoreUnreachable(
                f"It is not known whether the store was written: {error.message}",
                "try again once etcd can be reached",
                error.errno,
            ) from error
        # An attempt without an answer may have been applied.
        if answer.succeeded or any(nonce_of(found) == nonce for found in answer.reads[0]):
            return
        raise StoreUnusable(
            f"Another program writes to etcd below {target.keys.prefix.decode()} at the same time",
            "look at what it has written, then try again",
            errno.EEXIST,
        )
