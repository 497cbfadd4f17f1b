"""The cost of a write is that of its change: among thousands of workspaces, it takes no more steps and no more memory.

Calls and bytes are counted from the socket to the answer, and not seconds: so load fails no test, and hides no copy.
"""

import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import cache

import pytest

from support.samples import workspace
from support.serving import Client, Json, Serve
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore

FEW, MANY = 50, 20_000
REPEATS = 6  # the least of them counts: now and then something else runs too
Write = Callable[[Client, int], Awaitable[object]]


def key(number: int) -> str:
    return f"a key of some length, as clients make them, {number}"


async def create(client: Client, number: int) -> Json:
    return await client.call(
        "workspace.create", name=f"New {number}", rootPath="/src", requestKey=key(number)
    )


async def change(client: Client, number: int) -> Json:
    given = {"id": f"ws_{number:02}", "name": f"Renamed {number}", "rootPath": f"/src/{number}"}
    return await client.call("workspace.update", **given, requestKey=key(number))


async def close(client: Client, number: int) -> Json:
    return await client.call("workspace.close", id=f"ws_{number:02}", requestKey=key(number))


async def reopen(client: Client, number: int) -> Json:
    return await client.call("workspace.open", id=f"ws_{number + 20:02}", requestKey=key(number))


async def delete(client: Client, number: int) -> Json:
    return await client.call("workspace.delete", id=f"ws_{number:02}", requestKey=key(number))


async def undo(client: Client, number: int) -> Json:
    return await client.call("history.undo", revision=1000 + number, requestKey=key(-number))


async def apply(client: Client, number: int) -> Json:
    changes = [{"remove": f"ws_{number:02}"}, {"remove": "ws_unknown"}]
    return await client.call("store.apply", changes=changes, requestKey=key(number))


async def begin(client: Client, number: int) -> Json:
    return await client.call("session.begin", workspaceId=f"ws_{number:02}", exclusive=True)


async def touch(client: Client, number: int) -> Json:
    return await client.call("workspace.touch", id=f"ws_{number:02}")


async def first_ten(client: Client, _: int) -> Json:
    return await client.call("workspace.list", limit=10)


async def last_used(client: Client, _: int) -> Json:
    return await client.call("workspace.list", limit=10, sort="recent", state="active")


async def cost(client: Client, operation: Write) -> tuple[int, int]:
    """The number of calls and the most bytes that this operation takes, on workspaces that it has not met yet."""
    calls, sizes = [], []
    for number in range(1, REPEATS + 1):
        count = 0

        def counted(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        sys.setprofile(counted)
        try:
            answer = await operation(client, number)
        finally:
            sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        assert isinstance(answer, dict)
        assert "error" not in answer, answer
        calls.append(count)
        sizes.append(peak - before)
    return min(calls), min(sizes)


@cache
def state_of(size: int) -> State:
    """Workspaces of which those from 20 to 29 are closed."""
    states = (workspace(number, state="closed" if 20 <= number < 30 else "active") for number in range(size))
    return State.of(states, 1000)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    "operation",
    [create, change, close, reopen, delete, undo, apply, begin, touch, first_ten, last_used],
)
async def test_it_does_not_grow_with_the_number_of_workspaces(serve: Serve, operation: Write) -> None:
    costs: dict[int, tuple[int, int]] = {}
    for size in (FEW, MANY):
        store = InMemoryWorkspaceStore()
        store.state = state_of(size)
        client = (await serve(store)).connect()
        if operation is undo:
            for number in range(1, REPEATS + 1):
                await change(client, number)
        costs[size] = await cost(client, operation)
    calls, sizes = zip(*costs.values(), strict=True)
    # A search among 20,000 takes a few steps more; a look at each of them would take thousands.
    assert calls[1] < calls[0] + 100, costs
    # A list of 20,000 takes 160 kB, a dict of them a megabyte. Reading from a socket takes 64 kB for a moment.
    assert sizes[1] < sizes[0] + 16_000, costs
