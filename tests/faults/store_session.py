"""A session of writes on a store of any kind, which says what it was answered: before, at and after a fault."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from msgspec import structs

from faults.failing_calls import Calls
from faults.promises import BrokenPromise, Fact, require
from faults.runs import content_of
from support.samples import project, workspace
from workspaced.domain import commands, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.state import State
from workspaced.store.contract import (
    Commit,
    CommitUnknown,
    StorageFailure,
    StoreUnusable,
    WorkspaceStore,
    commit_of,
)
from workspaced_protocol.models import Peer, Workspace

_CAUSE: Final = Cause("cor_1", Peer(1, 1), "workspace.create")


def facts_of(commit: Commit) -> set[Fact]:
    """The changes of a commit, as the history is to tell them."""
    return {(each.revision, each.workspace_id, each.before, each.after) for each in commit.entries}


def made(state: State, command: Command) -> Commit:
    """The commit that this command comes to."""
    draft = Draft(state)
    draft.apply(command(draft), _CAUSE, 1)
    return commit_of(draft)


def large(number: int, name: str) -> Workspace:
    """A workspace whose text and history are larger than a page."""
    projects = tuple(project(each, f"ws_{number:02}") for each in range(40))
    return structs.replace(workspace(number, name=f"{name} {number}", projects=projects), created_at=number)


class Session:
    """The writes of a child: some of each kind, small and large, with all that happens between them."""

    def __init__(
        self, create: Callable[[], WorkspaceStore], calls: Calls, say: Callable[..., None], *, lasts: bool
    ) -> None:
        self._create = create
        self._calls = calls
        self._say = say
        self._lasts = lasts

    def run(self) -> None:
        store = self._open()
        for number in (1, 7):
            self._write(store, workspaces.save(large(number, "again"), None))
        self._write(store, commands.once("key 1", workspaces.remove("ws_02")))
        self._flush(store)
        self._write(store, workspaces.save(workspace(8), None))
        store.close()
        store = self._open()
        self._write(store, workspaces.save(large(1, "at last"), None))
        store.close()

    def _open(self) -> WorkspaceStore:
        try:
            return self._create()
        except StoreUnusable as error:
            self._failed(error.errno)
            return self._create()

    def _write(self, store: WorkspaceStore, command: Command) -> None:
        self._commit(store, lambda: made(store.state, command))

    def _flush(self, store: WorkspaceStore) -> None:
        self._commit(
            store, lambda: Commit(replace(store.state, revision=store.state.revision), is_whole=True)
        )

    def _commit(self, store: WorkspaceStore, make: Callable[[], Commit]) -> None:
        for attempt in range(4):
            before = store.state
            commit = make()
            self._say("tries", content_of(commit.state), facts_of(commit))
            try:
                store.commit(commit)
            except StorageFailure as failure:
                require(store.state is before, "a refused write changed the state")
                self._say("refused")
                self._failed(failure.errno, disarms=attempt > 0 or not self._lasts)
            except CommitUnknown as failure:
                require(store.state is before, "a write of unknown outcome changed the state")
                self._failed(failure.errno, disarms=attempt > 0 or not self._lasts)
                self._repair(store, commit.state.revision)
            else:
                self._say("answered", content_of(store.state), facts_of(commit))
                store.tidy()
                return
        raise BrokenPromise("a write fails after its fault is gone")

    def _repair(self, store: WorkspaceStore, revision: int) -> None:
        """Commit the last answered state again, as the writer does."""
        for _ in range(4):
            revision += 1
            try:
                store.commit(Commit(replace(store.state, revision=revision), is_whole=True))
            except (StorageFailure, CommitUnknown) as failure:
                self._failed(failure.errno)
            else:
                self._say("answered", content_of(store.state), set())
                return
        raise BrokenPromise("the store is not repaired after its fault is gone")

    def _failed(self, number: int, *, disarms: bool = True) -> None:
        require(number != 0, "a failure without an errno")
        self._say("failed")
        if disarms:
            self._calls.arm()
