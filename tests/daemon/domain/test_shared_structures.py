"""TrieMap and SortedBlocks: like a dict and a sorted list of which each change makes another one."""

from collections.abc import Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspaced.domain.sorted_blocks import SortedBlocks
from workspaced.domain.trie_map import TrieMap


class Colliding(int):
    """A number of which thousands have one hash."""

    def __hash__(self) -> int:
        return int(self) % 3


KEYS = st.integers(0, 400) | st.integers(0, 400).map(Colliding) | st.integers(0, 400).map(lambda n: n << 40)
STEPS = st.lists(st.tuples(st.booleans(), KEYS), max_size=60)
START = st.integers(0, 3000)


def check(found: TrieMap[Hashable, int], wanted: dict[Hashable, int]) -> None:
    assert found == wanted
    assert len(found) == len(wanted)
    assert sorted(map(str, found)) == sorted(map(str, wanted))
    assert all(key in found and found[key] == wanted[key] for key in wanted)


@settings(deadline=None, max_examples=60)
@given(START, STEPS)
def test_a_map_is_what_a_dict_would_be_and_earlier_ones_stay(
    start: int, steps: list[tuple[bool, int]]
) -> None:
    wanted: dict[Hashable, int] = {f"key {number}": number for number in range(start)}
    found: TrieMap[Hashable, int] = TrieMap(wanted)
    kept = [(found, wanted)]
    for number, (is_put, key) in enumerate(steps):
        wanted = dict(wanted)
        if is_put:
            wanted[key], found = number, found.with_item(key, number)
        elif key in wanted:
            del wanted[key]
            found = found.without(key)
        else:
            with pytest.raises(KeyError):
                found.without(key)
        kept.append((found, wanted))
    for earlier, as_it_was in (kept[0], kept[len(kept) // 2], kept[-1]):
        check(earlier, as_it_was)


def test_a_map_of_keys_of_one_hash_holds_them_all() -> None:
    wanted = {Colliding(number): number for number in range(0, 900, 3)}
    found: TrieMap[Colliding, int] = TrieMap()
    for key, number in wanted.items():
        found = found.with_item(key, number)
    assert found == wanted == TrieMap(wanted)
    assert Colliding(1) not in found
    for key in wanted:
        found = found.without(key)
    assert not found


def test_a_map_does_not_follow_what_it_was_made_of() -> None:
    content = {"a": 1}
    found = TrieMap(content)
    content["b"] = 2
    assert found == {"a": 1}
    assert found.get("b") is None


def pair_key(pair: tuple[int, str]) -> int:
    return pair[0]


@settings(deadline=None, max_examples=60)
@given(START, st.lists(st.tuples(st.booleans(), st.integers(-10, 3010)), max_size=60))
def test_a_sequence_is_in_order_and_earlier_ones_stay(start: int, steps: list[tuple[bool, int]]) -> None:
    wanted = dict.fromkeys(range(0, start, 2), "")
    found = SortedBlocks(pair_key, reversed(wanted.items()))
    kept = [(found, wanted)]
    for number, (is_put, key) in enumerate(steps):
        wanted = dict(wanted)
        if is_put:
            wanted[key], found = str(number), found.with_item((key, str(number)))
        elif key in wanted:
            del wanted[key]
            found = found.without((key, ""))
        else:
            with pytest.raises(KeyError):
                found.without((key, ""))
        kept.append((found, wanted))
    for earlier, as_it_was in (kept[0], kept[len(kept) // 2], kept[-1]):
        assert [*earlier] == sorted(as_it_was.items())
        assert len(earlier) == len(as_it_was)


@pytest.mark.parametrize("falls", [False, True])
def test_a_sequence_that_grows_at_one_end_stays_in_order(falls: bool) -> None:
    found: SortedBlocks[tuple[int, str]] = SortedBlocks(pair_key)
    for number in range(3000):
        found = found.with_item((-number if falls else number, ""))
    keys = [key for key, _ in found]
    assert keys == sorted(keys)
    assert len(keys) == len(found) == 3000
    for key in keys:
        found = found.without((key, ""))
    assert [*found] == []
