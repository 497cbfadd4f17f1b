"""Commits: what one makes durable is there after the store was opened again, and what was refused changed nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from contract.conftest import Place
from support.samples import TEXT, commit, less_revision, project, stored_workspaces, workspace
from support.writing import create, start
from workspaced.domain import bulk, projects, undo, workspaces
from workspaced.domain.commands import Command, once
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.errors import NameConflict, NotFound, Refused
from workspaced.domain.projects import Reachable
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.request_keys import DROPPED_AT_ONCE, MAX_REQUEST_KEYS
from workspaced.domain.state import State
from workspaced.store import WorkspaceStore
from workspaced.store.contract import Commit, commit_of
from workspaced_protocol.models import Change, Peer, ProjectBinding, Workspace

CAUSE = Cause("cor_1", Peer(1, 2, "test"), "workspace.update")


def content(state: State) -> tuple[object, ...]:
    """All that a store has to keep of a state."""
    return (
        state.store_id,
        state.revision,
        [record.json for record in state.ordered],
        dict(state.names),
        [*state.request_keys.items()],
        state.recovery,
        state.history.complete_since,
        [*state.history.entries],
    )


def write(store: WorkspaceStore, *commands: Command) -> None:
    """Commit these commands as one batch, with their author."""
    draft = Draft(store.state)
    for number, command in enumerate(commands):
        draft.apply(command(draft), CAUSE, number)
    store.commit(commit_of(draft))


def save(one: Workspace) -> Command:
    return workspaces.save(one, None)


SECOND = workspace(2, projects=(project(1, "ws_02", "git@example.com:a/b.git"), project(2, "ws_02")))
HERE = Reachable("/here", (1, 2))
ELSEWHERE = structs.replace(
    workspace(1, projects=(structs.replace(project(1, "ws_01"), machine="devbox"),)), machine="laptop"
)
CHANGES: dict[str, list[Command]] = {
    "create": [workspaces.create("ws_new", "日本語 🚀", "/new", 5, ("b", "a"), {"app.key": [1, None, 2.5]})],
    "close": [workspaces.close("ws_01", None, 5)],
    "close and open": [workspaces.close("ws_01", None, 5), projects.open_("ws_01", None, {}, 6)],
    "rename": [workspaces.update("ws_01", "Another", "/other", None, 5)],
    "swap two names": [
        workspaces.update("ws_01", "X", None, None, 5),
        workspaces.update("ws_02", "Workspace 1", None, None, 5),
        workspaces.update("ws_01", "Workspace 2", None, None, 5),
    ],
    "delete": [workspaces.delete("ws_02", None)],
    "the deleted state": [save(workspace(2, state="deleted"))],
    "another time of creation": [save(structs.replace(SECOND, created_at=0))],
    "bind": [projects.bind("ws_01", "proj_new", "/here", None, {"/here": HERE}, 5)],
    "unbind": [projects.unbind("ws_02", "proj_01", 5)],
    "several at once": [bulk.apply([Change(save=workspace(3)), Change(remove="ws_01")], None)],
    "a restore": [bulk.restore([workspace(1, name="Old"), workspace(4)], None)],
    "the undo of a removal": [workspaces.delete("ws_02", None), undo.undo(3, None, 5)],
    "a key": [once("key", workspaces.close("ws_01", None, 5))],
    "a key without a change": [once("key", workspaces.remove("ws_none"))],
    "there and gone in one batch": [save(workspace(3)), workspaces.remove("ws_03")],
    "the same one many times": [
        workspaces.update("ws_01", f"N {number}", None, None, 5) for number in range(9)
    ],
}


@pytest.mark.requirement("FR-005", "T011")
@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_lasts(place: Place, change: str) -> None:
    write(place.store, save(workspace(1)), save(SECOND))
    write(place.store, *CHANGES[change])
    before = content(place.store.state)
    assert content(place.reopen().state) == before
    assert place.store.recovery.outcome == "clean"
    write(place.store, save(workspace(9)))
    before = content(place.store.state)
    assert content(place.reopen().state) == before


def test_a_notice_lasts_until_it_is_acknowledged(place: Place) -> None:
    notice = RecoveryNotice("recovered", "a file was damaged", ("/q/a",), 7)
    place.store.commit(Commit(replace(place.store.state, revision=1, recovery=notice), is_whole=True))
    assert place.reopen().state.recovery == notice
    write(place.store, bulk.acknowledge_recovery)
    assert place.reopen().state.recovery is None
    assert place.store.state.revision == 2


def test_only_the_newest_keys_last_and_in_order(place: Place) -> None:
    place.reopen()
    for first in range(0, 3 * MAX_REQUEST_KEYS, 100):
        write(
            place.store,
            *(once(f"key {number}", workspaces.remove("ws_x")) for number in range(first, first + 100)),
        )
    keys = [*place.store.state.request_keys]
    assert MAX_REQUEST_KEYS <= len(keys) < MAX_REQUEST_KEYS + DROPPED_AT_ONCE
    assert keys == [f"key {number}" for number in range(800)][-len(keys) :]
    assert [*place.reopen().state.request_keys] == keys


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(stored_workspaces(), max_size=3), key=TEXT.filter(bool))
@example(batches=[[ELSEWHERE], [workspace(1, projects=(project(1, "ws_01"),))]], key="key")
def test_whatever_is_committed_lasts(place: Place, batches: list[list[Workspace]], key: str) -> None:
    write(place.store, bulk.restore([], None))
    for batch in batches:
        write(place.store, bulk.restore(batch, None))
    command = once(key, workspaces.remove("ws_x"))
    write(place.store, command, command)
    before = content(place.store.state)
    assert content(place.reopen().state) == before
    stored: list[Workspace] = []
    for batch in batches:
        stored = with_kept_machines(batch, stored)
    wanted = sorted(stored, key=lambda one: (one.created_at, one.id))
    assert less_revision(place.store.get_all()) == wanted


def with_kept_machines(batch: list[Workspace], stored: list[Workspace]) -> list[Workspace]:
    """Return what a restore of the batch leaves: a path that comes without a machine keeps that of the same path before."""
    paths: dict[tuple[str, str, str], str | None] = {}
    for one in stored:
        paths[place_of(one, one)] = one.machine
        paths.update((place_of(one, each), each.machine) for each in one.projects)

    def kept(one: Workspace, each: Workspace | ProjectBinding) -> str | None:
        return each.machine or paths.get(place_of(one, each))

    return [
        structs.replace(
            one,
            machine=kept(one, one),
            projects=tuple(structs.replace(each, machine=kept(one, each)) for each in one.projects),
        )
        for one in batch
    ]


def place_of(one: Workspace, each: Workspace | ProjectBinding) -> tuple[str, str, str]:
    """Return where a path stands: the ids of the workspace and of what has the path, and the path."""
    return one.id, each.id, each.root_path


@pytest.mark.requirement("FR-002")
def test_what_is_refused_changes_nothing(place: Place) -> None:
    write(place.store, save(workspace(1)), save(workspace(2)))
    before = content(place.store.state)
    refused: list[tuple[type[Refused], Callable[[], object]]] = [
        (NameConflict, lambda: place.store.save(workspace(2, name="workspace 1"))),
        (NotFound, lambda: commit(place.store, workspaces.close("ws_none", None, 5))),
        (
            NameConflict,
            lambda: commit(
                place.store,
                bulk.apply([Change(save=workspace(3)), Change(save=workspace(4, name="WORKSPACE 1"))], None),
            ),
        ),
    ]
    for kind, attempt in refused:
        with pytest.raises(kind):
            attempt()
        assert content(place.store.state) == before
    assert content(place.reopen().state) == before


def test_each_commit_has_a_higher_revision_and_a_store_keeps_its_id(store: WorkspaceStore) -> None:
    id_, revisions = store.state.store_id, [store.state.revision]
    for number in (1, 2, 1):
        write(store, save(workspace(number)))
        revisions.append(store.state.revision)
    write(store, workspaces.remove("ws_01"), save(workspace(3)))
    revisions.append(store.state.revision)
    assert revisions == [0, 1, 2, 3, 5]
    store.commit(
        Commit(replace(store.state, revision=6, store_id="st_01KJQ3AX4M0123456789ABCDEF"), is_whole=True)
    )
    assert (store.state.revision, id_.startswith("st_")) == (6, True)


async def test_a_batch_is_one_commit_in_which_the_refused_leave_no_trace(
    nursery: trio.Nursery, place: Place
) -> None:
    desk = await start(nursery, place.store)
    replies = desk.create("A", "B", "a", "C")
    answers = [await reply.result() for reply in replies]
    assert [type(answer) for answer in answers] == [Workspace, Workspace, NameConflict, Workspace]
    assert desk.writer.commits.statistics().count == 1
    (more,) = [desk.submit(once("key", create("D")))]
    await more.result()
    desk.writer.stop()
    await desk.writer.finished.wait()
    state = desk.writer.state
    assert content(place.reopen().state) == content(state)
    assert [one.name for one in place.store.get_all()] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_start_without_a_write_changes_nothing(place: Place, is_whole: bool) -> None:
    write(place.store, save(workspace(1)))
    if is_whole:
        place.store.flush()
    before = content(place.store.state)
    for _ in range(3):
        assert content(place.reopen().state) == before
    assert not place.store.check().primary.corrupted
