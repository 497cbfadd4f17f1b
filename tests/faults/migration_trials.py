"""A process that tries faults in the system calls of a migration, each in a child of its own, and checks what serves.

It runs under `failing_calls.c`. A child migrates a copy of a store; the parent then opens what the child has left, as a
daemon would: one whole store serves, and nothing else lies beside it. Each child that has to do with etcd has a prefix of
its own there.
"""

import os
import pickle
import shutil
import signal
import sys
import traceback
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final, cast

import msgspec

from faults.failing_calls import KILL, KINDS, NONE, POWER_LOSS, Calls, HowItFails
from faults.promises import BrokenPromise, require
from faults.sqlite_session import made
from faults.sqlite_trials import keep_all, lose_power, messages
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


class MigrationTrials:
    """Faults of all kinds at each n-th call of a migration from one kind to another, at `endpoint` where one is etcd."""

    def __init__(self, root: Path, kind: Kind, to: Kind, endpoint: str) -> None:
        self._kind: Kind = kind
        self._to: Kind = to
        self._endpoint = endpoint
        self._children = 0
        self._calls = Calls(root / "data")
        self._found, self._data_dir, self._shadow = root / "found", root / "data", root / "shadow"
        self.tried: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        with closing(open_store("json" if kind == "etcd" else kind, self._found, socket="")) as store:
            for number in range(4):
                command = commands.once(f"key {9 - number}", workspaces.save(workspace(number), None))
                store.commit(made(store.state, command))
            store.commit(made(store.state, workspaces.remove("ws_02")))
            before = store.state
        self._before: dict[Kind, State] = {"json": before, "sqlite": before, "etcd": marked(before, _MACHINE)}
        if kind == "etcd":
            shutil.rmtree(self._found)
            self._found.mkdir(0o700)
        self._trace = self._child(HowItFails(NONE), 0)
        require(self._check() == self._to, "a migration without a fault does not serve the new store")

    @property
    def length(self) -> int:
        """The number of calls without a fault."""
        return len(self._trace)

    def run(self, name: str, every: int, first: int) -> None:
        """Try a kind of fault at each n-th call from the `first` on."""
        kind = KINDS[name]
        for at in range(first, self.length + 1, every):
            call = self._trace[at - 1]
            if kind.needs_room and call not in ("write", "open", "rename"):
                continue
            try:
                self._child(kind, at)
                self.served[self._check()] += 1
            except BrokenPromise as broken:
                raise BrokenPromise(f"to {self._to}, {name} at call {at} ({call}): {broken}") from broken
            except Exception as error:
                raise BrokenPromise(f"to {self._to}, {name} at call {at} ({call}): {error!r}") from error
            self.tried[name] += 1

    @property
    def _etcd(self) -> EtcdSettings:
        """The settings of the last child."""
        return EtcdSettings(EtcdAddress((self._endpoint,), f"/{self._kind}/{self._children}/"), _MACHINE)

    def _prepare(self) -> None:
        """Put a new copy of the store in place, and in etcd."""
        for path in (self._data_dir, self._shadow):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._found, self._data_dir)
        self._children += 1
        if self._kind == "etcd":
            address, state = self._etcd.address, self._before["etcd"]
            etcd_copying.make(address, _MACHINE, state)
            joined = Joined("etcd", state.store_id, address.prefix, _MACHINE)
            (self._data_dir / JOINED).write_bytes(msgspec.json.encode(joined))

    def _child(self, kind: HowItFails, at: int) -> list[str]:
        """Migrate in a child; return its calls."""
        self._prepare()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._be_child(kind, at, writing)
        os.close(writing)
        told = dict(messages(reading))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            require(os.WTERMSIG(status) == signal.SIGKILL, f"the child ended by signal {os.WTERMSIG(status)}")
        if kind.number == POWER_LOSS:
            lose_power(self._data_dir, self._shadow)
        require("failure" not in told, str(told.get("failure")))
        trace: list[str] = told.get("trace", [])
        return trace

    def _be_child(self, kind: HowItFails, at: int, writing: int) -> None:
        def say(*message: object) -> None:
            os.write(writing, pickle.dumps(message))

        try:
            if kind.number == POWER_LOSS:
                self._shadow.mkdir()
                self._calls.shadow(self._shadow)
                keep_all(self._data_dir, self._shadow)
            self._calls.arm(KILL if kind.number == POWER_LOSS else kind.number, at, kind.error)
            try:
                migrate(self._data_dir, self._to, lambda _: None, self._etcd)
            except StoreUnusable as refused:
                require(kind.number != NONE, refused.message)
            trace = self._calls.trace()
            self._calls.arm()
            say("trace", trace)
        except BaseException as error:  # noqa: BLE001 - the parent tells of it
            self._calls.arm()
            say("failure", "".join(traceback.format_exception(error)))
        finally:
            os._exit(0)

    def _check(self) -> Kind:
        """Open what the child has left, and return the kind that serves: it is whole, and alone."""
        with closing(open_store("auto", self._data_dir, socket="", etcd=self._etcd)) as store:
            found, outcome = store.state, store.recovery
            store.commit(made(store.state, workspaces.save(workspace(9), None)))
            after = store.state
        names = {*os.listdir(self._data_dir)}
        there = [kind for kind in FILES if names.intersection(FILES[kind]) - {ANSWERED}]
        require(len(there) == 1, f"the files of two stores are left: {names}")
        _require_same(found, self._before[there[0]])
        require(outcome.outcome == "clean", f"the start tells of {outcome}")
        with closing(open_store("auto", self._data_dir, socket="", etcd=self._etcd)) as store:
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
        print(f"from {kind}: {trials.length} calls: {dict(trials.tried)}; served: {dict(trials.served)}")


if __name__ == "__main__":
    main()
