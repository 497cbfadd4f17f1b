"""`workspacectl undo`: what it shows, what it asks, and what to type where it is refused."""

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, Peer
from support.daemon_process import DaemonProcess
from workspaced_client import Workspace


def renamed(daemon: DaemonProcess) -> Workspace:
    """A workspace `new` at /a, which was called `old` before the newest change."""
    with daemon.client() as client:
        made = client.workspaces.create("old", "/a")
        return client.workspaces.update(made.id, name="new")


def name_of(daemon: DaemonProcess, id_: str) -> str:
    with daemon.client() as client:
        return client.workspaces.get(id_).name


def test_a_change_is_undone_by_its_revision_without_a_question(ctl: Ctl, daemon: DaemonProcess) -> None:
    number = renamed(daemon).revision
    result = ctl("undo", str(number), "--yes")
    assert (result.code, result.err) == (0, "")
    assert result.out == (f"Undid revision {number}, “new”: name: old -> new.\nIt is now: old  /a (active)\n")
    again = ctl("undo", str(number + 1), "--json", "--yes").json
    assert (again["name"], again["revision"]) == ("new", number + 2)
    quiet = ctl("undo", str(number + 2), "--quiet", "--yes")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert ctl("show", "old").code == 0


def test_a_creation_and_a_deletion_are_undone(ctl: Ctl, daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        made = client.workspaces.create("shop", "/a")
    gone = ctl("undo", str(made.revision), "--yes")
    assert gone.out == (
        f"Undid revision {made.revision}, “shop”: created at /a.\n"
        "The workspace “shop” is gone: `workspacectl undo` brings it back.\n"
    )
    assert ctl("undo", "--yes").out.endswith("It is now: shop  /a (active)\n")
    assert ctl("undo", "--yes", "--json").json is None
    assert ctl("list", "--json").json == []


def test_the_newest_change_needs_a_yes_in_a_script(ctl: Ctl, daemon: DaemonProcess) -> None:
    made = renamed(daemon)
    for options in ((), ("--quiet",), ("--json",)):
        result = ctl("undo", *options)
        assert result.code == 2
        assert (
            "Nothing was undone. There is no terminal to ask on: add --yes to go on, or --dry-run to look."
            in result.err
        )
        assert f"revision {made.revision}, “new”: name: old -> new  (by " in (
            result.err if options else result.out
        )
    assert name_of(daemon, made.id) == "new"
    assert ctl("undo", "--yes", "--quiet").out == ""
    assert name_of(daemon, made.id) == "old"


@pytest.mark.parametrize(("keys", "name"), [(b"y\n", "old"), (b"n\n", "new"), (b"\n", "new")])
def test_the_newest_change_is_shown_and_asked_for_on_a_terminal(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, keys: bytes, name: str
) -> None:
    made = renamed(daemon)
    result = run_on_terminal(
        "undo",
        "--socket",
        str(daemon.socket),
        home=tmp_path,
        at_question=lambda _, terminal: os.write(terminal, keys),
    )
    change, before, after, question, *rest = result.out.splitlines()
    assert (before, after) == ("\x1b[31m- name      new\x1b[0m", "\x1b[32m+ name      old\x1b[0m")
    assert f"  revision {made.revision}, “new”: name: old -> new  (by " in change
    assert question.startswith("Undo this change? [y/N] ")
    assert rest[-1] == ("It is now: old  /a (active)" if name == "old" else "error: Nothing was undone.")
    assert result.code == (0 if name == "old" else 1)
    assert name_of(daemon, made.id) == name


def test_a_change_that_came_after_the_question_is_not_undone_in_its_place(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    made = renamed(daemon)

    def answer(_: object, terminal: int) -> None:
        with daemon.client() as client:
            client.workspaces.create("other", "/b")
        os.write(terminal, b"y\n")

    run_on_terminal("undo", "--socket", str(daemon.socket), home=tmp_path, at_question=answer)
    assert name_of(daemon, made.id) == "old"
    assert ctl("show", "other").code == 0


def test_a_revision_within_a_change_of_several_projects(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    ctl("create", "shop", str(tmp_path))
    for name in ("web", "api"):
        (tmp_path / name).mkdir()
        ctl("bind", "shop", str(tmp_path / name))
        (tmp_path / name).rmdir()
    ctl("check", "shop")
    last = ctl("history", "--limit", "1", "--json").json[0]["revision"]
    result = ctl("undo", str(last - 1), "--yes")
    assert result.code == 0
    assert result.out.splitlines() == [
        f"Undid revision {last - 1}.",
        f"It is now: shop  {tmp_path} (active, 2 projects)",
    ]
    assert {each["status"] for each in ctl("show", "shop", "--json").json["projects"]} == {"active"}


def test_after_a_later_change_it_names_that_one(ctl: Ctl, daemon: DaemonProcess) -> None:
    made = renamed(daemon)
    ctl("close", "new")
    result = ctl("undo", str(made.revision), "--yes")
    later = made.revision + 1
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: Workspace “new” was changed again, at revision {later}: only its last change can be undone.\n"
        f"To undo that one alone: workspacectl undo {later}\n"
        f"To see what it was before each change: workspacectl log {made.id} --json\n"
    )
    assert ctl("undo", str(later), "--yes").code == 0
    assert ctl("undo", str(made.revision), "--json", "--yes").error["code"] == 1005


def test_where_the_name_is_taken_it_names_the_workspace(ctl: Ctl, daemon: DaemonProcess) -> None:
    made = renamed(daemon)
    with daemon.client() as client:
        other = client.workspaces.create("OLD", "/b")
    result = ctl("undo", str(made.revision), "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: The name “old” is taken by “OLD” at /b: give that one another name first.\n"
        f"Give that one another name first: workspacectl rename {other.id} NEW_NAME\n"
    )
    assert ctl("rename", other.id, "free").code == 0
    assert ctl("undo", str(made.revision), "--yes").code == 0


def test_while_somebody_is_at_work_it_tells_how_to_see_them(ctl: Ctl, daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        made = client.workspaces.create("shop", "/a")
        client.sessions.begin(made.id)
        result = ctl("undo", str(made.revision), "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: Workspace “shop” has 1 active session: close the sessions first.\n"
        f"To see them: workspacectl sessions {made.id}\n"
    )


@pytest.mark.parametrize("revision", ["0", "9007199254740991"])
def test_a_revision_that_is_no_change(ctl: Ctl, daemon: DaemonProcess, revision: str) -> None:
    renamed(daemon)
    result = ctl("undo", revision)
    assert (result.code, result.out) == (1, "")
    if revision == "0":
        assert result.err.startswith(
            "error: Revision 0 can't be undone any more: the history reaches back to "
        )
    else:
        assert result.err == (
            f"error: Revision {revision} is no change of a workspace in the history.\n"
            "`workspacectl log` shows the changes and their revisions.\n"
        )


OLD_ENTRY = {
    "revision": 7,
    "at": 1,
    "method": "workspace.close",
    "workspaceId": "ws_1",
    "name": "shop",
    "before": None,
    "after": None,
    "by": {"pid": 1, "uid": 1},
    "correlationId": "c",
}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (
            {"oldest": 9},
            (
                "error: The daemon's words.\n"
                "`workspacectl backups` lists copies of the whole store, and `workspacectl restore` takes one.\n"
            ),
        ),
        ({"oldest": None}, "error: There is nothing to undo: the history is empty.\n"),
        ({}, "error: The daemon's words.\n"),
        ({"oldest": "?"}, "error: Revision 7 is no change of a workspace in the history.\n"),
    ],
    ids=str,
)
def test_where_the_history_does_not_reach_that_far(
    serve: Serve, capsys: pytest.CaptureFixture[str], data: dict[str, Any], told: str
) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("daemon.status"), {**STATUS, "recovery": CLEAN})
        peer.answer(peer.expect("history.list"), [OLD_ENTRY])
        peer.refuse(peer.expect("history.undo").id, 1001, "The daemon's words.", {"kind": "notFound", **data})

    result = ctl_for(serve(script), capsys)("undo", "7", "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(told)


def test_a_name_that_acts_on_a_terminal_is_escaped(ctl: Ctl, daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        made = client.store.save(structs.replace(renamed(daemon), name="a\x1b[2J\n", root_path="/\x07"))
    for arguments in (("undo", "--yes"), ("undo", "--yes"), ("undo", str(made.revision))):
        result = ctl(*arguments)
        assert r"a\x1b[2J\n" in result.out + result.err
        assert not {"\x1b", "\x07"} & set(result.out + result.err)
