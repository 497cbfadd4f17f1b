"""Sending a commit: attempts while they make sense, and a certain outcome of each, if there is one in time.

The strategy:
- Each transaction compares that the head is the one last seen, so at most one of several machines gets in.
- A transaction without an answer may be applied later. A fence settles it: a transaction that changes nothing but the
  head's nonce, under the same comparison. Where the fence goes in, the other never can. Where it does not, the nonce in
  the head tells who was faster.
"""

import errno
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from workspaced.domain.entries import Entry
from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced.store.contract import CommitUnknown, Overtaken, StorageFailure
from workspaced.store.etcd.failures import EtcdError, LeaseGone, NoSpace, NotApplied, OutcomeUnknown
from workspaced.store.etcd.following import Follower
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.journal import Journal, OutcomeUnclear
from workspaced.store.etcd.messages import Compare, Put, Read, TransactionAnswer
from workspaced.store.etcd.outages import Outages
from workspaced.store.etcd.reading import nonce_of
from workspaced.store.etcd.transaction import Held, Scope, Write, same_head
from workspaced.store.etcd.values import Head

_PATIENCE_SECONDS: Final = 3.0
"""How long a commit is tried where nothing was applied: an election takes one to two seconds, a write may wait five."""

_SETTLING_SECONDS: Final = 4.0
"""How long an unknown outcome is inquired into; its caller is answered after 5 s at the latest."""

_PAUSE_SECONDS: Final = 0.1

_FOLLOWER_SECONDS: Final = 1.0
"""How long the follower may take for a change that etcd has: usually some milliseconds."""

READING_SECONDS: Final = 2.0
"""How long the store as a whole may take to be read again."""

T = TypeVar("T")


class Sender:
    """Sends the transactions of one store, one at a time. `held` is what the store knows of etcd."""

    def __init__(
        self,
        gateway: Gateway,
        scope: Scope,
        held: Held,
        journal: Journal,
        follower: Follower,
        outages: Outages,
    ) -> None:
        self.held = held
        self._gateway = gateway
        self._scope = scope
        self._journal = journal
        self._follower = follower
        self._outages = outages

    def send(
        self,
        state: State,
        operations: Sequence[Write],
        head: Head,
        compares: Sequence[Compare] = (),
        entries: Sequence[Entry] = (),
    ) -> None:
        """Apply the operations and put the head, if nobody else has put one since; then hold `state`.

        `entries` are the changes among the operations. Raises Overtaken, LeaseGone and StorageFailure where nothing was
        applied, else CommitUnknown.
        """
        patience = _Patience(self._outages)
        try:
            while (revision := self._attempt(operations, head, compares, entries, patience)) is None:
                pass
        except BaseException:
            self._journal.expect(None)
            raise
        self._outages.end("reach")
        self._hold(Held(state, head, revision))

    def stage(self, operations: Sequence[Write], compares: Sequence[Compare]) -> None:
        """Apply operations that nobody sees yet, and that may be applied twice, if nobody else has put a head since.

        Raises as `send` does.
        """
        self.patiently(partial(self._try, operations, compares))

    def patiently(self, call: Callable[[], T]) -> T:
        """Return what a call of etcd does that may be repeated, after as many attempts as a commit has.

        Raises StorageFailure, or LeaseGone, if none succeeds.
        """
        patience = _Patience(self._outages)
        while True:
            try:
                return call()
            except EtcdError as error:
                patience.spend_on(error)

    def _attempt(
        self,
        operations: Sequence[Write],
        head: Head,
        compares: Sequence[Compare],
        entries: Sequence[Entry],
        patience: "_Patience",
    ) -> int | None:
        """Make one attempt; return etcd's revision, or None if it is certain that another one may be made."""
        self._journal.expect(head.nonce)
        try:
            return self._try([*operations, self._put(head)], compares)
        except NotApplied as error:
            patience.spend_on(error)
        except OutcomeUnknown as error:
            revision = self._settle(head, error, entries)
            if revision is not None:
                return revision
            patience.spend_on(error)
        return None

    def _try(self, operations: Sequence[Write], compares: Sequence[Compare]) -> int:
        """Make one attempt; return etcd's revision. Raises EtcdError, Overtaken or StorageFailure."""
        answer = self._transact(operations, compares)
        if not answer.succeeded:
            self._give_way(_revision_in(answer))
        return answer.revision

    def _settle(self, head: Head, failure: OutcomeUnknown, entries: Sequence[Entry]) -> int | None:
        """Return the revision of a transaction without an answer, or None if it is certain that it never is applied.

        Raises Overtaken if so because of others, StorageFailure, and CommitUnknown if it can't be settled in time.
        """
        if isinstance(failure, NoSpace):
            return self._settle_over(head, failure, entries)
        fences: dict[str, Head] = {}
        ends_at = time.monotonic() + _SETTLING_SECONDS
        while time.monotonic() < ends_at:
            fence = same_head(self.held, self._scope)
            fences[fence.nonce] = fence
            try:
                answer = self._transact([self._put(fence)])
            except EtcdError:
                time.sleep(_PAUSE_SECONDS)
                continue
            if answer.succeeded:
                self._hold(self.held._replace(head=fence, head_revision=answer.revision))
                return None
            for found in answer.reads[0]:
                nonce = nonce_of(found)
                if nonce == head.nonce:
                    return found.mod_revision
                if nonce in fences:
                    self._hold(self.held._replace(head=fences[nonce], head_revision=found.mod_revision))
                    return None
            return self._settle_among_others(head, _revision_in(answer), failure, entries)
        raise CommitUnknown(failure.message, failure.errno) from failure

    def _settle_over(self, head: Head, failure: NoSpace, entries: Sequence[Entry]) -> int:
        """Return the revision of a transaction that is over: no fence would go in, and none is needed."""
        try:
            found = self._gateway.read(Read(self._scope.keys.head)).items
        except EtcdError:
            raise CommitUnknown(failure.message, failure.errno) from failure
        revision = found[0].mod_revision if found else 0
        if revision == self.held.head_revision:
            raise StorageFailure(failure.message, failure.errno) from failure
        if found and nonce_of(found[0]) == head.nonce:
            return revision
        return self._settle_among_others(head, revision, failure, entries)

    def _settle_among_others(
        self, head: Head, revision: int, failure: OutcomeUnknown, entries: Sequence[Entry]
    ) -> int:
        """Return the revision of a transaction after which others went on, up to `revision`.

        Raises Overtaken if it was not applied, CommitUnknown if that can't be told.
        """
        if not self._has_caught_up(revision):
            raise CommitUnknown(failure.message, failure.errno) from failure
        try:
            landed = self._journal.revision_of(head.nonce, entries)
        except OutcomeUnclear:
            raise CommitUnknown(failure.message, failure.errno) from failure
        if landed is None:
            raise Overtaken
        return landed

    def _transact(self, operations: Sequence[Write], compares: Sequence[Compare] = ()) -> TransactionAnswer:
        key = self._scope.keys.head
        unchanged = Compare(key, "MOD", "EQUAL", self.held.head_revision)
        return self._gateway.transact([unchanged, *compares], operations, [Read(key)])

    def _put(self, head: Head) -> Put:
        return Put(self._scope.keys.head, encode(head))

    def _hold(self, held: Held) -> None:
        """Hold what an own transaction has put: its change is no news."""
        self.held = held
        self._journal.confirm(held.head_revision, held.head)

    def _has_caught_up(self, revision: int) -> bool:
        """Wait for the changes of others, up to this revision; return False if they do not come in time."""
        if self._journal.wait_for(revision, _FOLLOWER_SECONDS):
            return True
        self._follower.read_anew()
        return self._journal.wait_for(revision, READING_SECONDS)

    def _give_way(self, revision: int) -> None:
        """Wait for the changes of others, up to this revision. Raises Overtaken, or StorageFailure if they don't come."""
        self._has_caught_up(revision)
        if self._journal.has_news:
            raise Overtaken
        if revision == self.held.head_revision:
            raise StorageFailure("Writing the whole store to etcd took too long; try again.", errno.ETIMEDOUT)
        outage = self._outages.current
        raise StorageFailure(
            "Another machine has changed the store in etcd, and its changes could not be read in time; try again."
            if outage is None
            else outage.reason,
            errno.EIO,
        )


class _Patience:
    """How long the attempts of one commit go on."""

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        self._ends_at = time.monotonic() + (_PATIENCE_SECONDS if outages.current is None else 0)

    def spend_on(self, failure: EtcdError) -> None:
        """Pause before the next attempt. Raises StorageFailure, or LeaseGone, if none makes sense."""
        if isinstance(failure, LeaseGone):
            raise failure
        if not failure.is_passing or time.monotonic() >= self._ends_at:
            if failure.is_passing:
                self._outages.begin("reach", failure.message)
            raise StorageFailure(failure.message, failure.errno) from failure
        time.sleep(random.uniform(_PAUSE_SECONDS / 2, _PAUSE_SECONDS))  # noqa: S311 - no secret


def _revision_in(answer: TransactionAnswer) -> int:
    """Return the revision of the head that a refused transaction has met."""
    found = answer.reads[0]
    return found[0].mod_revision if found else answer.revision
