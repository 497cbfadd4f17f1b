"""The way back after damage: what warnings say, what helps, for how long, and what ends them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for
from support.daemon_process import DaemonProcess, running_daemon
from support.documents import store_text, verified, version_1_text, workspace_json

pytestmark = pytest.mark.requirement("FR-007")

ALPHA, BETA, GAMMA = (
    workspace_json(number, 1, name=name) for number, name in enumerate(("Alpha", "Beta", "Gamma"))
)
WHOLE = store_text([ALPHA, BETA, GAMMA])
FLIPPED = WHOLE.replace('"_checksum":"', '"_checksum":"0')
"""Damaged, with the whole list of workspaces."""

CUT = WHOLE[: WHOLE.index(GAMMA["id"]) + 9]
GARBAGE = "not a store at all"
SALVAGE = "`workspacectl recovery salvage` can bring back"
ENDED = "No lost workspace is missing any more: this ends the warning."

StartOn = Callable[..., tuple[DaemonProcess, Ctl]]


@pytest.fixture
def start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[StartOn]:
    """Start the daemon on a primary and a snapshot of this text, None for a missing file."""
    stack = ExitStack()

    def start_on(primary: str | None, snapshot: str | None) -> tuple[DaemonProcess, Ctl]:
        data_dir = tmp_path / "data"
        data_dir.mkdir(mode=0o700, exist_ok=True)
        put(data_dir, primary, snapshot)
        daemon = stack.enter_context(running_daemon(tmp_path))
        return daemon, ctl_for(daemon.socket, capsys)

    with stack:
        yield start_on


def put(data_dir: Path, primary: str | None, snapshot: str | None) -> None:
    for name, text in (("workspaces.json", primary), ("workspaces.snapshot.json", snapshot)):
        if text is not None:
            (data_dir / name).write_text(text)
        else:
            (data_dir / name).unlink(missing_ok=True)


def names(ctl: Ctl) -> list[str]:
    return [each["name"] for each in ctl("list", "--json").json]


def warning(ctl: Ctl) -> str:
    """The warning of a command, on one line; empty if there is none."""
    told = ctl("list", "--quiet").err
    assert told.count("\n") == bool(told)
    assert len(told) < 200
    assert told.count("`workspacectl ") == bool(told)
    return told


def store_line(ctl: Ctl) -> str:
    return next(line for line in ctl("status").out.splitlines() if line.startswith("Store "))


@pytest.mark.parametrize(
    ("primary", "snapshot", "saved"),
    [
        (FLIPPED, FLIPPED, ["Alpha", "Beta", "Gamma"]),
        (CUT, GARBAGE, ["Alpha", "Beta"]),
        (None, CUT, ["Alpha", "Beta"]),
        ("", FLIPPED, ["Alpha", "Beta", "Gamma"]),
    ],
    ids=["both flipped", "cut and garbage", "missing and cut", "empty and flipped"],
)
def test_salvage_works_after_the_acknowledgement_and_a_restart(
    start: StartOn, primary: str, snapshot: str, saved: list[str]
) -> None:
    daemon, ctl = start(primary, snapshot)
    assert f"{SALVAGE} {len(saved)} workspaces." in warning(ctl)
    assert ctl("recovery", "ack").out == "Acknowledged.\n"
    assert warning(ctl) == ""
    daemon.restart(signal.SIGKILL)
    daemon.restart()
    shown = ctl("recovery", "show").out
    assert f"{len(saved)} workspaces in them can be saved" in shown
    assert "quarantine/" in shown
    assert ctl("recovery", "salvage", "--yes").code == 0
    assert names(ctl) == saved


def test_a_store_that_lost_its_data_is_not_called_ok(start: StartOn) -> None:
    daemon, ctl = start(FLIPPED, GARBAGE)
    assert "ok" not in store_line(ctl).lower().split()
    assert "lost" in store_line(ctl)
    assert f"{SALVAGE} 3 workspaces from them." in ctl("status").out
    assert "warning" not in ctl("status").err  # it is told in full
    assert ctl("status", "--json").json["store"] == {"state": "ok"}
    daemon.restart()
    assert "lost" in store_line(ctl)
    assert "`workspacectl recovery salvage` can bring back 3" in daemon.stderr
    ctl("recovery", "ack")
    assert store_line(ctl).split() == ["Store", "ok"]


def test_an_acknowledgement_of_nothing_changes_nothing(start: StartOn) -> None:
    daemon, ctl = start(WHOLE, WHOLE)
    before = ctl("status", "--json").json
    files = (daemon.data_dir / "workspaces.json").stat()
    for _ in range(2):
        assert ctl("recovery", "ack").out == "There was nothing to acknowledge.\n"
    after = ctl("status", "--json").json
    assert (after["revision"], after["commits"]) == (before["revision"], before["commits"])
    assert (daemon.data_dir / "workspaces.json").stat() == files


@pytest.mark.parametrize(("primary", "snapshot"), [(FLIPPED, FLIPPED), (CUT, GARBAGE), (GARBAGE, GARBAGE)])
def test_a_restore_that_brings_all_back_ends_the_warning(
    start: StartOn, tmp_path: Path, primary: str, snapshot: str
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(WHOLE)
    daemon, ctl = start(primary, snapshot)
    assert warning(ctl).startswith("warning: Workspaces were lost at ")
    assert ctl("restore", str(copy), "--yes").out.splitlines()[-1] == ENDED
    assert warning(ctl) == ""
    daemon.restart(signal.SIGKILL)
    assert warning(ctl) == ""
    assert names(ctl) == ["Alpha", "Beta", "Gamma"]


def test_a_restore_that_leaves_one_missing_does_not_end_it(start: StartOn, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(store_text([ALPHA, GAMMA]))
    _, ctl = start(FLIPPED, GARBAGE)
    told = ctl("restore", str(copy), "--yes").out.splitlines()[-1]
    assert told == f"{SALVAGE} 1 more workspace."
    assert f"{SALVAGE} 1 workspace." in warning(ctl)
    assert ctl("recovery", "salvage", "--yes").out.splitlines()[-1] == ENDED
    assert warning(ctl) == ""


def test_a_restore_that_changes_nothing_more_ends_it_too(start: StartOn, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    _, ctl = start(CUT, GARBAGE)
    ctl("recovery", "salvage", "--yes")
    assert "`workspacectl recovery show` tells what can be done." in warning(ctl)
    ctl("backup", str(copy))
    assert ctl("restore", str(copy), "--yes").out.splitlines()[-1] == ENDED
    assert warning(ctl) == ""


def test_a_salvage_ends_it_only_if_the_files_show_all_that_they_held(start: StartOn) -> None:
    _, ctl = start(GARBAGE, FLIPPED)
    ctl("recovery", "salvage", "beta", "--yes")
    assert f"{SALVAGE} 2 workspaces." in warning(ctl)
    assert ctl("recovery", "salvage", "--yes").out.splitlines()[-2:] == ["Brought back 2 workspaces.", ENDED]
    assert warning(ctl) == ""


def test_an_import_that_brings_all_back_ends_it(start: StartOn, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text(version_1_text([ALPHA, BETA, GAMMA]))
    _, ctl = start(FLIPPED, FLIPPED)
    assert ctl("import", str(export), "--yes").out.splitlines()[-1] == ENDED
    assert warning(ctl) == ""


def test_other_writes_leave_the_warning(start: StartOn) -> None:
    daemon, ctl = start(FLIPPED, FLIPPED)
    assert ctl("create", "new", "/srv/new").code == 0
    assert ctl("flush").code == 0
    daemon.restart()
    assert f"{SALVAGE} 3 workspaces." in warning(ctl)


def test_several_losses_in_a_row_lose_nothing_of_the_first(start: StartOn) -> None:
    daemon, ctl = start(CUT, CUT)
    ctl("create", "new", "/srv/new")
    for number in range(2):
        daemon.kill()
        put(daemon.data_dir, f"{GARBAGE} {number}", GARBAGE)
        daemon.start()
    assert f"{SALVAGE} 2 workspaces." in warning(ctl)
    ctl("recovery", "salvage", "--yes")
    assert names(ctl) == ["Alpha", "Beta"]
    assert "warning: Workspaces were lost" in warning(ctl)  # of those beyond the damage nothing is known


def test_damage_of_one_file_names_what_ends_the_warning(start: StartOn) -> None:
    daemon, ctl = start(CUT, WHOLE)
    assert warning(ctl).endswith("`workspacectl recovery ack` ends this warning.\n")
    assert "recovered" in store_line(ctl)
    daemon.kill()
    (daemon.data_dir / "workspaces.json").write_text(GARBAGE)  # again, at a second start
    daemon.start()
    assert warning(ctl).startswith("warning: The store had to be recovered at ")
    assert names(ctl) == ["Alpha", "Beta", "Gamma"]
    ctl("recovery", "ack")
    assert warning(ctl) == ""


def test_a_newer_workspace_in_the_damaged_primary_is_offered(start: StartOn) -> None:
    _, ctl = start(FLIPPED, store_text([ALPHA, BETA]))
    assert f"{SALVAGE} 1 workspace." in warning(ctl)
    assert ctl("recovery", "salvage", "--yes").out.splitlines()[-1] == ENDED
    assert names(ctl) == ["Alpha", "Beta", "Gamma"]


def test_copies_that_were_removed_by_hand_are_told_as_gone(start: StartOn) -> None:
    daemon, ctl = start(CUT, GARBAGE)
    for copy in (daemon.data_dir / "quarantine").iterdir():
        copy.unlink()
    # What the start has read is still there, as long as the daemon runs.
    assert f"{SALVAGE} 2 workspaces." in warning(ctl)
    assert "2 workspaces can be brought back." in ctl("recovery", "salvage", "--dry-run").out
    assert ctl("recovery", "show").out.count("(gone)") == 2
    daemon.restart()
    assert "`workspacectl recovery show` tells what can be done." in warning(ctl)
    assert ctl("recovery", "salvage", "--yes").out == "There are no damaged files.\n"
    assert ctl("recovery", "show").out.count("(gone)") == 2


def test_a_data_directory_that_was_moved_is_salvaged_too(
    start: StartOn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon, _ = start(FLIPPED, GARBAGE)
    assert daemon.stop() == 0
    other = tmp_path / "other"
    other.mkdir()
    daemon.data_dir.rename(other / "data")
    with running_daemon(other) as moved:
        ctl = ctl_for(moved.socket, capsys)
        assert f"{SALVAGE} 3 workspaces." in warning(ctl)
        assert "(gone)" not in ctl("recovery", "show").out
        assert ctl("recovery", "salvage", "--yes").out.splitlines()[-1] == ENDED


def test_files_that_are_named_are_read_whatever_the_store_knows(start: StartOn, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(CUT)
    two.write_text(store_text([GAMMA])[:-9])
    _, ctl = start(None, None)
    alone = ctl("recovery", "salvage", "--from", str(one), "--dry-run")
    assert alone.out.splitlines()[-1] == "2 workspaces can be brought back."
    both = ctl("recovery", "salvage", "--from", str(one), "--from", str(two), "--yes")
    assert both.out.splitlines()[-1] == "Brought back 3 workspaces."
    assert names(ctl) == ["Alpha", "Beta", "Gamma"]


def test_a_file_that_is_not_ours_gives_nothing_and_changes_nothing(start: StartOn, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 99)
    (tmp_path / "other.json").write_text('{"id":"ws_1","name":1}')
    (tmp_path / "empty").write_text("")
    daemon, ctl = start(WHOLE, WHOLE)
    before = (daemon.data_dir / "workspaces.json").read_bytes()
    for name in ("binary", "other.json", "empty"):
        result = ctl("recovery", "salvage", "--from", str(tmp_path / name), "--yes")
        assert (result.code, result.out) == (0, "The damaged files hold no complete workspace.\n")
    for wrong, told in (("missing", "No such file"), (".", "not a regular file")):
        result = ctl("recovery", "salvage", "--from", str(tmp_path / wrong), "--yes")
        assert result.code == 1
        assert told in result.err
        assert str(tmp_path) in result.err
        assert result.err.count("\n") == 1
    assert (daemon.data_dir / "workspaces.json").read_bytes() == before


def test_what_an_intact_copy_holds_beyond_the_store_can_be_named(start: StartOn, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(WHOLE)
    daemon, ctl = start(store_text([ALPHA]), None)
    assert ctl("recovery", "salvage", "--from", str(copy), "Gamma", "--yes").code == 0
    assert [each["name"] for each in verified(daemon.data_dir / "workspaces.json")["workspaces"]] == [
        "Alpha",
        "Gamma",
    ]
