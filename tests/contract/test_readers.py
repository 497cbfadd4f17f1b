"""Readers in other threads: while commits go on, each sees a state that was durable, whole and unchanging."""

import threading

import pytest
from msgspec import structs

from contract.conftest import Place
from support.samples import commit, workspace
from workspaced.domain import bulk
from workspaced.domain.commands import Command
from workspaced.store import WorkspaceStore
from workspaced_protocol.models import Change

COMMITS = 12


def pair(number: int) -> Command:
    """Two workspaces that change together."""
    both = (structs.replace(workspace(each), updated_at=number) for each in (1, 2))
    return bulk.apply([Change(save=one) for one in both], None)


def read_until(ended: threading.Event, store: WorkspaceStore, wrong: list[object]) -> None:
    newest = 0
    while not ended.is_set():
        state = store.state
        seen = [record.workspace.updated_at for record in state.ordered]
        again = [each.updated_at for each in state.workspaces()]
        if len({*seen}) != 1 or seen != again or state.revision < newest or state.revision % 2:
            wrong.append((state.revision, newest, seen, again))
        newest = state.revision


def test_no_reader_sees_half_a_commit(store: WorkspaceStore) -> None:
    commit(store, pair(0))
    ended, wrong = threading.Event(), list[object]()
    readers = [threading.Thread(target=read_until, args=(ended, store, wrong)) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, COMMITS):
            commit(store, pair(number))
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert store.state.revision == 2 * COMMITS


@pytest.mark.requirement("T015")
def test_a_check_beside_commits_finds_no_damage(place: Place) -> None:
    commit(place.store, pair(0))
    ended, found = threading.Event(), list[object]()

    def check() -> None:
        while not ended.is_set():
            checked = place.store.check()
            found.append((checked.primary.corrupted, checked.snapshot.corrupted))

    checking = threading.Thread(target=check)
    checking.start()
    try:
        for number in range(1, COMMITS):
            commit(place.store, pair(number))
    finally:
        ended.set()
        checking.join()
    assert {*found} == {(False, False)}
