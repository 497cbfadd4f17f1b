"""A process that tries faults in the system calls of a migration, and checks what serves.

A child migrates a copy of a store; the parent then opens what the child has left, as a daemon would: one whole store
serves, and nothing else lies beside it. Each child that has to do with etcd has a prefix of its own there.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, cast

import msgspec

from faults.call_trials import Message, Say, Trials
from faults.failing_calls import NONE, HowItFails
from faults.promises import require
from faults.store_session import made
from support.samples import workspace
from workspaced.domain import commands, workspaces
from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.etcd import copying as etcd_copying
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.joining import EtcdSettings, Joined
from workspaced.store.kinds import open_store
from workspaced.store.machine_marks import marked
from workspaced.store.migration import migrate
from workspaced.store.sqlite import copying  # loaded before a fault can meet it
from workspaced.store.unfinished import FILES, Kind
from workspaced_protocol.datadir import ANSWERED, JOINED, MIGRATION

_ = copying
_MACHINE: Final = "devbox"


class MigrationTrials(Trials):
    """Faults of all kinds at each n-th call of a migration from one kind to another, at `endpoint` where one is etcd."""

    def __init__(self, root: Path, kind: Kind, to: Kind, endpoint: str) -> None:
        super().__init__(root)
        self._kind: Kind = kind
        self._to: Kind = to
        self._endpoint = endpoint
        self._children = 0
        self.served: Counter[str] = Counter()
        with closing(open_store("json" if kind == "etcd" else kind, self.found, socket="")) as store:
            for number in range(4):
                command = commands.once(f"key {9 - number}", workspaces.save(workspace(number), None))
                store.commit(made(store.state, command))
            store.commit(made(store.state, workspaces.remove("ws_02")))
            before = store.state
        self._before: dict[Kind, State] = {"json": before, "sqlite": before, "etcd": marked(before, _MACHINE)}
        if kind == "etcd":
            shutil.rmtree(self.found)
            self.found.mkdir(0o700)
        self.without_fault()
        require(self.served[self._to] == 1, "a migration without a fault does not serve the new store")

    @property
    def _etcd(self) -> EtcdSettings:
        """The settings of the last child."""
        return EtcdSettings(EtcdAddress((self._endpoint,), f"/{self._kind}/{self._children}/"), _MACHINE)

    def prepare(self) -> None:
        """See Trials."""
        super().prepare()
        self._children += 1
        if self._kind == "etcd":
            address, state = self._etcd.address, self._before["etcd"]
            etcd_copying.make(address, _MACHINE, state)
            joined = Joined("etcd", state.store_id, address.prefix, _MACHINE)
            (self.data_dir / JOINED).write_bytes(msgspec.json.encode(joined))

    def act(self, kind: HowItFails, say: Say) -> None:
        """See Trials."""
        try:
            migrate(self.data_dir, self._to, lambda _: None, self._etcd)
        except StoreUnusable as refused:
            require(kind.number != NONE, refused.message)

    def check(self, heard: Sequence[Message]) -> None:
        """See Trials."""
        self.served[self._serving()] += 1

    def _serving(self) -> Kind:
        """Open what the child has left, and return the kind that serves: it is whole, and alone."""
        with closing(open_store("auto", self.data_dir, socket="", etcd=self._etcd)) as store:
            found, recovery = store.state, store.recovery
            store.commit(made(store.state, workspaces.save(workspace(9), None)))
            after = store.state
        names = {*os.listdir(self.data_dir)}
        there = [kind for kind in FILES if names.intersection(FILES[kind]) - {ANSWERED}]
        require(len(there) == 1, f"the files of two stores are left: {names}")
        _require_same(found, self._before[there[0]])
        require(recovery.outcome == "clean", f"the start tells of {recovery}")
        with closing(open_store("auto", self.data_dir, socket="", etcd=self._etcd)) as store:
            require(store.state == after, "the next write was lost")
        require(MIGRATION not in names, "the marker is left")
        require(not [name for name in names if name.startswith(".")], f"temporary files are left: {names}")
        return there[0]


def _require_same(found: State, before: State) -> None:
    require(found == before, "another state serves")
    require([*found.request_keys.items()] == [*before.request_keys.items()], "the order of the keys changed")
    require(list(found.history.entries) == list(before.history.entries), "another history serves")


def main() -> None:
    """Arguments: a directory, pairs of kinds such as json:sqlite, an endpoint or nothing, each n-th call, the first one,
    kinds of faults."""
    root, pairs, endpoint, every, first, *names = sys.argv[1:]
    for pair in pairs.split(","):
        kind, to = (cast("Kind", each) for each in pair.split(":"))
        trials = MigrationTrials(Path(root) / kind, kind, to, endpoint)
        for name in names:
            trials.run(name, int(every), int(first))
        print(f"from {kind}: {len(trials.trace)} calls: {dict(trials.tried)}; served: {dict(trials.served)}")


if __name__ == "__main__":
    main()
