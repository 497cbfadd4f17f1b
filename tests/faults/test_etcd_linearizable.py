"""Two and five machines that write to one store at once, over connections that lose answers and hold requests: what
they were answered could have come from one list, and each gets its share.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from faults.etcd_machines import (
    WritingMachine,
    come_to_rest,
    machines_under_load,
    must_hold,
    wait_for_answers,
    wrong_registers,
)
from support.etcd import Cluster, needs_etcd
from support.proxy import Proxy
from support.share import DAY, TRIES_ALL, one_of
from support.waiting import eventually
from workspaced.store.etcd.failures import OutcomeUnknown, as_certain
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Compare, Operation, TransactionAnswer

pytestmark = needs_etcd

DURATION_SECONDS = 60.0 if TRIES_ALL else 1.5


LIMIT_SECONDS = 0.2
"""Of a request: so short that many are given up, and come to etcd when nobody waits for them any more."""


async def trouble(proxies: Sequence[Proxy], seed: int) -> None:
    """Have connections lose an answer, hold a request until its client has given up, or break, again and again."""
    chance = random.Random(seed)
    while True:
        await trio.sleep(chance.uniform(0, 0.05))
        proxy = chance.choice(proxies)
        kind = chance.choice(["lose", "lose", "hold", "cut"])
        if kind == "cut":
            proxy.cut()
        elif kind == "lose":
            proxy.mode = "lose"
            await trio.sleep(0.05)
        else:
            proxy.mode = "hold"
            await trio.sleep(LIMIT_SECONDS * 1.5)
        proxy.mode = "pass"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [2, 5])
async def test_machines_whose_answers_get_lost_write_one_list(
    etcd: Cluster, tmp_path: Path, number: int
) -> None:
    seed = DAY * 10 + number
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(etcd.members[0].client_port)) for _ in range(number)]
        ways = [[proxy.endpoint] for proxy in proxies]
        async with machines_under_load(ways, tmp_path, limit_seconds=LIMIT_SECONDS) as machines:
            with trio.move_on_after(DURATION_SECONDS):
                await trouble(proxies, seed)
            for proxy in proxies:
                proxy.mode = "pass"
            await wait_for_answers(machines, 5)
            await come_to_rest(machines)
            must_hold(machines)


async def test_each_of_five_machines_gets_its_share(etcd: Cluster, tmp_path: Path) -> None:
    async with machines_under_load([etcd.endpoints] * 5, tmp_path) as machines:
        with trio.move_on_after(DURATION_SECONDS):
            await trio.sleep_forever()
        answers = [machine.answers for machine in machines]
        await come_to_rest(machines)
        must_hold(machines)
    assert min(answers) >= sum(answers) / 20, answers


async def test_a_hundred_workspaces_of_two_machines_are_the_same_on_both_within_a_second(
    etcd: Cluster, tmp_path: Path
) -> None:
    async with machines_under_load([etcd.endpoints] * 2, tmp_path, tasks=0) as machines:

        async def write(machine: WritingMachine) -> None:
            for number in range(50):
                await machine.create(f"{machine.name}-{number}")

        async with trio.open_nursery() as nursery:
            for machine in machines:
                nursery.start_soon(write, machine)
        seconds = await come_to_rest(machines)
        must_hold(machines)
        assert sum(len(machine.answered) for machine in machines) == 100, [
            (machine.refused, machine.unknown) for machine in machines
        ]
        assert seconds < 1


class WithoutCompare(Gateway):
    """Lets each machine write whatever others have written since."""

    def transact(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
        *,
        limit_seconds: float | None = None,
    ) -> TransactionAnswer:
        others = [compare for compare in compares if compare.target != "MOD"]
        return super().transact(others, success, failure, limit_seconds=limit_seconds)


class WithoutFence(Gateway):
    """Takes a request without an answer for one that was not applied."""

    def transact(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
        *,
        limit_seconds: float | None = None,
    ) -> TransactionAnswer:
        try:
            return super().transact(compares, success, failure, limit_seconds=limit_seconds)
        except OutcomeUnknown as error:
            raise as_certain(error) from error


async def is_red_without_the_comparison(etcd: Cluster, directory: Path) -> bool:
    async with machines_under_load([etcd.endpoints] * 2, directory, gateway_type=WithoutCompare) as machines:
        await eventually(lambda: sum(machine.outcomes for machine in machines) >= 6)
        try:
            await come_to_rest(machines, patience_seconds=1)
            must_hold(machines)
        except AssertionError:
            return True
    return False


async def is_red_without_the_fence(etcd: Cluster, directory: Path) -> bool:
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(etcd.members[0].client_port)) for _ in range(2)]
        ways = [[proxy.endpoint] for proxy in proxies]
        async with machines_under_load(
            ways, directory, limit_seconds=LIMIT_SECONDS, gateway_type=WithoutFence
        ) as machines:
            for seed in range(100):
                with trio.move_on_after(0.3):
                    await trouble(proxies, seed)
                if wrong_registers(machines, is_at_rest=False):
                    return True
    return False


CONTROLS = [is_red_without_the_comparison, is_red_without_the_fence]


@pytest.mark.parametrize("control", one_of(CONTROLS, 0))
async def test_the_check_is_red_without_what_it_rests_on(
    etcd: Cluster, tmp_path: Path, control: Callable[[Cluster, Path], Awaitable[bool]]
) -> None:
    assert await control(etcd, tmp_path)
