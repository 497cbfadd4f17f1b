"""Machines that share one store in etcd under load, and what must hold however etcd fared: nothing answered is lost,
nothing refused is there, and what all were answered could have come from one list.
"""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

import trio

from support.etcd_stores import open_etcd_store
from support.linearizability import Operation, is_linearizable
from support.waiting import PATIENCE_SECONDS, eventually
from support.writing import Desk, create
from workspaced.domain import workspaces
from workspaced.domain.commands import Command, require_workspace
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.store.contract import CommitUnknown, StorageFailure
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.etcd.gateway import Gateway
from workspaced_protocol.models import Workspace

LIMIT_SECONDS: Final = 0.5
"""Of a request: the daemon's is longer, but all that is here is on one machine."""

_REGISTERS: Final = 3
_NOTHING: Final = "/src"
"""What is in a register at the beginning."""

Swap = str | None
"""What is put into a register; None only reads it."""


def register(value: str, operation: Operation[Swap]) -> str | None:
    """A register that takes one value after the other, and answers with the one before."""
    if operation.has_answer and operation.outcome != value:
        return None
    return value if operation.call is None else operation.call


def swap(workspace_id: str, root_path: str) -> Command:
    """Put a path into a workspace, and answer with the one before."""

    def command(state: State) -> Outcome:
        before = require_workspace(state, workspace_id).root_path
        changes = workspaces.update(workspace_id, None, root_path, None, 1)(state).changes
        return Outcome(before, changes)

    return command


class WritingMachine:
    """One machine: its store and its writer, and what came of the writes."""

    def __init__(self, name: str, store: EtcdWorkspaceStore) -> None:
        self.name = name
        self.store = store
        self.desk = Desk(store)
        self.answered: set[str] = set()
        """The names of workspaces whose creation was answered."""
        self.refused: dict[str, str] = {}
        """Those that were not created, and why."""
        self.unknown: set[str] = set()
        self.history: dict[str, list[Operation[Swap]]] = {id_: [] for id_ in registers()}
        self.is_loaded = True
        self.tasks = 0
        """How many tasks write."""
        self._numbers = count()

    @property
    def answers(self) -> int:
        """How many writes were answered as applied."""
        return len(self.answered) + sum(one.has_answer for each in self.history.values() for one in each)

    @property
    def outcomes(self) -> int:
        """How many writes were answered at all."""
        return self.answers + len(self.refused) + len(self.unknown)

    @property
    def names(self) -> list[str]:
        """The names that this machine's readers see."""
        return sorted(self.desk.names())

    async def work(self) -> None:
        """Write, one workspace and one register after the other, for as long as the machine is loaded."""
        self.tasks += 1
        while self.is_loaded:
            number = next(self._numbers)
            await self.create(f"{self.name}-{number}")
            await self.swap(registers()[number % _REGISTERS], f"/{self.name}/{number}")
        self.tasks -= 1

    async def create(self, name: str) -> None:
        """Create a workspace, and note what came of it."""
        answer = await self.desk.submit(create(name)).result()
        if isinstance(answer, Workspace):
            self.answered.add(name)
        elif isinstance(answer, CommitUnknown):
            self.unknown.add(name)
        else:
            assert isinstance(answer, StorageFailure), answer
            self.refused[name] = answer.message

    async def swap(self, id_: str, value: str) -> None:
        """Put a value into a register, and note what came of it."""
        began_at = perf_counter()
        answer = await self.desk.submit(swap(id_, value)).result()
        if isinstance(answer, str):
            self.history[id_].append(Operation(value, began_at, perf_counter(), answer))
        elif isinstance(answer, CommitUnknown):
            self.history[id_].append(Operation(value, began_at))
        else:
            assert isinstance(answer, StorageFailure), answer


def registers() -> list[str]:
    """Return the ids of the workspaces whose root paths are the registers."""
    return [f"ws_register{number}" for number in range(_REGISTERS)]


@contextlib.asynccontextmanager
async def machines_under_load(
    ways: Sequence[Sequence[str]],
    directory: Path,
    *,
    tasks: int = 2,
    limit_seconds: float = LIMIT_SECONDS,
    gateway_type: type[Gateway] = Gateway,
) -> AsyncGenerator[list[WritingMachine]]:
    """Yield a machine for each way to etcd, which is its endpoints; each works on so many writes at once."""
    prefix = f"/{directory}/"
    with contextlib.ExitStack() as stack:
        machines: list[WritingMachine] = []
        for number, endpoints in enumerate(ways):
            gateway = gateway_type(EtcdAddress(tuple(endpoints)), limit_seconds=limit_seconds)
            opened = partial(
                open_etcd_store,
                endpoints,
                directory / f"m{number}",
                prefix=prefix,
                machine=f"m{number}",
                gateway=gateway,
            )
            store = await trio.to_thread.run_sync(opened)
            stack.callback(store.close)
            machines.append(WritingMachine(f"m{number}", store))
        async with trio.open_nursery() as nursery:
            for machine in machines:
                await nursery.start(machine.desk.writer.run)
            for id_ in registers():
                assert isinstance(
                    await machines[0].desk.create(id_.removeprefix("ws_"))[0].result(), Workspace
                )
            await eventually(lambda: all(len(machine.names) == _REGISTERS for machine in machines))
            for machine in machines:
                for _ in range(tasks):
                    nursery.start_soon(machine.work)
            yield machines
            for machine in machines:
                machine.is_loaded = False
            nursery.cancel_scope.cancel()


async def wait_for_answers(machines: Sequence[WritingMachine], number: int) -> None:
    """Return once each machine has so many more writes answered."""
    wanted = [machine.answers + number for machine in machines]
    await eventually(
        lambda: all(machine.answers >= each for machine, each in zip(machines, wanted, strict=True)),
        lambda: (
            f"{[machine.answers for machine in machines]} of {wanted}: "
            f"{[machine.desk.status() for machine in machines]}"
        ),
    )


async def come_to_rest(
    machines: Sequence[WritingMachine], *, patience_seconds: float = PATIENCE_SECONDS
) -> float:
    """End the load; return the seconds from the last answer until all machines see the same.

    Raises AssertionError if they never do.
    """
    for machine in machines:
        machine.is_loaded = False
    await eventually(lambda: all(machine.tasks == 0 for machine in machines), "writes are not answered")
    ended_at = perf_counter()
    states = [machine.desk.writer for machine in machines]
    await eventually(
        lambda: len({writer.state.revision for writer in states}) == 1,
        lambda: f"the machines stay at {[writer.state.revision for writer in states]}",
        patience_seconds=patience_seconds,
    )
    return perf_counter() - ended_at


def must_hold(machines: Sequence[WritingMachine]) -> None:
    """Compare what the machines see, after they came to rest, with what they were answered."""
    first = machines[0].names
    assert all(machine.names == first for machine in machines)
    assert len({*first}) == len(first), "a name is there twice"
    present = {*first} - {id_.removeprefix("ws_") for id_ in registers()}
    answered = set[str]().union(*(machine.answered for machine in machines))
    refused = {name: why for machine in machines for name, why in machine.refused.items()}
    unknown = set[str]().union(*(machine.unknown for machine in machines))
    assert answered - present == set(), "answered writes are lost"
    applied = {name: why for name, why in refused.items() if name in present}
    assert applied == {}, "refused writes are there"
    assert present - answered - unknown == set()
    wrong = wrong_registers(machines, is_at_rest=True)
    assert not wrong, wrong


def wrong_registers(machines: Sequence[WritingMachine], *, is_at_rest: bool) -> list[str]:
    """Return the registers whose answers no single register could have given, and what is in them if all is at rest."""
    wrong: list[str] = []
    for id_ in registers():
        history = [one for machine in machines for one in machine.history[id_]]
        if is_at_rest:
            found = machines[0].desk.writer.state.get(id_)
            assert found is not None
            end = perf_counter()
            history.append(Operation(None, end, end, found.root_path))
        if not is_linearizable(history, _NOTHING, register):
            wrong.append(f"{id_}: {sorted(history, key=began_at)}")
    return wrong


def began_at(operation: Operation[Swap]) -> float:
    """Return when a call began."""
    return operation.began_at
