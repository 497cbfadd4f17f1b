"""A process that tries faults in the system calls of a store of any kind, and checks each store.

A child carries out a session of writes on a copy of a store, and says what it was answered; the parent opens what the
child has left, and looks for what is promised (storage.md).
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from faults.call_trials import Message, Say, Trials
from faults.failing_calls import LASTING_ERROR, HowItFails
from faults.promises import Fact, check_history, require
from faults.runs import Content, content_of
from faults.store_session import Session, made
from support.samples import workspace
from workspaced.domain import workspaces
from workspaced.domain.state import State
from workspaced.store.contract import WorkspaceStore
from workspaced.store.json import history_file
from workspaced.store.json.json_store import create_json_store
from workspaced.store.sqlite import database, serving
from workspaced.store.sqlite.sqlite_store import create_sqlite_store

CREATE: Final[Mapping[str, Callable[[Path], WorkspaceStore]]] = {
    "json": create_json_store,
    "sqlite": create_sqlite_store,
}
"""How a store of each kind is opened."""


class StoreTrials(Trials):
    """Faults of all kinds at each n-th call of a session."""

    def __init__(self, root: Path, kind: str, *, was_killed: bool) -> None:
        """The session begins on a store that was closed, or whose process `was_killed`."""
        super().__init__(root)
        self._create = CREATE[kind]
        with closing(self._create(root / "first")) as store:
            for number in range(4):
                store.commit(made(store.state, workspaces.save(workspace(number), None)))
            self._before = store.state
            if was_killed:
                shutil.copytree(root / "first", self.found)
        if not was_killed:
            shutil.copytree(root / "first", self.found)
        self.without_fault()

    def act(self, kind: HowItFails, say: Say) -> None:
        """See Trials."""
        Session(self._open, self.calls, say, lasts=kind.number == LASTING_ERROR).run()

    def _open(self) -> WorkspaceStore:
        return self._create(self.data_dir)

    def check(self, heard: Sequence[Message]) -> None:
        """Open what the child has left: what was answered is there, and the next write works."""
        answered, tried, facts, possible = self._told(heard)
        with closing(self._open()) as store:
            found = content_of(store.state)
            told = "what was answered is not there, or what was not is there in part"
            require(found in {answered, *tried}, told)
            require(store.recovery.outcome == "clean", f"the start tells of {store.recovery}")
            require(not store.check().primary.reason, f"the check tells of {store.check().primary}")
            check_history(store.state, facts, possible)
            store.commit(made(store.state, workspaces.save(workspace(9), None)))
            after = content_of(store.state)
        with closing(self._open()) as store:
            require(content_of(store.state) == after, "the next write was lost")
        left = [name for name in os.listdir(self.data_dir) if name.startswith(".")]
        require(not left, f"temporary files are left: {left}")

    def _told(self, heard: Sequence[Message]) -> tuple[Content, list[Content], set[Fact], set[Fact]]:
        """Return the content that was answered last, those tried since, what was answered, and what was tried."""
        answered, tried = content_of(self._before), list[Content]()
        facts, possible = _facts_in(self._before), set[Fact]()
        for word, *rest in heard:
            if word == "tries":
                tried.append(rest[0])
                possible |= rest[1]
            elif word == "answered":
                answered, tried = rest[0], []
                facts |= rest[1]
            elif word == "refused":
                tried.pop()
        return answered, tried, facts, possible


def _facts_in(state: State) -> set[Fact]:
    """All changes that the history tells."""
    return {(each.revision, each.workspace_id, each.before, each.after) for each in state.history.entries}


def main() -> None:
    """Arguments: a directory, a kind of store, each n-th call, the first one, SQLite's `synchronous`, kinds of faults."""
    root, kind, every, first, synchronous, *names = sys.argv[1:]
    # Final for everybody else: here the log is soon full, and a duty of the store may be left out.
    setattr(serving, "LOG_BYTES", 96 * 1024)  # noqa: B010
    settings = [each.replace("FULL", synchronous) for each in database.SETTINGS]
    setattr(database, "SETTINGS", settings)  # noqa: B010
    history_file.REWRITE_PAUSE_SECONDS = 0.0
    for was_killed in (False, True):
        trials = StoreTrials(Path(root) / ("killed" if was_killed else "closed"), kind, was_killed=was_killed)
        for name in names:
            trials.run(name, int(every), int(first))
        print(f"{len(trials.trace)} calls: {dict(trials.tried)}")


if __name__ == "__main__":
    main()
