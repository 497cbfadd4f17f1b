"""Ids: their form, and that a later one is always higher (FR-010)."""

import re
import threading
from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from ulid import ULID

from workspaced.domain.ids import IdFactory
from workspaced_protocol.models import ProjectId, WorkspaceId

pytestmark = pytest.mark.requirement("FR-010")

# Crockford's base 32 in 26 characters; the first holds 3 bits (the ULID specification, “Canonical String
# Representation”).
ULID_FORM = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"

DEADLINE_SECONDS = 30  # far more than a loaded machine needs to run a thread


def ulid_of(id_: str) -> str:
    return id_.partition("_")[2]


def kinds(ids: IdFactory) -> list[Callable[[], str]]:
    return [ids.workspace, ids.project, ids.session, ids.correlation]


def test_each_kind_has_its_prefix_and_a_ulid() -> None:
    ids = IdFactory()
    for make, prefix in zip(kinds(ids), ["ws", "proj", "ss", "cor"], strict=True):
        id_ = make()
        assert re.fullmatch(f"{prefix}_{ULID_FORM}", id_)
        assert quote(id_, safe="") == id_  # URL-safe: nothing in it needs an escape


def test_ids_are_what_the_protocol_takes() -> None:
    ids = IdFactory()
    assert msgspec.convert(ids.workspace(), WorkspaceId)
    assert msgspec.convert(ids.project(), ProjectId)


def test_an_id_holds_the_time_it_was_made() -> None:
    ids = IdFactory(lambda: 1_772_449_264_788)
    assert ULID.from_str(ulid_of(ids.workspace())).milliseconds == 1_772_449_264_788


def test_without_a_clock_of_its_own_an_id_holds_the_wall_clock() -> None:
    before = ULID().milliseconds
    made = ULID.from_str(ulid_of(IdFactory().workspace())).milliseconds
    assert before <= made <= ULID().milliseconds


def test_ids_rise_within_one_millisecond() -> None:
    ids = IdFactory(lambda: 1000)
    made = [ulid_of(make()) for _ in range(2500) for make in kinds(ids)]
    assert made == sorted(set(made))
    assert {ULID.from_str(ulid).milliseconds for ulid in made} == {1000}


def test_ids_rise_with_the_clock() -> None:
    clock = iter(range(1000, 2000))
    ids = IdFactory(lambda: next(clock))
    made = [ids.workspace() for _ in range(1000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([1000, 999], id="by a millisecond"),
        pytest.param([1000, 0], id="to 1970"),
        pytest.param([1000, -5], id="before 1970"),
        pytest.param([1000, 10, 20, 999, 1000, 1001, 500, 1002], id="back and forth"),
        pytest.param([2**48 - 1, 5, 6], id="from the last time that a ULID holds"),
    ],
)
def test_ids_rise_though_the_clock_steps_back(times: list[int]) -> None:
    clock = iter([time for time in times for _ in range(50)])
    ids = IdFactory(lambda: next(clock))
    made = [ids.workspace() for _ in range(50 * len(times))]
    assert made == sorted(set(made))


def test_ids_of_many_threads_differ_and_rise_in_each() -> None:
    ids = IdFactory()
    threads = 4
    made: list[list[str]] = [[] for _ in range(threads)]
    barrier = threading.Barrier(threads)

    def make(own: list[str]) -> None:
        barrier.wait(DEADLINE_SECONDS)
        own += [ids.workspace() for _ in range(2000)]

    workers = [threading.Thread(target=make, args=(own,)) for own in made]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE_SECONDS)
    assert [len(own) for own in made] == [2000] * threads
    for own in made:
        assert own == sorted(own)
    assert len({id_ for own in made for id_ in own}) == 2000 * threads


def test_an_id_is_higher_than_all_that_were_there_however_threads_take_turns() -> None:
    # One thread has read the clock and is held up; another makes an id at a later time; then the clock
    # steps back. What the first does with its old reading must not let a third id fall below the second.
    held_up, go_on = threading.Event(), threading.Event()
    made: list[str] = []
    now_ms = 1000

    def clock_ms() -> int:
        read = now_ms
        if threading.current_thread() is slow:
            held_up.set()
            assert go_on.wait(DEADLINE_SECONDS)
        return read

    ids = IdFactory(clock_ms)
    slow = threading.Thread(target=ids.workspace)
    quick = threading.Thread(target=lambda: made.append(ids.workspace()))
    slow.start()
    assert held_up.wait(DEADLINE_SECONDS)
    now_ms = 1001
    quick.start()
    quick.join(0.2)  # a factory that makes one id at a time lets it wait for the slow thread: then go on
    go_on.set()
    for thread in (slow, quick):
        thread.join(DEADLINE_SECONDS)
    now_ms = 1000
    later = ids.workspace()
    assert later > made[0]
