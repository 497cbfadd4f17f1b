"""Which kind of store serves a data directory: what lies there, or what the settings ask for."""

from contextlib import closing
from pathlib import Path

import pytest

from support.documents import files_below
from support.samples import workspace
from workspaced.store.contract import StoreUnusable
from workspaced.store.kinds import Choice, OtherKind, open_store
from workspaced.store.unfinished import Kind
from workspaced_protocol.datadir import DATABASE, PRIMARY, SNAPSHOT

KINDS: tuple[Kind, ...] = ("json", "sqlite")
FILE = {"json": PRIMARY, "sqlite": DATABASE}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def serve(choice: Choice, data_dir: Path) -> list[str]:
    """Open the store, save one workspace if there is none, and return the names of all."""
    with closing(open_store(choice, data_dir, socket="")) as store:
        if not store.get_all():
            store.save(workspace(1))
        return [each.name for each in store.get_all()]


@pytest.mark.parametrize(("choice", "kind"), [("auto", "json"), ("json", "json"), ("sqlite", "sqlite")])
def test_a_new_directory_gets_the_kind_that_is_asked_for(data_dir: Path, choice: Choice, kind: Kind) -> None:
    assert serve(choice, data_dir) == ["Workspace 1"]
    assert [(data_dir / FILE[each]).exists() for each in KINDS] == [each == kind for each in KINDS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_named", [False, True])
def test_what_lies_there_goes_on_serving(data_dir: Path, kind: Kind, is_named: bool) -> None:
    serve(kind, data_dir)
    assert serve(kind if is_named else "auto", data_dir) == ["Workspace 1"]
    assert not (data_dir / FILE["json" if kind == "sqlite" else "sqlite"]).exists()


def test_a_snapshot_alone_is_a_json_store(data_dir: Path) -> None:
    serve("json", data_dir)
    (data_dir / PRIMARY).unlink()
    assert serve("auto", data_dir) == ["Workspace 1"]
    (data_dir / PRIMARY).unlink()
    with pytest.raises(OtherKind, match="JSON"):
        serve("sqlite", data_dir)
    assert (data_dir / SNAPSHOT).exists()


def test_a_lost_database_is_not_taken_for_a_new_directory(data_dir: Path) -> None:
    serve("sqlite", data_dir)
    (data_dir / DATABASE).unlink()
    with closing(open_store("auto", data_dir, socket="")) as store:
        assert store.recovery.outcome == "dataLoss"
    assert not (data_dir / PRIMARY).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_than_asked_for_is_refused_and_untouched(data_dir: Path, kind: Kind) -> None:
    serve(kind, data_dir)
    before = files_below(data_dir)
    asked: Kind = "json" if kind == "sqlite" else "sqlite"
    with pytest.raises(OtherKind) as refused:
        open_store(asked, data_dir, socket="")
    assert str(data_dir) in refused.value.message
    assert f"workspaced migrate --to {asked}" in refused.value.message
    assert f"the setting `store` is {asked}" in refused.value.message
    assert files_below(data_dir) == before


def test_of_two_stores_in_one_directory_a_user_chooses(data_dir: Path, tmp_path: Path) -> None:
    serve("json", data_dir)
    serve("sqlite", tmp_path / "other")
    (tmp_path / "other" / DATABASE).rename(data_dir / DATABASE)
    before = files_below(data_dir)
    with pytest.raises(OtherKind, match=f"holds two stores .*{PRIMARY}.*{DATABASE}"):
        open_store("auto", data_dir, socket="")
    assert files_below(data_dir) == before
    for kind in KINDS:
        assert serve(kind, data_dir) == ["Workspace 1"]


def test_a_directory_that_can_not_be_read_is_said_to_be(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(StoreUnusable, match="data"):
        open_store("auto", data_dir, socket="")
    assert data_dir.read_text() == "a file"
