"""A start: the keys are read and verified, or a new store is made, before anything is served.

| what is found | what happens |
| --- | --- |
| no key at all | `fresh`: an empty store, unless a certain one is expected |
| a whole store | `clean`; sessions that an earlier daemon of this directory left are ended |
| edited or deleted keys | `recovered` or `dataLoss` (`mending`), unless a daemon on another machine puts them right |
| foreign keys, a store of another id, no head | StoreUnusable, and nothing is touched |
| a daemon of the same name, or of a copy of the data directory | UnfitSettings, and nothing is touched |
"""

import errno
import time
from typing import Final, NamedTuple

from workspaced.domain.ids import IdFactory
from workspaced.domain.records import encode
from workspaced.process.log import Logger
from workspaced.store import stored_texts
from workspaced.store.contract import StorageFailure, StoreUnreachable, StoreUnusable, WrittenByNewerRelease
from workspaced.store.etcd.failures import EtcdError, NotApplied, OutcomeUnknown
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import new_generation, remove_left
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.leases import BUILDING_SECONDS
from workspaced.store.etcd.making import Target
from workspaced.store.etcd.mending import mend
from workspaced.store.etcd.messages import Compare, Delete, Put, Read
from workspaced.store.etcd.reading import Contents, Damaged, Snapshot, take_snapshot, told, verify
from workspaced.store.etcd.registration import Registration
from workspaced.store.etcd.transaction import Scope
from workspaced.store.etcd.values import FORMAT, Head, NewerFormat, new_nonce
from workspaced.store.files import Directory
from workspaced_protocol import __version__
from workspaced_protocol.models import RecoveryOutcome

_MAKING_ATTEMPTS: Final = 5
"""How often an answer may be lost, or another machine be faster, while a new store is made."""

_PUT_RIGHT_SECONDS: Final = 2.5
"""How long a daemon on another machine has to put edited keys right: it does so within a second."""

_log = Logger()


class Started(NamedTuple):
    """The store as it was read, and what was done to have it."""

    contents: Contents
    outcome: RecoveryOutcome


class DamagedStore(StoreUnusable):
    """The keys do not hold what was committed."""

    def __init__(self, reason: str, advice: str, damage: Damaged) -> None:
        super().__init__(reason, advice, errno.EIO)
        self.damage = damage


def start(
    gateway: Gateway, scope: Scope, registration: Registration, expected_id: str | None, directory: Directory
) -> Started:
    """Return the store below the prefix; make one if there is none. Raises StoreUnusable, or OSError for the directory.

    `expected_id` is the id of the store that the data directory belongs to, None if it may be any. The daemon is registered
    before anything else is written.
    """
    try:
        return _start(gateway, scope, registration, expected_id, directory)
    except EtcdError as error:
        raise as_unusable(error) from error
    except StorageFailure as failure:
        raise StoreUnusable(failure.message, number=failure.errno) from failure


def as_unusable(error: EtcdError) -> StoreUnusable:
    """Return a failure of etcd as one of a start."""
    kind = StoreUnreachable if error.is_passing else StoreUnusable
    return kind(error.message.removesuffix(f": {error.advice}."), error.advice, error.errno)


def require_own(snapshot: Snapshot, keys: Keys) -> None:
    """Raise StoreUnusable for keys that are not the store's."""
    if not snapshot.foreign:
        return
    key, count = told(snapshot.foreign[0]), len(snapshot.foreign)
    others = f" and {count - 1:,} more" if count > 1 else ""
    raise StoreUnusable(
        f"The prefix {keys.prefix.decode()} in etcd holds keys of another program ({key}{others})",
        "nothing was written; set `etcd_prefix` to one of its own, or remove those keys",
        errno.EEXIST,
    )


def verified(snapshot: Snapshot, keys: Keys) -> Contents:
    """Return the store that a snapshot with a head holds. Raises StoreUnusable."""
    prefix = keys.prefix.decode()
    try:
        return verify(snapshot)
    except NewerFormat as error:
        raise WrittenByNewerRelease(
            f"The store in etcd below {prefix} has {error}: start a newer release, or choose another etcd_prefix."
        ) from error
    except Damaged as damage:
        raise DamagedStore(
            f"The store in etcd below {prefix} is damaged ({damage})",
            "nothing was written; start a daemon that recovers it, or restore it from a backup of etcd",
            damage,
        ) from damage


def _start(
    gateway: Gateway, scope: Scope, registration: Registration, expected_id: str | None, directory: Directory
) -> Started:
    keys = scope.keys
    nonces: set[str] = set()
    has_waited = False
    for _ in range(_MAKING_ATTEMPTS):
        snapshot = take_snapshot(gateway, keys)
        require_own(snapshot, keys)
        if snapshot.head is None:
            require_free(gateway, snapshot, keys, expected_id)
            registration.begin()
            nonces.add(_make_empty(gateway, scope))
            continue
        try:
            contents = verified(snapshot, keys)
        except DamagedStore as error:
            if not has_waited:
                has_waited = True
                time.sleep(_PUT_RIGHT_SECONDS)
            else:
                _log.error(
                    "The store in etcd is damaged, and no other daemon has put it right.", reason=error.reason
                )
                registration.begin()
                lease = gateway.grant(BUILDING_SECONDS)
                target = Target(gateway, keys, scope.machine, snapshot.head.mod_revision, lease)
                mend(snapshot, error.damage, target, directory, expected_id)
            continue
        head = contents.held.head
        if expected_id is not None and head.store_id != expected_id:
            raise StoreUnusable(
                f"The store in etcd below {keys.prefix.decode()} is {head.store_id}, but this data directory belongs to "
                f"{expected_id}",
                "nothing was written; correct `etcd_prefix` or `etcd_endpoints`, or choose another --data-dir",
                errno.EEXIST,
            )
        registration.begin()
        if any(name != head.generation for name in snapshot.generations):
            remove_left(gateway, keys, head.generation, contents.held.head_revision)
        return Started(
            _without_earlier(gateway, scope, contents), "fresh" if head.nonce in nonces else "clean"
        )
    raise StoreUnreachable(
        f"No store could be made in etcd below {keys.prefix.decode()}",
        "its answers are lost, or others write there at once; start again",
        errno.EAGAIN,
    )


def require_free(gateway: Gateway, snapshot: Snapshot, keys: Keys, expected_id: str | None) -> None:
    """Raise StoreUnusable where no store may be made: there was one and its head is gone, or one lies around it.

    Raises EtcdError, too.
    """
    prefix = keys.prefix.decode()
    if expected_id is not None:
        raise StoreUnusable(
            f"This data directory belongs to the store {expected_id}, and etcd has none below {prefix}",
            "nothing was written; correct `etcd_prefix` or `etcd_endpoints`, or restore that store from a backup of etcd; "
            "docs/etcd.md, A lost etcd, tells how to go on without one",
            errno.ENOENT,
        )
    served = [name for name, each in snapshot.generations.items() if not each.is_building]
    if served:
        raise StoreUnusable(
            f"The prefix {prefix} in etcd holds workspaces ({served[0]}), but the key {prefix}head is missing",
            "nothing was written; restore it from a backup of etcd, choose another `etcd_prefix`, or delete all that is "
            f"left (etcdctl del --prefix {prefix})",
            errno.EIO,
        )
    _refuse_within_another(gateway, prefix)


def _refuse_within_another(gateway: Gateway, prefix: str) -> None:
    """Raise StoreUnusable where a store has a beginning of the prefix: these keys would be foreign to it."""
    names = prefix.strip("/").split("/")
    for count in range(1, len(names)):
        around = f"/{'/'.join(names[:count])}/"
        try:
            found = gateway.read(Read(f"{around}head".encode(), keys_only=True)).items
        except NotApplied as error:
            if error.errno != errno.EACCES:
                raise
            continue  # who may not read there can't have a store there
        if found:
            raise StoreUnusable(
                f"The prefix {prefix} lies within that of another store in etcd, {around}",
                f"nothing was written; set `etcd_prefix` to {around} to share that store, or to one beside it",
                errno.EEXIST,
            )


def _make_empty(gateway: Gateway, scope: Scope) -> str:
    """Make an empty store unless there is one; return the nonce of its head."""
    head = Head(
        format=FORMAT,
        release=__version__,
        store_id=IdFactory().store(),
        revision=0,
        generation=new_generation(),
        nonce=new_nonce(),
        machine=scope.machine,
        workspaces=0,
        digest=stored_texts.digest_text(0),
        history_since=0,
    )
    try:
        gateway.transact(
            [Compare(scope.keys.head, "VERSION", "EQUAL", 0)], [Put(scope.keys.head, encode(head))]
        )
    except OutcomeUnknown as error:
        _log.info(
            "It is not known whether the new store was made; it is looked at again.", reason=error.message
        )
    return head.nonce


def _without_earlier(gateway: Gateway, scope: Scope, contents: Contents) -> Contents:
    """End the sessions of an earlier daemon of this directory."""
    own = {id_ for id_, each in contents.sessions.items() if scope.owns(each)}
    for id_ in own:
        key = scope.keys.session(contents.sessions[id_].session.workspace_id, id_)
        gateway.transact([], [Delete(key)])
    others = {id_: each for id_, each in contents.sessions.items() if id_ not in own}
    return Contents(contents.revision, contents.held, others, contents.warnings)
