"""The line of a connection's writes: whatever the order in which they get ready, they go as they came."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from workspaced.line import Dependences, WriteLine


@settings(deadline=None, max_examples=150)
@given(st.permutations(range(6)))
def test_writes_go_in_the_order_in_which_they_came(ready_order: list[int]) -> None:
    line = WriteLine()
    gone: list[int] = []
    turns = [line.join() for _ in ready_order]
    for count, number in enumerate(ready_order, start=1):
        turns[number].ready(partial(gone.append, number))
        ready = set(ready_order[:count])
        # Each goes the moment that it and all before it are ready.
        assert gone == [n for n in range(6) if ready >= set(range(n + 1))]
    assert line.is_empty()


def test_a_write_that_is_ready_waits_for_the_one_before_it() -> None:
    line = WriteLine()
    gone: list[str] = []
    slow = line.join()
    line.join().ready(lambda: gone.append("quick"))
    assert gone == []
    assert not line.is_empty()
    slow.ready(lambda: gone.append("slow"))
    assert gone == ["slow", "quick"]


def test_a_call_waits_for_the_writes_before_it_and_for_none_behind_it() -> None:
    dependences = Dependences()
    called: list[str] = []
    dependences.then(partial(called.append, "before all"))
    assert called == ["before all"]
    first, second = dependences.begin(), dependences.begin()
    dependences.then(partial(called.append, "behind two"))
    third = dependences.begin()
    dependences.then(partial(called.append, "behind three"))
    second()
    assert called == ["before all"]
    first()
    assert called == ["before all", "behind two"]
    third()
    assert called == ["before all", "behind two", "behind three"]
    dependences.then(partial(called.append, "last"))
    assert called[-1] == "last"
