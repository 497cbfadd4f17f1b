"""etcd over its HTTP gateway: which endpoint is asked, and when a request may be sent again.

The strategy:
- An endpoint is kept until it fails; then the next one is asked.
- A transaction is sent again only after a failure that is certain. What only reads, or may be done twice, is sent to
  one endpoint after the other until one answers.
- At the beginning and after each failure, a member is asked who it is before anything else. So wrong certificates,
  servers that are not etcd and members of another cluster are found where nothing can have been applied.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from workspaced.store.etcd import messages
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.endpoint import Endpoint
from workspaced.store.etcd.failures import (
    EtcdError,
    LeaseGone,
    OutcomeUnknown,
    as_certain,
    combined,
)
from workspaced.store.etcd.membership import Cluster, member_status
from workspaced.store.etcd.messages import (
    Compare,
    MemberStatus,
    Operation,
    Read,
    ReadAnswer,
    TransactionAnswer,
)
from workspaced.store.etcd.user import EtcdUser, Headers
from workspaced.store.etcd.watching import Watch

DEFAULT_LIMIT_SECONDS: Final = 2.0
"""A member that lost its leader has a new one after one to two seconds; a network adds some milliseconds."""

_Reply = TypeVar("_Reply", bound=messages.Reply)
_Result = TypeVar("_Result")


class Gateway:
    """A cluster of etcd. All methods block, may be called from any thread, and raise EtcdError.

    Each attempt at an endpoint is limited by `limit_seconds`, so a call takes at most that long for each endpoint,
    twice over new connections or where an answer trickles.
    """

    def __init__(self, address: EtcdAddress, *, limit_seconds: float = DEFAULT_LIMIT_SECONDS) -> None:
        """Connect to nothing yet. Raises ValueError if an endpoint is not a URL, or there is none."""
        if not address.endpoints:
            raise ValueError("`etcd_endpoints` names no endpoint")
        self._address = address
        self._limit_seconds = limit_seconds
        self._endpoints = [Endpoint(each, address) for each in address.endpoints]
        self._user = EtcdUser(address)
        self._cluster = Cluster()
        self._lock = threading.Lock()
        self._current = 0
        self._watches: set[Watch] = set()
        self._is_closed = False

    def transact(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
        *,
        limit_seconds: float | None = None,
    ) -> TransactionAnswer:
        """Run a transaction: the operations of `success` if all comparisons hold, else those of `failure`.

        At most one request reaches etcd. Raises NotApplied, or OutcomeUnknown.
        """
        body = messages.transaction(compares, success, failure)
        reply = self._ask(
            "/v3/kv/txn", body, messages.transaction_reply, limit_seconds=limit_seconds, is_repeatable=False
        )
        return reply.plain()

    def read(self, read: Read, *, limit_seconds: float | None = None) -> ReadAnswer:
        """Read keys as most members have them. Raises NotApplied: Compacted where the revision is gone."""
        try:
            body = messages.read(read)
            return self._ask("/v3/kv/range", body, messages.range_reply, limit_seconds=limit_seconds).plain()
        except OutcomeUnknown as error:
            raise as_certain(error) from error

    def grant(self, ttl_seconds: int) -> int:
        """Return a new lease, which ends when it was not kept alive for `ttl_seconds`."""
        return self._ask("/v3/lease/grant", messages.grant(ttl_seconds), messages.lease).id

    def keep_alive(self, lease: int) -> int:
        """Let the time of a lease begin again. Return the seconds that it has, 0 if it is gone."""
        return self._ask("/v3/lease/keepalive", messages.of_lease(lease), messages.kept_lease).ttl

    def revoke(self, lease: int) -> None:
        """End a lease, and delete its keys. One that is gone is no error."""
        try:
            self._ask("/v3/lease/revoke", messages.of_lease(lease), messages.lease)
        except LeaseGone:
            return

    def watch(self, key: bytes, range_end: bytes, from_revision: int) -> Watch:
        """Begin a watch of the keys from `key` up to `range_end`, with all changes since a revision.

        0 is the next one. Raises NotApplied; a revision that is gone is told by the watch.
        """
        body = messages.watch(key, range_end, from_revision)

        def begin(endpoint: Endpoint, headers: Headers) -> Watch:
            response = endpoint.open("/v3/watch", body, headers, limit_seconds=self._limit_seconds)
            return Watch(endpoint, response)

        try:
            watch = self._at_an_endpoint(begin, self._limit_seconds)
        except OutcomeUnknown as error:
            raise as_certain(error) from error
        with self._lock:
            self._watches = {each for each in self._watches if not each.is_over} | {watch}
            is_closed = self._is_closed
        if is_closed:
            watch.close()
        return watch

    def member_status(self, endpoint: str) -> MemberStatus:
        """Ask one member for its state; it need not reach the others. Raises NotApplied or ValueError."""
        asked = Endpoint(endpoint, self._address)
        try:
            return member_status(asked, self._user, self._cluster, self._limit_seconds)
        finally:
            asked.forget()

    def close(self) -> None:
        """Close the connections, and end the watches. A call that runs ends by its limit."""
        with self._lock:
            self._is_closed = True
            watches, self._watches = self._watches, set()
        for watch in watches:
            watch.close()
        for endpoint in self._endpoints:
            endpoint.forget()

    def _ask(
        self,
        path: str,
        body: bytes,
        decode: Callable[[bytes], _Reply],
        *,
        limit_seconds: float | None = None,
        is_repeatable: bool = True,
    ) -> _Reply:
        """Send a request, and return the answer."""
        limit = self._limit_seconds if limit_seconds is None else limit_seconds

        def send(endpoint: Endpoint, headers: Headers) -> _Reply:
            reply = endpoint.decoded(endpoint.post(path, body, headers, limit_seconds=limit), decode)
            self._cluster.check(endpoint, reply)
            return reply

        return self._at_an_endpoint(send, limit, is_repeatable=is_repeatable)

    def _at_an_endpoint(
        self,
        send: Callable[[Endpoint, Headers], _Result],
        limit_seconds: float,
        *,
        is_repeatable: bool = True,
    ) -> _Result:
        """Call `send` for one endpoint after the other until one succeeds, or another may not be asked."""
        failures: list[EtcdError] = []
        first = self._current
        for step in range(len(self._endpoints)):
            index = (first + step) % len(self._endpoints)
            endpoint = self._endpoints[index]
            try:
                self._cluster.verify(endpoint, self._user, limit_seconds)
                return self._user.ask(endpoint, partial(send, endpoint), limit_seconds)
            except EtcdError as error:
                if not error.is_of_endpoint:
                    raise
                self._leave(index)
                failures.append(error)
                if isinstance(error, OutcomeUnknown) and not is_repeatable:
                    raise
        raise combined(failures)

    def _leave(self, index: int) -> None:
        """Have the next endpoint asked from now on, unless another thread has left this one already."""
        self._endpoints[index].forget()
        with self._lock:
            if self._current == index:
                self._current = (index + 1) % len(self._endpoints)
