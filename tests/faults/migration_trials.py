"""A process that tries faults in the system calls of a migration, and checks what serves.

A child migrates a copy of a store; the parent then opens what the child has left, as a daemon would: one whole store
serves, and nothing else lies beside it.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from faults.call_trials import Message, Say, Trials
from faults.failing_calls import NONE, HowItFails
from faults.promises import require
from faults.store_session import made
from support.samples import workspace
from workspaced.domain import commands, workspaces
from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.kinds import open_store
from workspaced.store.migration import migrate
from workspaced.store.sqlite import copying  # loaded before a fault can meet it
from workspaced.store.unfinished import FILES, Kind
from workspaced_protocol.datadir import ANSWERED, MIGRATION

_ = copying
_OTHER: Final[dict[Kind, Kind]] = {"json": "sqlite", "sqlite": "json"}


class MigrationTrials(Trials):
    """Faults of all kinds at each n-th call of a migration from one kind to the other."""

    def __init__(self, root: Path, kind: Kind) -> None:
        super().__init__(root)
        self._to = _OTHER[kind]
        self.served: Counter[str] = Counter()
        with closing(open_store(kind, self.found, socket="")) as store:
            for number in range(4):
                command = commands.once(f"key {9 - number}", workspaces.save(workspace(number), None))
                store.commit(made(store.state, command))
            store.commit(made(store.state, workspaces.remove("ws_02")))
            self._before = store.state
        self.without_fault()
        require(self.served[self._to] == 1, "a migration without a fault does not serve the new store")

    def act(self, kind: HowItFails, say: Say) -> None:
        """See Trials."""
        try:
            migrate(self.data_dir, self._to, lambda _: None)
        except StoreUnusable as refused:
            require(kind.number != NONE, refused.message)

    def check(self, heard: Sequence[Message]) -> None:
        """See Trials."""
        self.served[self._serving()] += 1

    def _serving(self) -> Kind:
        """Open what the child has left, and return the kind that serves: it is whole, and alone."""
        with closing(open_store("auto", self.data_dir, socket="")) as store:
            _require_same(store.state, self._before)
            require(store.recovery.outcome == "clean", f"the start tells of {store.recovery}")
            store.commit(made(store.state, workspaces.save(workspace(9), None)))
            after = store.state
        with closing(open_store("auto", self.data_dir, socket="")) as store:
            require(store.state == after, "the next write was lost")
        names = {*os.listdir(self.data_dir)}
        require(MIGRATION not in names, "the marker is left")
        require(not [name for name in names if name.startswith(".")], f"temporary files are left: {names}")
        there = [kind for kind in FILES if names.intersection(FILES[kind]) - {ANSWERED}]
        require(len(there) == 1, f"the files of two stores are left: {names}")
        return there[0]


def _require_same(found: State, before: State) -> None:
    require(found == before, "another state serves")
    require([*found.request_keys.items()] == [*before.request_keys.items()], "the order of the keys changed")
    require(list(found.history.entries) == list(before.history.entries), "another history serves")


def main() -> None:
    """Arguments: a directory, each n-th call, the first one, kinds of faults."""
    root, every, first, *names = sys.argv[1:]
    kinds: tuple[Kind, ...] = ("json", "sqlite")
    for kind in kinds:
        trials = MigrationTrials(Path(root) / kind, kind)
        for name in names:
            trials.run(name, int(every), int(first))
        print(f"from {kind}: {len(trials.trace)} calls: {dict(trials.tried)}; served: {dict(trials.served)}")


if __name__ == "__main__":
    main()
