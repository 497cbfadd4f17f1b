"""A gateway to a real etcd whose transactions fail as a test has it: before, after and long after etcd applied them."""

import errno
from collections.abc import Callable, Sequence
from typing import Literal

from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import NoSpace, NotApplied, OutcomeUnknown
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Compare, Operation, TransactionAnswer
from workspaced.store.etcd.watching import Watch

Fate = Literal["applied", "lost", "never", "late", "refused", "wrong", "full", "filled"]
"""
- applied: as without a script
- lost: applied, and the answer is lost
- never: not applied, and that is unknown
- late: the same, but `let_through` applies it
- refused: certainly not applied, as by a member without a leader
- wrong: certainly not applied, and no other attempt will be, as with a wrong password
- full: not applied, since the database of etcd is full
- filled: applied, and the database is said to be full all the same
"""


class ScriptedGateway(Gateway):
    """A gateway whose next transactions meet the fates in `fates`; those after them, `afterwards`."""

    def __init__(self, address: EtcdAddress) -> None:
        super().__init__(address)
        self.script()

    def script(self, *fates: Fate | Callable[[], Fate], afterwards: Fate = "applied") -> None:
        """Have the next transactions meet these fates; a callable is asked for one, when its transaction comes."""
        self.fates = [*fates]
        self.sent = 0
        self._afterwards = afterwards
        self._late: list[Callable[[], TransactionAnswer]] = []

    def let_through(self) -> list[bool]:
        """Apply what was late, in order; return which of it succeeded."""
        late, self._late = self._late, []
        return [each().succeeded for each in late]

    def transact(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
        *,
        limit_seconds: float | None = None,
    ) -> TransactionAnswer:
        """See Gateway."""
        self.sent += 1
        fate = self.fates.pop(0) if self.fates else self._afterwards
        if callable(fate):
            fate = fate()
        if fate == "late":
            send = super().transact
            self._late.append(lambda: send(compares, success, failure))
        if fate in ("refused", "wrong"):
            raise NotApplied("E", "refuses", "do this", errno.EHOSTUNREACH, is_passing=fate == "refused")
        if fate in ("applied", "lost", "filled"):
            answer = super().transact(compares, success, failure, limit_seconds=limit_seconds)
            if fate == "applied":
                return answer
        if fate in ("full", "filled"):
            raise NoSpace("E", "has no space left", "compact it", errno.ENOSPC)
        raise OutcomeUnknown("E", "gave no answer", "wait", errno.ETIMEDOUT, is_passing=True)


class DeafGateway(ScriptedGateway):
    """A gateway whose first watch tells nothing, as one at a member that hangs."""

    is_deaf = True

    def watch(self, key: bytes, range_end: bytes, from_revision: int) -> Watch:
        """See Gateway."""
        if self.is_deaf:
            self.is_deaf = False
            key, range_end = b"/deaf", b"/deaf0"
        return super().watch(key, range_end, from_revision)
