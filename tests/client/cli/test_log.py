"""`workspacectl log`: who changed what, in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import to_builtins

from client.cli.history_table import OLD, rows
from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal, run_process
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, Peer
from support.daemon_process import DaemonProcess, running_daemon
from workspaced_client.cli.base import past_workspaces


@pytest.fixture
def changed(daemon: DaemonProcess, ctl: Ctl) -> list[int]:
    """Three changes of a workspace, of which the last deletes it, among those of another; its revisions."""
    with daemon.client() as client:
        made = client.workspaces.create("First Name", "/a")
        client.workspaces.create("other", "/b")
        renamed = client.workspaces.update(made.id, name="Last Name")
        client.workspaces.delete(made.id)
        client.workspaces.update(client.workspaces.get(name="other").id, tags=["x"])
        return [renamed.revision + 1, renamed.revision, made.revision]


def test_the_newest_come_first_and_the_rest_on_another_page(ctl: Ctl, changed: list[int]) -> None:
    newest, _, first = changed
    result = ctl("log", "--all", "--limit", "2")
    assert [row.revision for row in rows(result.out)] == [newest + 1, newest]
    assert result.err == f"There are older ones: --before {newest} shows them.\n"
    assert ctl("log", "--all", "--limit", "2", "--quiet").err == ""
    older = ctl("log", "--all", "--before", str(newest), "--limit", "3")
    assert [row.revision for row in rows(older.out)] == [newest - 1, newest - 2, first]
    none = ctl("log", "--all", "--before", "1")
    assert (none.code, none.out, none.err) == (0, "", "No change before revision 1 is kept.\n")


def test_as_json_it_is_what_the_daemon_tells(ctl: Ctl, daemon: DaemonProcess, changed: list[int]) -> None:
    with daemon.client() as client:
        told = client.call("history.list", {"limit": 3})
    result = ctl("log", "--all", "--limit", "3", "--json")
    assert (result.json, result.err) == (told, "")
    assert ctl("log", "--all", "--before", "1", "--json").json == []


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_a_deleted_workspace_is_found_by_each_of_its_names(
    ctl: Ctl, daemon: DaemonProcess, changed: list[int], monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(past_workspaces, "PAGE", page)
    id_ = ctl("log", "--all", "--before", str(changed[0] + 1), "--limit", "1", "--json").json[0][
        "workspaceId"
    ]
    for given in (id_, "last name", "FIRST NAME"):
        result = ctl("log", given)
        assert [row.revision for row in rows(result.out)] == changed
        if given == id_:
            assert result.err == ""


def test_of_several_with_a_name_the_living_one_comes_first_and_then_the_last(
    ctl: Ctl, daemon: DaemonProcess
) -> None:
    with daemon.client() as client:
        ids = []
        for path in ("/1", "/2", "/3"):
            made = client.workspaces.create("again and again", path)
            client.workspaces.delete(made.id)
            ids.append(made.id)
        result = ctl("log", "Again and again")
        assert [row.what for row in rows(result.out)] == ["deleted", "created at /3"]
        assert result.err == (
            f"warning: 3 workspaces had this name. This is the last one; the others: {ids[1]}, {ids[0]}.\n"
        )
        assert rows(ctl("log", ids[0]).out)[1].what == "created at /1"
        client.workspaces.create("again and again", "/4")
        living = ctl("log", "Again and again")
        assert ([row.what for row in rows(living.out)], living.err) == (["created at /4"], "")


def test_what_there_never_was(ctl: Ctl) -> None:
    for name in ("never", "ws_never", f"ws_{'0' * 26}"):
        result = ctl("log", name)
        assert (result.code, result.out) == (1, "")
        first, hint = result.err.splitlines()
        assert first.startswith("error: There is no workspace with the id")
        assert hint == "The history has no such workspace either."
    assert ctl("log", "never", "--json").error["code"] == 1001


def test_an_empty_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        result = ctl("log", "--all")
        assert (result.code, result.out) == (0, "")
        assert result.err == "There are no changes yet: `workspacectl create` makes the first one.\n"
        assert ctl("log", "--all", "--quiet").err == ""
        undone = ctl("undo")
    assert (undone.code, undone.err) == (1, "error: There is nothing to undo: the history is empty.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("log", "--limit", "0"), "“0” is too few: give 1 or more."),
        (("log", "--limit", "x"), "“x” is not a whole number from 0 on."),
        (("log", "--before", "9007199254740992"), "“9007199254740992” is above 9007199254740991."),
        (("undo", "-1"), "-1"),
        (("undo", "x"), "“x” is not a whole number from 0 on."),
    ],
)
def test_a_wrong_number_is_told_in_own_words(ctl: Ctl, arguments: tuple[str, ...], told: str) -> None:
    result = ctl(*arguments)
    assert (result.code, told in result.err) == (2, True)


def completed(socket: Path, home: Path) -> list[str]:
    """What Tab makes of the beginning of a name."""
    env = {"WORKSPACED_SOCKET": str(socket)}
    return sorted(run_process("__complete", "log", "tabb", home=home, env=env).out.split())


def test_names_complete_those_of_deleted_workspaces_too(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    ctl("create", "tabbed-old", "/a")
    ctl("delete", "tabbed-old", "--yes")
    ctl("create", "tabbed-new", "/a")
    assert completed(daemon.socket, tmp_path) == ["tabbed-new", "tabbed-old"]


def test_names_complete_without_a_history(serve: Serve, tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.hello()
        request = peer.request()
        if request.method == "workspace.list":
            peer.answer(request, [{**to_builtins(OLD), "name": "tabbed"}])
        else:
            peer.refuse(request.id, -32601, "There is no such method.")

    assert completed(serve(script), tmp_path) == ["tabbed"]


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A daemon whose history has long names, and the variables of a terminal that leads to it."""
    with running_daemon(tmp_path_factory.mktemp("d")) as daemon, daemon.client() as client:
        made = client.workspaces.create("工作区 with a name that goes on", "/srv/" + "long/" * 30)
        client.workspaces.update(made.id, name="a-much-longer-name" * 9, root_path="/b")
        yield {"WORKSPACED_SOCKET": str(daemon.socket), "NO_COLOR": "1"}


@pytest.mark.parametrize(
    ("columns", "headers"),
    [
        (40, ["REVISION", "WHAT", "WORKSPACE"]),
        (60, ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY"]),
        (80, ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY"]),
        (200, ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY"]),
        (900, ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY", "PID"]),
    ],
)
def test_it_fits_a_terminal(
    long_names: dict[str, str], tmp_path: Path, columns: int, headers: list[str]
) -> None:
    lines = run_on_terminal("log", home=tmp_path, columns=columns, env=long_names).out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    header = lines[0].replace("WORKSPA…", "WORKSPACE").split()
    assert header == headers
    assert "name:" in lines[1]
    assert "create" in lines[2]


def test_an_older_daemon_is_told(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("daemon.status"), {**STATUS, "recovery": CLEAN})
        peer.refuse(peer.request().id, -32601, "There is no such method.")

    path = serve(script)
    for arguments in (("log", "--all"), ("undo", "7"), ("which", "/")):
        result = ctl_for(path, capsys)(*arguments)
        assert result.code == 1
        assert "The daemon is older than this client" in result.err
        assert "upgrade workspaced, then restart the daemon" in result.err


def test_the_author_of_another_user_is_told(
    ctl: Ctl, daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon.client() as client:
        client.workspaces.create("mine", "/a")
        uid = client.history.list(limit=1)[0].by.uid
    assert "uid" not in rows(ctl("log", "--all", "--limit", "1").out)[0].by
    monkeypatch.setattr("os.getuid", lambda: uid + 1)
    assert rows(ctl("log", "--all", "--limit", "1").out)[0].by.endswith(f", uid {uid}")
