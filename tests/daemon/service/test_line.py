"""The line of a connection's writes: whatever the order in which they get ready, they go as they came."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from workspaced.service.order import WriteLine


def going(gone: list[str], name: str) -> Callable[[], bool]:
    """A write that goes when its turn comes."""

    def go() -> bool:
        gone.append(name)
        return True

    return go


@settings(deadline=None, max_examples=150)
@given(st.permutations(range(6)))
def test_writes_go_in_the_order_in_which_they_came(ready_order: list[int]) -> None:
    line = WriteLine()
    gone: list[str] = []
    turns = [line.join() for _ in ready_order]
    for count, number in enumerate(ready_order, start=1):
        turns[number].ready(going(gone, str(number)))
        ready = set(ready_order[:count])
        # Each goes the moment that it and all before it are ready.
        assert gone == [str(n) for n in range(6) if ready >= set(range(n + 1))]
    assert line.is_empty()


def test_a_write_that_is_ready_waits_for_the_one_before_it() -> None:
    line = WriteLine()
    gone: list[str] = []
    slow = line.join()
    line.join().ready(going(gone, "quick"))
    assert gone == []
    assert not line.is_empty()
    slow.ready(going(gone, "slow"))
    assert gone == ["slow", "quick"]


def test_a_write_that_is_not_ready_after_all_keeps_its_place() -> None:
    line = WriteLine()
    gone: list[str] = []
    hesitant = line.join()
    line.join().ready(going(gone, "second"))
    hesitant.ready(lambda: False)
    assert gone == []
    hesitant.ready(going(gone, "first"))
    assert gone == ["first", "second"]
    assert line.is_empty()
