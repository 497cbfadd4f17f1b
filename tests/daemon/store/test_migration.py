"""A store that becomes one of another kind: the same workspaces, history and request keys, and the old files kept."""

import os
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.documents import files_below, version_1_text
from support.samples import workspace
from support.share import TRIES_ALL
from support.two_kinds import BOTH, OTHER, do, filled, state_in
from workspaced.domain import commands, workspaces
from workspaced.domain.errors import RequestError
from workspaced.domain.history import History
from workspaced.store.contract import Commit
from workspaced.store.json import copying
from workspaced.store.kinds import OpenStore, open_store
from workspaced.store.migration import migrate
from workspaced.store.quarantine import KEPT_FILES
from workspaced.store.unfinished import Kind
from workspaced_protocol.datadir import DATABASE, EARLIER_HISTORY, HISTORY, PRIMARY, SNAPSHOT

FILE: dict[Kind, str] = {"json": PRIMARY, "sqlite": DATABASE}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_all_of_it_is_carried_over(data_dir: Path) -> None:
    for kind in BOTH:
        before = filled(data_dir / kind, kind)
        migrate(data_dir / kind, OTHER[kind], print)
        after = state_in(data_dir / kind)
        assert after == before
        assert [*after.request_keys.items()] == [*before.request_keys.items()]
        assert list(after.request_keys)[-1] == "a key before them"
        assert after.history.entries == before.history.entries
        assert after.history.complete_since == before.history.complete_since == 0


def test_there_and_back_gives_the_same_bytes(data_dir: Path) -> None:
    filled(data_dir, "json")
    before = {name: (data_dir / name).read_bytes() for name in (PRIMARY, SNAPSHOT)}
    for kind in ("sqlite", "json", "sqlite", "json"):
        migrate(data_dir, kind, print)
    assert {name: (data_dir / name).read_bytes() for name in before} == before
    assert [name for name in os.listdir(data_dir) if "migration" in name or name.startswith(".")] == []


@pytest.mark.parametrize("kind", BOTH)
def test_the_old_files_are_kept_in_quarantine(data_dir: Path, kind: Kind) -> None:
    filled(data_dir, kind)
    before = (data_dir / FILE[kind]).read_bytes()
    migrate(data_dir, OTHER[kind], print)
    assert not (data_dir / FILE[kind]).exists()
    (kept,) = (data_dir / "quarantine").glob(f"*Z-migrated-{FILE[kind]}")
    assert kept.read_bytes() == before


def test_a_store_of_that_kind_is_left_alone(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(data_dir, "json")
    before = files_below(data_dir)
    migrate(data_dir, "json", print)
    assert "a JSON store already" in capsys.readouterr().out
    assert files_below(data_dir) == before


def test_a_store_of_version_1_is_carried_over(data_dir: Path) -> None:
    data_dir.mkdir(0o700)
    text = version_1_text([workspace(1), workspace(2)])
    (data_dir / PRIMARY).write_text(text)
    with closing(open_store("auto", data_dir, socket="")) as store:
        before = store.state  # its id is the same at each start
    # That start has written both files anew.
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(text)
    migrate(data_dir, "sqlite", print)
    after = state_in(data_dir)
    assert after.records == before.records
    assert after.revision == 0
    assert after.store_id.startswith("st_")
    (kept,) = (data_dir / "quarantine").glob(f"*Z-migrated-{PRIMARY}")
    assert kept.read_text() == text
    migrate(data_dir, "json", print)
    assert state_in(data_dir).store_id == after.store_id


def test_a_gap_in_the_history_stays_one(data_dir: Path) -> None:
    filled(data_dir, "json")
    lines = (data_dir / HISTORY).read_bytes().splitlines(keepends=True)
    (data_dir / HISTORY).write_bytes(b"".join([*lines[:2], *lines[3:]]))
    before = state_in(data_dir)
    assert before.history.complete_since > 0
    for kind in ("sqlite", "json"):
        migrate(data_dir, kind, print)
        after = state_in(data_dir)
        assert after.history.entries == before.history.entries
        assert after.history.complete_since == before.history.complete_since


def test_a_history_of_two_files_comes_back_in_two(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MAX_HISTORY_BYTES", 700)
    before = filled(data_dir, "sqlite")
    told: list[str] = []
    migrate(data_dir, "json", told.append)
    assert 0 < (data_dir / HISTORY).stat().st_size <= 700
    assert (data_dir / EARLIER_HISTORY).stat().st_size > 0
    after = state_in(data_dir).history
    lacking = len(before.history) - len(after)
    assert after.entries == before.history.entries[lacking:]
    assert lacking > 0
    assert any(f"no room for the oldest {lacking} change" in each for each in told)


def test_a_quarantine_that_is_full_keeps_the_old_store(data_dir: Path) -> None:
    filled(data_dir, "json")
    before = (data_dir / PRIMARY).read_bytes()
    folder = data_dir / "quarantine"
    older = [f"20200101T000000.{number:06}Z-edited-{PRIMARY}" for number in range(KEPT_FILES)]
    for name in older:
        (folder / name).write_text("older")
    migrate(data_dir, "sqlite", print)
    (kept,) = folder.glob(f"*Z-migrated-{PRIMARY}")
    assert kept.read_bytes() == before
    assert {*older} <= {*os.listdir(folder)}


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["save", "remove", "key", "forget"]),
        st.integers(1, 6),
        st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8),
    ),
    max_size=12,
)


@given(WRITES, st.sampled_from(BOTH))
@settings(deadline=None, max_examples=200 if TRIES_ALL else 8)
def test_any_store_goes_there_and_back(writes: list[tuple[str, int, str]], kind: Kind) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with closing(open_store(kind, data_dir, socket="")) as store:
            for what, number, name in writes:
                with suppress(RequestError):  # such as a name that is taken
                    write(store, what, number, name)
        before = state_in(data_dir)
        text = (data_dir / PRIMARY).read_bytes() if before.revision and kind == "json" else None
        for to in (OTHER[kind], kind):
            migrate(data_dir, to, lambda _: None)
            after = state_in(data_dir)
            assert replace(after, store_id=before.store_id) == before
            assert after.store_id == before.store_id or not before.revision
            assert [*after.request_keys.items()] == [*before.request_keys.items()]
            assert after.history.entries == before.history.entries
            assert after.history.complete_since == before.history.complete_since
        assert text is None or (data_dir / PRIMARY).read_bytes() == text


def write(store: OpenStore, what: str, number: int, name: str) -> None:
    if what == "save":
        do(store, workspaces.save(workspace(number, name=name), None))
    elif what == "remove":
        do(store, workspaces.remove(f"ws_{number:02}"))
    elif what == "key":
        do(store, commands.once(name, workspaces.save(workspace(number), None)))
    else:  # the history begins anew, as after a recovery
        state = replace(store.state, revision=store.state.revision + 1)
        history = History(complete_since=state.revision)
        store.commit(Commit(replace(state, history=history), is_whole=True))
