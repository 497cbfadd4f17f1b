"""Request keys: a write that is sent again with its key is applied once."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from support.samples import step, workspace
from support.writing import start
from workspaced.domain import bulk
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import Command, once
from workspaced.domain.draft import Draft
from workspaced.domain.errors import NameConflict
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol.models import Change, StoreRevision

STATE = State.of([workspace(1, name="Alpha")], revision=9)

WRITES: dict[str, Callable[[], Command]] = {
    "create": lambda: workspaces_.create("ws_new", "New", "/new", 50),
    "close": lambda: workspaces_.close("ws_01", None, 50),
    "update": lambda: workspaces_.update("ws_01", "Other", None, None, 50),
    "delete": lambda: workspaces_.delete("ws_01", None),
    "save": lambda: workspaces_.save(workspace(7), None),
    "remove": lambda: workspaces_.remove("ws_01"),
    "remove of an unknown id": lambda: workspaces_.remove("ws_99"),
    "apply of one": lambda: bulk.apply([Change(save=workspace(7))], None),
    "apply of two": lambda: bulk.apply([Change(save=workspace(7)), Change(remove="ws_01")], None),
    "apply of nothing": lambda: bulk.apply([], None),
    "flush": lambda: bulk.flush,
}


def test_without_a_key_a_write_is_applied_each_time() -> None:
    state, _ = step(STATE, once(None, workspaces_.save(workspace(7), None)))
    state, outcome = step(state, once(None, workspaces_.save(workspace(7), None)))
    assert state.revision == 11
    assert outcome.request_key is None


@pytest.mark.parametrize("write", WRITES)
def test_a_write_with_a_key_does_what_it_does_without(write: str) -> None:
    plain, plain_outcome = step(STATE, WRITES[write]())
    keyed, keyed_outcome = step(STATE, once("key", WRITES[write]()))
    assert keyed.workspaces() == plain.workspaces()
    assert keyed_outcome.changes == plain_outcome.changes
    assert keyed_outcome.touches_store  # the key must be durable before the answer
    assert list(keyed.request_keys) == ["key"]


@pytest.mark.parametrize("write", WRITES)
def test_a_repeat_changes_nothing(write: str) -> None:
    first, _ = step(STATE, once("key", WRITES[write]()))
    again, outcome = step(first, once("key", WRITES[write]()))
    assert (outcome.changes, outcome.events) == ((), ())
    assert not outcome.touches_store
    assert again.revision == first.revision
    assert again.workspaces() == first.workspaces()
    assert again.request_keys == first.request_keys


@pytest.mark.parametrize("write", ["apply of one", "apply of two", "apply of nothing", "flush"])
def test_the_revision_that_a_keyed_write_gives_is_the_one_of_the_store(write: str) -> None:
    # A client makes its next `ifRevision` of it.
    state, outcome = step(STATE, once("key", WRITES[write]()))
    assert outcome.result == StoreRevision(state.revision)
    step(state, bulk.apply([Change(remove="ws_99")], state.revision))


@pytest.mark.parametrize("write", ["create", "close", "update", "save"])
def test_a_repeat_is_answered_with_the_workspace_as_it_is_now(write: str) -> None:
    state, outcome = step(STATE, once("key", WRITES[write]()))
    _, repeated = step(state, once("key", WRITES[write]()))
    assert repeated.result == outcome.result
    assert outcome.changes[0].save is not None
    id_ = outcome.changes[0].save.id
    state, _ = step(state, workspaces_.update(id_, "Since then", None, None, 60))
    _, repeated = step(state, once("key", WRITES[write]()))
    assert repeated.result == state.get(id_)
    assert repeated.result is not None


@pytest.mark.parametrize("write", ["create", "close", "update", "save"])
def test_a_repeat_after_a_delete_is_answered_with_null(write: str) -> None:
    state, outcome = step(STATE, once("key", WRITES[write]()))
    assert outcome.changes[0].save is not None
    id_ = outcome.changes[0].save.id
    state, _ = step(state, workspaces_.delete(id_, None))
    again, repeated = step(state, once("key", WRITES[write]()))
    assert repeated.result is None
    assert again.get(id_) is None


@pytest.mark.parametrize("write", ["delete", "remove", "remove of an unknown id"])
def test_a_repeated_delete_is_answered_with_null(write: str) -> None:
    state, _ = step(STATE, once("key", WRITES[write]()))
    _, repeated = step(state, once("key", WRITES[write]()))
    assert repeated.result is None


def test_a_repeated_delete_does_not_delete_what_has_been_saved_since() -> None:
    state, _ = step(STATE, once("key", workspaces_.remove("ws_01")))
    state, _ = step(state, workspaces_.save(workspace(1, name="Alpha"), None))
    state, _ = step(state, once("key", workspaces_.remove("ws_01")))
    assert state.get("ws_01") is not None


def test_a_repeat_is_answered_by_the_command_for_repeats_where_there_is_one() -> None:
    command = once("key", WRITES["apply of two"](), repeat=bulk.current_revision)
    state, outcome = step(STATE, command)
    assert outcome.result == StoreRevision(11)
    state, _ = step(state, workspaces_.remove("ws_07"))
    state, outcome = step(state, command)
    assert outcome.result == StoreRevision(12)
    assert state.revision == 12


def test_a_repeat_goes_on_though_the_revision_that_it_names_is_past() -> None:
    command = once("key", workspaces_.close("ws_01", 0, 50))
    state, outcome = step(STATE, command)
    _, repeated = step(state, command)
    assert repeated.result == outcome.result


def test_a_refused_write_leaves_its_key_free() -> None:
    command = once("key", workspaces_.create("ws_new", "ALPHA", "/new", 50))
    with pytest.raises(NameConflict):
        step(STATE, command)
    state, _ = step(STATE, workspaces_.delete("ws_01", None))
    state, _ = step(state, command)
    assert state.get("ws_new") is not None


def test_keys_are_told_apart_exactly() -> None:
    state, _ = step(STATE, once("key", workspaces_.save(workspace(7), None)))
    for key in ("Key", "key ", "k", "ke\u0301y"):
        state, outcome = step(state, once(key, workspaces_.save(workspace(7), None)))
        assert outcome.changes
    assert state.revision == 14


def test_the_newest_256_keys_are_kept_and_older_ones_go_in_portions() -> None:
    state = State()
    kept = []
    for number in range(288):
        state, _ = step(state, once(f"key {number}", workspaces_.save(workspace(number), None)))
        state, _ = step(state, once(f"key {number}", workspaces_.remove("ws_99")))
        kept.append(len(state.request_keys))
    assert kept == [*range(1, 288), 256]
    assert list(state.request_keys) == [f"key {number}" for number in range(32, 288)]
    assert state.revision == 288
    for number in (32, 287):
        _, outcome = step(state, once(f"key {number}", workspaces_.remove(f"ws_{number:02}")))
        assert not outcome.changes
    _, outcome = step(state, once("key 31", workspaces_.remove("ws_31")))
    assert outcome.changes


def keyed(numbers: range) -> list[Command]:
    return [once(f"key {number}", workspaces_.save(workspace(number % 50), None)) for number in numbers]


def test_all_keys_of_a_batch_are_kept_until_the_next() -> None:
    """A kill before its answers would have each of its clients ask again."""
    draft = Draft(State())
    for command in keyed(range(1000)):
        draft.apply(command(draft))
    state = draft.freeze()
    assert list(state.request_keys) == [f"key {number}" for number in range(1000)]
    (command,) = keyed(range(1000, 1001))
    state, _ = step(state, command)
    assert list(state.request_keys) == [f"key {number}" for number in range(745, 1001)]


def test_keys_from_before_a_start_are_held_while_new_ones_come_and_go() -> None:
    state = State.of([], 300, {f"earlier {number}": None for number in range(300)})
    for command in keyed(range(300)):
        state, _ = step(state, command)
    assert list(state.request_keys) == [
        *(f"earlier {number}" for number in range(300)),
        *(f"key {number}" for number in range(32, 300)),
    ]


def test_a_loop_of_crashes_does_not_gather_keys_without_end() -> None:
    state = State.of([], 1, {f"earlier {number}": None for number in range(10_000)})
    assert next(iter(state.request_keys)) == "earlier 1808"
    assert len(state.request_keys) == 8192


async def test_a_minute_after_the_start_the_earlier_keys_are_forgotten_like_others(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of([], 10, {f"earlier {number}": None for number in range(10)})
    desk = await start(nursery, store)
    for command in keyed(range(280)):
        await desk.submit(command).result()
    mock_clock.jump(59)
    await desk.submit(once("key", workspaces_.remove("ws_01"))).result()
    kept = [*desk.writer.state.request_keys]
    assert (kept[0], kept[9], kept[10], len(kept)) == ("earlier 0", "earlier 9", "key 0", 291)
    mock_clock.jump(1)
    await desk.submit(once("last", workspaces_.remove("ws_02"))).result()
    kept = [*desk.writer.state.request_keys]
    assert (kept[0], kept[-1], len(kept)) == ("key 26", "last", 256)
