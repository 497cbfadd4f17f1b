"""A commit of the store: as one transaction, as a new generation, or, after an unknown outcome, as a head alone."""

from typing import Final

from msgspec import structs

from workspaced.domain.records import encode
from workspaced.process.log import Logger
from workspaced.store.contract import Commit, CommitUnknown, Overtaken, StorageFailure
from workspaced.store.etcd.failures import EtcdError, LeaseGone
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.generation import (
    is_building,
    new_generation,
    refuse_too_large,
    remove_left,
    write_generation,
)
from workspaced.store.etcd.journal import Journal
from workspaced.store.etcd.leases import Leases
from workspaced.store.etcd.messages import Compare, Delete, Put
from workspaced.store.etcd.sending import Sender
from workspaced.store.etcd.transaction import (
    CommitLeases,
    Scope,
    Write,
    beside_generations,
    fits,
    next_head,
    operations_of,
)
from workspaced.store.etcd.values import Head

_DROPPED_AT_ONCE: Final = 100
_DROPPED_KEYS_LIMIT: Final = 10_000

_log = Logger()


class Committer:
    """Makes the commits of one store, one at a time."""

    def __init__(
        self, gateway: Gateway, scope: Scope, sender: Sender, leases: Leases, journal: Journal
    ) -> None:
        self.is_doubtful = False
        """Whether the outcome of the last commit is unknown."""
        self._gateway = gateway
        self._scope = scope
        self._sender = sender
        self._leases = leases
        self._journal = journal
        self._dropped_keys: list[str] = []
        self._has_left_generation = False

    def commit(self, commit: Commit) -> None:
        """Commit; the sender then holds the state. Raises Overtaken, StorageFailure or CommitUnknown."""
        try:
            try:
                self._attempt(commit)
            except LeaseGone:
                # This machine was suspended for longer than the lease lives, perhaps. News tells of the sessions' end.
                self._leases.forget()
                if self._journal.has_news:
                    raise Overtaken from None
                self._attempt(commit)
        except CommitUnknown:
            self.is_doubtful = True
            raise
        except EtcdError as error:
            raise StorageFailure(error.message, error.errno) from error
        self.is_doubtful = False
        self._dropped_keys += commit.dropped_keys

    def tidy(self) -> None:
        """Delete request keys that were dropped, and what is left of other generations. It never raises."""
        try:
            while self._dropped_keys and self._drop_keys():
                pass
            del self._dropped_keys[:-_DROPPED_KEYS_LIMIT]  # they end by their lease
            if self._has_left_generation:
                held = self._sender.held
                self._has_left_generation = not remove_left(
                    self._gateway, self._scope.keys, held.head.generation, held.head_revision
                )
        except EtcdError as error:
            _log.info("What is left over in etcd could not be removed yet.", reason=error.message)

    def _attempt(self, commit: Commit) -> None:
        held = self._sender.held
        if commit.is_whole and self.is_doubtful:
            # What was written is whole; only the head may have been put, or may still be.
            head = next_head(held, commit.state, {}, self._scope, held.head.history_since)
            self._sender.send(commit.state, [], head)
            return
        leases = CommitLeases(
            self._sender.patiently(self._leases.session) if commit.begun else 0,
            self._sender.patiently(self._leases.request) if commit.new_keys else 0,
        )
        operations, head = operations_of(commit, held, self._scope, leases)
        if commit.is_whole or not fits(operations, head):
            refuse_too_large(operations)
            self._write_generation(commit, head, leases)
        else:
            self._sender.send(commit.state, operations, head, entries=commit.entries)

    def _write_generation(self, commit: Commit, head: Head, leases: CommitLeases) -> None:
        keys, name = self._scope.keys, new_generation()
        since = max(commit.state.history.complete_since, head.history_since)
        head = structs.replace(head, generation=name, history_since=since)
        lease = self._sender.patiently(self._leases.building)
        building = Put(keys.building(name), encode(self._scope.machine), lease)
        write_generation(commit.state, name, keys, building, self._sender.stage)
        operations: list[Write] = [
            *beside_generations(commit, self._sender.held, self._scope, leases),
            Delete(building.key),
        ]
        self._sender.send(commit.state, operations, head, [is_building(building.key)], commit.entries)
        self._has_left_generation = True

    def _drop_keys(self) -> bool:
        """Delete a portion of the request keys that were dropped. Return False if others were faster."""
        held = self._sender.held
        portion = self._dropped_keys[:_DROPPED_AT_ONCE]
        unchanged = Compare(self._scope.keys.head, "MOD", "EQUAL", held.head_revision)
        # A client may have used one again since.
        deletes = [
            Delete(self._scope.keys.request(key)) for key in portion if key not in held.state.request_keys
        ]
        if deletes and not self._gateway.transact([unchanged], deletes).succeeded:
            return False
        del self._dropped_keys[:_DROPPED_AT_ONCE]
        return True
