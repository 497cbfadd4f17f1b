"""The order of a connection's writes: whatever the order in which they get ready, they go as they came."""

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from workspaced.service.order import Turn, WriteOrder


class Line:
    """Writes in line, each of which goes once it is ready and its turn has come."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.order = WriteOrder()
        self.gone: list[str] = []
        self._nursery = nursery

    def join(self, name: str) -> tuple[trio.Event, trio.CancelScope]:
        """Take a place; the event makes the write ready, the scope gives it up."""
        ready, scope = trio.Event(), trio.CancelScope()
        self._nursery.start_soon(self._go, name, self.order.join(), ready, scope)
        return ready, scope

    async def _go(self, name: str, turn: Turn, ready: trio.Event, scope: trio.CancelScope) -> None:
        with scope, turn:
            await ready.wait()
            await turn.wait()
            self.gone.append(name)


@settings(deadline=None, max_examples=150)
@given(st.permutations(range(6)))
def test_writes_go_in_the_order_in_which_they_came(ready_order: list[int]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            line = Line(nursery)
            events = [line.join(str(number))[0] for number in range(6)]
            for count, number in enumerate(ready_order, start=1):
                events[number].set()
                await wait_all_tasks_blocked()
                ready = set(ready_order[:count])
                # Each goes the moment that it and all before it are ready.
                assert line.gone == [str(n) for n in range(6) if ready >= set(range(n + 1))]
        assert line.order.is_free()

    trio.run(main)


@pytest.mark.parametrize("given_up", [0, 1])
async def test_a_write_that_is_given_up_holds_up_no_other(given_up: int) -> None:
    async with trio.open_nursery() as nursery:
        line = Line(nursery)
        places = [line.join(str(number)) for number in range(3)]
        places[2][0].set()
        await wait_all_tasks_blocked()
        assert line.gone == []
        places[given_up][1].cancel()
        await wait_all_tasks_blocked()
        assert line.gone == []
        assert not line.order.is_free()
        places[1 - given_up][0].set()
    assert line.gone == [str(1 - given_up), "2"]
    assert line.order.is_free()
