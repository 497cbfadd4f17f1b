"""A store that keeps its state in memory alone, for tests and for apps that want no file."""

from collections.abc import Sequence

from workspaced.domain.state import State
from workspaced.store.contract import StoreOperations
from workspaced_protocol.models import Change, FileCheck, RecoveryStatus, StoreCheck


class InMemoryWorkspaceStore(StoreOperations):
    """A WorkspaceStore whose commits last as long as the object."""

    def __init__(self) -> None:
        self.state = State()
        self.recovery = RecoveryStatus(outcome="fresh", quarantined=(), acknowledged=True)

    def commit(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        """See WorkspaceStore. Nothing is kept: there is no place for it."""
        self.state = state

    def check(self) -> StoreCheck:
        """See WorkspaceStore: memory is never corrupted."""
        return StoreCheck(primary=FileCheck(corrupted=False), snapshot=FileCheck(corrupted=False))

    def close(self) -> None:
        """See WorkspaceStore: there is nothing to give up."""
