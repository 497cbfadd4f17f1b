"""What can be saved after a loss: shown, chosen, brought back once, and never over what is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for
from support.daemon_process import DaemonProcess, running_daemon
from support.documents import store_text, workspace_json

ALPHA, BETA, GAMMA = (
    workspace_json(number, 1, name=name) for number, name in enumerate(("Alpha", "Beta", "Gamma"))
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A daemon that lost its store: both files were damaged, one workspace lies beyond the damage."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    whole = store_text([ALPHA, BETA, GAMMA])
    (data_dir / "workspaces.json").write_text(whole[: whole.index(GAMMA["id"]) + 9])
    (data_dir / "workspaces.snapshot.json").write_text(whole[: whole.index(BETA["id"]) + 9])
    with running_daemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def ctl(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Ctl:
    return ctl_for(daemon.socket, capsys)


def names(ctl: Ctl) -> list[str]:
    return [each["name"] for each in ctl("list", "--json").json]


@pytest.mark.requirement("FR-007")
def test_a_loss_is_told_in_full_with_what_can_be_saved(ctl: Ctl) -> None:
    told = ctl("recovery", "show").out
    assert told.startswith("Workspaces were lost at 2")
    assert told.count("quarantine") == 2
    assert "2 workspaces in them can be saved: “Alpha”, “Beta”.\n" in told
    assert "`workspacectl recovery salvage`" in told
    document = ctl("recovery", "show", "--json").json
    assert document["outcome"] == "dataLoss"
    assert [each["name"] for each in document["salvageable"]] == ["Alpha", "Beta"]


@pytest.mark.requirement("FR-007")
def test_what_can_be_saved_is_shown_first_and_brought_back_whole(ctl: Ctl) -> None:
    preview = ctl("recovery", "salvage", "--dry-run")
    assert preview.out.splitlines() == [
        f"+ Alpha  {ALPHA['rootPath']} (active, 1 project)",
        f"+ Beta  {BETA['rootPath']} (closed, 1 project)",
        "2 workspaces can be brought back.",
    ]
    assert names(ctl) == []
    unasked = ctl("recovery", "salvage")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert names(ctl) == []
    done = ctl("recovery", "salvage", "--yes")
    assert (done.code, done.out.splitlines()[-2:]) == (
        0,
        [
            "Brought back 2 workspaces.",
            "The warning stays, because others may be missing: `workspacectl recovery ack` ends it.",
        ],
    )
    saved = ctl("list", "--json").json
    assert [{**each, "revision": 1} for each in saved] == [ALPHA, BETA]
    again = ctl("recovery", "salvage", "--yes")
    assert again.out.splitlines() == [
        f"= Alpha  {ALPHA['rootPath']}  is there already",
        f"= Beta  {BETA['rootPath']}  is there already",
        "Nothing to bring back: everything is in the store already.",
    ]
    assert "The store holds every workspace that can still be read in them.\n" in ctl("recovery", "show").out


def test_one_can_be_chosen_by_name_or_id(ctl: Ctl) -> None:
    assert ctl("recovery", "salvage", "beta", "--yes", "--quiet").out == ""
    assert names(ctl) == ["Beta"]
    assert ctl("recovery", "salvage", ALPHA["id"], "--yes").code == 0
    assert names(ctl) == ["Alpha", "Beta"]
    unknown = ctl("recovery", "salvage", "Gamma", "--yes")
    assert unknown.code == 1
    assert "The damaged files hold no complete workspace “Gamma”" in unknown.err


def test_what_looks_like_an_id_is_never_taken_for_a_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    whole = store_text([workspace_json(9, 1, name=ALPHA["id"]), BETA])
    (data_dir / "workspaces.json").write_text(whole[: whole.index(BETA["id"]) + 9])
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        result = ctl("recovery", "salvage", ALPHA["id"], "--yes")
        assert (result.code, names(ctl)) == (1, [])
        assert f"The damaged files hold no complete workspace “{ALPHA['id']}”" in result.err
        assert ctl("recovery", "salvage", workspace_json(9, 1)["id"], "--yes").code == 0
        assert names(ctl) == [ALPHA["id"]]


def test_what_is_in_the_store_is_never_overwritten(ctl: Ctl) -> None:
    taken = ctl("create", "ALPHA", "/srv/new", "--json").json
    ctl("recovery", "salvage", "beta", "--yes")
    ctl("rename", "beta", "other")
    before = ctl("list", "--json").json
    document = ctl("recovery", "salvage", "--yes", "--json").json
    told = ctl("recovery", "salvage").out.splitlines()
    assert told[-1] == "Nothing can be brought back at present."
    assert ctl("list", "--json").json == before
    assert (document["saved"], document["present"]) == ([], [])
    assert {each["name"]: each["reason"] for each in document["left"]} == {
        "Alpha": f"the name is taken by “{taken['name']}” at {taken['rootPath']}",
        "Beta": "it is in the store already, with other content",
    }
    assert "2 workspaces in them can't be brought back at present" in ctl("recovery", "show").out


def test_without_a_recovery_there_is_nothing_to_save(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        assert ctl("recovery", "show").out == "Nothing had to be recovered: the store was in order.\n"
        result = ctl("recovery", "salvage", "--yes")
        assert (result.code, result.out) == (0, "There are no damaged files.\n")


def test_a_snapshot_that_was_set_aside_is_told_though_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    whole = store_text([ALPHA, BETA])
    (data_dir / "workspaces.json").write_text(whole)
    (data_dir / "workspaces.snapshot.json").write_text(whole[:-9])
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        told = ctl("recovery", "show").out.splitlines()
        (copy,) = ctl("recovery", "show", "--json").json["quarantined"]
    assert Path(copy).read_text() == whole[:-9]
    assert told == [
        "Nothing had to be recovered: the store was in order.",
        "The files as they were:",
        f"  {copy}",
        "The store holds every workspace that can still be read in them.",
    ]
