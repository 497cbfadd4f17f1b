"""A store in memory, for tests and for apps that need no file."""

from workspaced.domain.ids import IdFactory
from workspaced.domain.state import State
from workspaced.store.base import StoreBase
from workspaced.store.contract import Commit
from workspaced_protocol.daemon_models import RecoveryStatus
from workspaced_protocol.models import FileCheck, StoreCheck


class InMemoryWorkspaceStore(StoreBase):
    """A WorkspaceStore that loses its state with the object."""

    def __init__(self) -> None:
        self.state = State(store_id=IdFactory().store())
        self.recovery = RecoveryStatus(outcome="fresh", quarantined=(), acknowledged=True)

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore. `keeps_previous` has no effect: there is no quarantine."""
        self.state = commit.state

    def check(self) -> StoreCheck:
        """See WorkspaceStore. Memory is never corrupted."""
        return StoreCheck(primary=FileCheck(corrupted=False), snapshot=FileCheck(corrupted=False))

    def close(self) -> None:
        """See WorkspaceStore. There is nothing to close."""
