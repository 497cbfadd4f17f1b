"""The etcd store: one list of workspaces for several machines, each with a daemon of its own.

The strategy:
- A commit is one transaction of what changed. It compares that nobody else has committed since, so all machines see one
  order (`sending`). What does not fit in a transaction is written beside the store first (`generation`).
- What others commit arrives by a watch (`following`), and is taken over between two commits (`news`).
- Readers see the last state that is known: they never wait for etcd.
"""

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from workspaced.domain.draft import Draft
from workspaced.process.log import Logger
from workspaced.store.base import StoreBase
from workspaced.store.contract import (
    Commit,
    News,
    Outage,
    Overtaken,
    StorageFailure,
    StoreUnusable,
)
from workspaced.store.document import encode_document
from workspaced.store.etcd import transaction
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.committing import Committer
from workspaced.store.etcd.failures import EtcdError
from workspaced.store.etcd.following import Follower
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.journal import Change, Journal
from workspaced.store.etcd.keeping import Keeper
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.leases import Leases
from workspaced.store.etcd.news import Disagreement, Taken, apply
from workspaced.store.etcd.outages import Outages
from workspaced.store.etcd.reading import Contents, Damaged, take_snapshot, told, verify
from workspaced.store.etcd.registration import Registration
from workspaced.store.etcd.sending import READING_SECONDS, Sender
from workspaced.store.etcd.starting import start
from workspaced.store.etcd.transaction import Scope
from workspaced.store.etcd.values import NewerFormat
from workspaced.store.files import Content, Identity
from workspaced.store.locked_directory import LockedDirectory
from workspaced.store.notice import status_of
from workspaced.store.quarantine import quarantine
from workspaced.store.salvage import find_lost
from workspaced_protocol.datadir import PRIMARY, QUARANTINE
from workspaced_protocol.models import FileCheck, StoreCheck

_NO_SNAPSHOT: Final = FileCheck(corrupted=False, reason="none: etcd keeps a copy on each of its members")

_log = Logger()


class EtcdWorkspaceStore(StoreBase):
    """A WorkspaceStore in etcd, which other machines share; its data directory is locked until `close`.

    `state` is the last state that is known, `recovery` the result of the start. `warnings` are sentences for the log.
    """

    def __init__(
        self,
        home: LockedDirectory,
        address: EtcdAddress,
        machine: str,
        directory_id: str,
        *,
        expected_id: str | None = None,
        gateway: Gateway | None = None,
    ) -> None:
        """Open the store, or make it if there is none. Raises StoreUnusable or OSError: then `home` stays open.

        `machine` is the name by which others know this one, and `directory_id` the id of the data directory. `expected_id` is the id of the store that the data directory
        belongs to, None if it may be any. Tests set `gateway`.
        """
        self.machine = machine
        self._home = home
        self._keys = Keys(address.prefix)
        self._scope = Scope(self._keys, machine, directory_id)
        try:
            self._gateway = gateway or Gateway(address)
        except ValueError as error:
            raise StoreUnusable(str(error), number=errno.EINVAL) from error
        self._leases = Leases(self._gateway, lambda: self._journal.lose_sessions())
        try:
            registration = Registration(self._gateway, self._scope, self._leases, home.open)
            started = start(self._gateway, self._scope, registration, expected_id, home.open)
        except BaseException:
            with suppress(EtcdError):  # it ends by itself
                self._leases.close()
            self._gateway.close()
            raise
        contents = started.contents
        self.recovery = status_of(contents.held.state, started.outcome, ())
        self.warnings = [*contents.warnings]
        self._journal = Journal(contents)
        self._outages = Outages()
        self._follower = Follower(
            self._gateway,
            self._keys,
            self._journal,
            self._outages,
            contents.held.head,
        )
        self._keeper = Keeper(
            self._gateway,
            self._keys,
            self._leases,
            registration,
            self._journal,
            self._follower,
            self._outages,
            lambda: self._sender.held,
        )
        held = apply(contents.held, [contents], self._scope.owns, has_lost_sessions=False).held
        notice = held.state.recovery
        if notice is not None:
            lost = find_lost(home.open.disk, home.open.path / QUARANTINE, notice)
            held = held._replace(state=replace(held.state, lost=lost))
        self._sender = Sender(self._gateway, self._scope, held, self._journal, self._follower, self._outages)
        self.state = held.state
        self._committer = Committer(self._gateway, self._scope, self._sender, self._leases, self._journal)
        self._awaits_reading = False  # the keys do not agree with what was told of them
        try:
            self._follower.start()
            self._keeper.start()
        except RuntimeError as error:
            self._end()
            raise StoreUnusable(
                "The system starts no more threads",
                "raise the user's limit of processes (ulimit -u)",
                errno.EAGAIN,
            ) from error

    @property
    def shares_sessions(self) -> bool:
        """See WorkspaceStore."""
        return True

    @property
    def outage(self) -> Outage | None:
        """See WorkspaceStore."""
        return self._outages.current

    def has_room(self, draft: Draft, /) -> bool:
        """See WorkspaceStore."""
        return transaction.has_room(draft)

    def listen(self, wake: Callable[[], None], /) -> None:
        """See WorkspaceStore."""
        self._journal.listen(wake)
        self._outages.listen(wake)

    def take_news(self) -> News | None:
        """See WorkspaceStore."""
        news, has_lost_sessions = self._journal.take()
        try:
            taken = self._applied(news, has_lost_sessions=has_lost_sessions)
        except Disagreement:
            _log.warning(
                "What etcd told of other machines' changes does not agree with the head; the store is read again."
            )
            self._awaits_reading = True
            self._follower.read_anew()
            taken = self._applied((), has_lost_sessions=has_lost_sessions)
        if taken.held is self._sender.held:
            return None
        self._take_over(taken)
        return News(self.state, taken.entries, taken.is_gap)

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore. What changed is one transaction, or, where it does not fit, a new generation."""
        commit = self._own(commit)
        if self._awaits_reading and not self._journal.wait_for_news(READING_SECONDS):
            raise StorageFailure(
                "The store in etcd could not be read again in time; try again.", errno.EAGAIN
            )
        if self._journal.has_news:
            raise Overtaken
        if commit.keeps_previous is not None:
            self._keep_previous(commit.keeps_previous)
        self._committer.commit(commit)
        self.state = commit.state

    def tidy(self) -> None:
        """See WorkspaceStore. Deletes request keys that were dropped, and what is left of other generations."""
        self._committer.tidy()

    def check(self) -> StoreCheck:
        """See WorkspaceStore. etcd must hold a whole store, whichever machine has committed last."""
        return StoreCheck(primary=self._check(), snapshot=_NO_SNAPSHOT)

    def close(self) -> None:
        """See WorkspaceStore. Sessions end, and the lock is released."""
        if self.outage is None:
            self.tidy()
        self._end()
        self._home.close()

    def _applied(self, news: Sequence[Change | Contents], *, has_lost_sessions: bool) -> Taken:
        return apply(self._sender.held, news, self._scope.owns, has_lost_sessions=has_lost_sessions)

    def _take_over(self, taken: Taken) -> None:
        if taken.held.head_revision != self._sender.held.head_revision:
            self._committer.is_doubtful = False  # whatever was on its way can't be applied any more
        if taken.is_whole:
            self._awaits_reading = False
        self._sender.held = taken.held
        self.state = taken.held.state
        self._keeper.delete([self._keys.session(each.workspace_id, each.id) for each in taken.orphans])

    def _keep_previous(self, reason: str) -> None:
        """Quarantine a copy of the last state on this machine, in the format of backups."""
        self._home.ensure_in_place()
        copy = Content(encode_document(self.state), Identity(0, 0, 0, 0))
        directory = self._home.open
        try:
            quarantine(directory, PRIMARY, copy, reason, time.time_ns)
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"quarantine {directory.path / PRIMARY}") from error

    def _check(self) -> FileCheck:
        try:
            snapshot = take_snapshot(self._gateway, self._keys)
            if snapshot.head is None:
                return FileCheck(corrupted=False, reason=f"missing: the key {told(self._keys.head)}")
            found = verify(snapshot)
        except EtcdError as error:
            return FileCheck(corrupted=False, reason=f"unreadable: {error.message.removesuffix('.')}")
        except NewerFormat as error:
            return FileCheck(corrupted=False, reason=f"written by a newer release: {error}")
        except Damaged as damage:
            return FileCheck(corrupted=True, reason=str(damage))
        head, ours = found.held.head, self._sender.held.head
        if head.store_id != ours.store_id:
            return FileCheck(corrupted=False, reason=f"another store's: it is {head.store_id}")
        if snapshot.foreign:
            return FileCheck(
                corrupted=False, reason=f"edited: it has the foreign key {told(snapshot.foreign[0])}"
            )
        return FileCheck(corrupted=False)

    def _end(self) -> None:
        """End the threads and the connections, and the sessions, unless etcd can't be reached: then their lease ends them."""
        self._keeper.close()
        self._follower.close()
        if self.outage is None:
            try:
                self._leases.close()
            except EtcdError as error:
                _log.info("The sessions of this machine end by their lease.", reason=error.message)
        self._gateway.close()
