"""A new generation: the whole store written beside the old one, for what does not fit in one transaction.

The strategy:
- Its keys are written in as many transactions as it takes, each only while its key `building` is there. One more
  transaction puts the head, which names the generation, and deletes `building`: so it is served whole or not at all.
- Each of these transactions compares the head, too. So none of them can come late into a generation that is served.
- `building` has a lease. What is left of a generation that was not completed is removed by a later start, or after a
  later commit.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from workspaced.domain.clock import now_ms
from workspaced.domain.state import State
from workspaced.store.contract import StorageFailure
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.messages import Compare, Delete, Put, Read
from workspaced.store.etcd.transaction import MAX_BYTES, MAX_OPERATIONS, Write, all_of, size_of
from workspaced_protocol.ulids import Ulids

W = TypeVar("W", Put, Delete, Write)

_ulids: Final = Ulids(now_ms)


def new_generation() -> str:
    """Return the name of a generation that nobody has."""
    return f"g_{_ulids.new()}"


def write_generation(
    state: State,
    generation: str,
    keys: Keys,
    building: Put,
    transact: Callable[[Sequence[Write], Sequence[Compare]], None],
) -> None:
    """Write all keys of a generation, but for the head. Raises StorageFailure for a value that etcd does not take.

    `transact` sends one transaction, until it was applied: to apply it twice is no harm.
    """
    transact([building], [])
    for portion in portions(all_of(state, generation, keys)):
        transact(portion, [is_building(building.key)])


def is_building(key: bytes) -> Compare:
    """Return the condition that a generation is being written still."""
    return Compare(key, "VERSION", "GREATER", 0)


def remove_left(gateway: Gateway, keys: Keys, serving: str, head_revision: int) -> bool:
    """Remove all generations but the one that serves, and those that are being written. Raises EtcdError.

    Return False if the head is not that of `head_revision` any more: then nothing is removed. A generation whose
    `building` has no lease is that of a migration, which was stopped: it goes on only where there is no head.
    """
    unchanged = Compare(keys.head, "MOD", "EQUAL", head_revision)
    start, end = keys.all
    while found := gateway.read(Read(start, end, limit=1, keys_only=True)).items:
        place = keys.place_of(found[0].key)
        if place is None or not place.generation:
            if found[0].key >= keys.head:
                break  # generations come before the head
            start = found[0].key + b"\0"
            continue
        first, start = keys.generation(place.generation)
        if place.generation == serving:
            continue
        building = keys.building(place.generation)
        maker = gateway.read(Read(building)).items
        if not maker or not maker[0].lease:
            seen = Compare(building, "MOD", "EQUAL", maker[0].mod_revision if maker else 0)
            if not gateway.transact([unchanged, seen], [Delete(first, start)]).succeeded:
                return False
    return True


def refuse_too_large(operations: Iterable[Write]) -> None:
    """Raise StorageFailure if etcd does not take one of these operations, however they are split."""
    for operation in operations:
        size = size_of([operation])
        if size >= MAX_BYTES:
            raise StorageFailure(
                f"{_subject(operation.key)} takes {size:,} bytes, and a value in etcd can't take more than "
                f"{MAX_BYTES:,}: make its metadata or its list of projects shorter.",
                errno.EMSGSIZE,
            )


def portions(operations: Iterable[W]) -> Iterator[list[W]]:
    """Yield the operations in portions that each fit in a transaction."""
    portion: list[W] = []
    size = 0
    for operation in operations:
        refuse_too_large([operation])
        more = size_of([operation])
        if portion and (len(portion) + 1 == MAX_OPERATIONS or size + more > MAX_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(operation)
        size += more
    if portion:
        yield portion


def _subject(key: bytes) -> str:
    """Return what a key holds, in words."""
    beginning, _, name = key.decode().rpartition("/")
    kind = beginning.rpartition("/")[2]
    if kind == "workspace":
        return f"The workspace {name}"
    if kind == "history":
        return f"The change of revision {int(name)}, with its workspace before and after,"
    return f"The key {key.decode()}"
