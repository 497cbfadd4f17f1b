"""`workspacectl history`: who changed what, in words."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import structs, to_builtins

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal, run_process
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, Peer
from support.daemon_process import DaemonProcess, running_daemon
from workspaced_client import ProjectBinding, Workspace
from workspaced_client.cli import history
from workspaced_protocol.models import ProjectStatus

HOSTILE = "a\x1b[2Jb\n\u202ec"
HARMLESS = r"a\x1b[2Jb\n\u202ec"


def project(number: int, status: ProjectStatus = "active", git_url: str | None = None) -> ProjectBinding:
    return ProjectBinding(
        id=f"proj_{number}",
        workspace_id="ws_1",
        root_path=f"/p{number}",
        git_url=git_url,
        status=status,
        bound_at=1,
    )


OLD = Workspace(
    id="ws_1",
    name="alpha",
    root_path="/a",
    state="active",
    created_at=1,
    updated_at=1,
    tags=("web",),
    metadata={"a": 1, "token": "s3cret"},
    projects=(project(1), project(2)),
)
BOTH = OLD.projects


def with_projects(*projects: ProjectBinding) -> Workspace:
    return structs.replace(OLD, projects=projects)


CHANGES = {
    "renamed from alpha": structs.replace(OLD, name="beta"),
    "root path /a → /b": structs.replace(OLD, root_path="/b"),
    "closed": structs.replace(OLD, state="closed"),
    "marked as deleted": structs.replace(OLD, state="deleted"),
    "bound /p3": with_projects(*BOTH, project(3)),
    "bound 2 projects": with_projects(*BOTH, project(3), project(4)),
    "unbound /p1": with_projects(project(2)),
    "unbound 2 projects": with_projects(),
    "/p1 became stale": with_projects(project(1, "stale"), project(2)),
    "2 projects became stale": with_projects(project(1, "stale"), project(2, "stale")),
    "changed /p2": with_projects(project(1), project(2, git_url="https://example.org/p.git")),
    "unbound /p2; bound /p3": with_projects(project(1), project(3)),
    "tags customer, web": structs.replace(OLD, tags=("customer", "web")),
    "no tags any more": structs.replace(OLD, tags=()),
    "metadata a, b": structs.replace(OLD, metadata={"a": 2, "b": None, "token": "s3cret"}),
    "metadata token": structs.replace(OLD, metadata={"a": 1, "token": "0ther"}),
    "metadata a, b, c and 3 more": structs.replace(OLD, metadata=dict.fromkeys("abcde")),
    "saved without a visible change": structs.replace(OLD, updated_at=2),
    "renamed from alpha; root path /a → /b; closed; tags x; metadata a": structs.replace(
        OLD, name="beta", root_path="/b", state="closed", tags=("x",), metadata={"token": "s3cret"}
    ),
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    revision: int
    what: str
    workspace: str
    by: str


def rows(text: str) -> list[Row]:
    header, *lines = text.splitlines()
    assert header.split() == ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY", "PID"]
    places = [header.index(name) for name in header.split()]
    cells = [
        [line[start:end].strip() for start, end in zip(places, [*places[1:], None], strict=True)]
        for line in lines
    ]
    return [Row(int(revision), what, workspace, by) for _, revision, what, workspace, by, _ in cells]


@pytest.mark.parametrize("told", sorted(CHANGES))
def test_a_change_is_told_in_words(ctl: Ctl, daemon: DaemonProcess, told: str) -> None:
    with daemon.client() as client:
        client.store.save(OLD)
        changed = client.store.save(CHANGES[told])
        client.store.save(OLD)
    result = ctl("history", "ws_1", "--limit", "2")
    _, change = rows(result.out)
    assert (change.revision, change.workspace) == (changed.revision, changed.name)
    assert sorted(change.what.split("; ")) == sorted(told.split("; "))
    assert "s3cret" not in result.out


def test_the_other_way_is_told_too(ctl: Ctl, daemon: DaemonProcess) -> None:
    stale, closed = CHANGES["2 projects became stale"], CHANGES["closed"]
    with daemon.client() as client:
        for workspace in (stale, OLD, closed, OLD):
            client.store.save(workspace)
        client.store.remove(OLD.id)
    told = [row.what for row in rows(ctl("history", "ws_1", "--limit", "5").out)]
    assert told == [
        "deleted, with 2 projects",
        "opened",
        "closed",
        "2 projects became active",
        "created at /a, with 2 projects",
    ]


def test_what_the_commands_do_is_told_with_their_program(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{HOSTILE}"])
    (tmp_path / "web").mkdir()
    ctl("create", "shop", str(tmp_path))
    ctl("bind", "shop", str(tmp_path / "web"))
    (tmp_path / "web").rmdir()
    ctl("close", "shop")
    ctl("open", "shop")
    ctl("delete", "shop", "--yes")
    ctl("undo")
    ctl("undo", "--yes")
    result = ctl("history", "shop")
    assert [row.what for row in rows(result.out)] == [
        f"brought back at {tmp_path}, with 1 project (undo)",
        "deleted, with 1 project",
        f"opened; {tmp_path}/web became stale",
        "closed",
        f"bound {tmp_path}/web",
        f"created at {tmp_path}",
    ]
    assert {row.by for row in rows(result.out)} == {HARMLESS}
    assert "\x1b" not in result.out


def test_names_in_it_are_escaped(ctl: Ctl, daemon: DaemonProcess) -> None:
    hostile = structs.replace(
        OLD, name=HOSTILE, root_path=f"/{HOSTILE}", tags=(HOSTILE,), metadata={HOSTILE: 1}, projects=()
    )
    with daemon.client() as client:
        for workspace in (OLD, hostile, structs.replace(hostile, name="plain", projects=(project(1),))):
            client.store.save(workspace)
    newest, change, _ = rows(ctl("history", "ws_1", "--limit", "3").out)
    assert newest.what == f"renamed from {HARMLESS}; bound /p1"
    assert change.workspace == HARMLESS
    assert change.what.count(HARMLESS) == 3
    assert f"tags {HARMLESS}; metadata a, {HARMLESS}, token" in change.what


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
    result = ctl("history", "--limit", "2")
    assert [row.revision for row in rows(result.out)] == [newest + 1, newest]
    assert result.err == f"There are older ones: --before {newest} shows them.\n"
    assert ctl("history", "--limit", "2", "--quiet").err == ""
    older = ctl("history", "--before", str(newest), "--limit", "3")
    assert [row.revision for row in rows(older.out)] == [newest - 1, newest - 2, first]
    none = ctl("history", "--before", "1")
    assert (none.code, none.out, none.err) == (0, "", "No change before revision 1 is kept.\n")


def test_as_json_it_is_what_the_daemon_tells(ctl: Ctl, daemon: DaemonProcess, changed: list[int]) -> None:
    with daemon.client() as client:
        told = client.call("history.list", {"limit": 3})
    result = ctl("history", "--limit", "3", "--json")
    assert (result.json, result.err) == (told, "")
    assert ctl("history", "--before", "1", "--json").json == []


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_a_deleted_workspace_is_found_by_each_of_its_names(
    ctl: Ctl, daemon: DaemonProcess, changed: list[int], monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(history, "_PAGE", page)
    id_ = ctl("history", "--before", str(changed[0] + 1), "--limit", "1", "--json").json[0]["workspaceId"]
    for given in (id_, "last name", "FIRST NAME"):
        result = ctl("history", given)
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
        result = ctl("history", "Again and again")
        assert [row.what for row in rows(result.out)] == ["deleted", "created at /3"]
        assert result.err == (
            f"warning: 3 workspaces had this name. This is the last one; the others: {ids[1]}, {ids[0]}.\n"
        )
        assert rows(ctl("history", ids[0]).out)[1].what == "created at /1"
        client.workspaces.create("again and again", "/4")
        living = ctl("history", "Again and again")
        assert ([row.what for row in rows(living.out)], living.err) == (["created at /4"], "")


def test_what_there_never_was(ctl: Ctl) -> None:
    for name in ("never", "ws_never", f"ws_{'0' * 26}"):
        result = ctl("history", name)
        assert (result.code, result.out) == (1, "")
        first, hint = result.err.splitlines()
        assert first.startswith("error: There is no workspace with the id")
        assert hint == "The history has no such workspace either."
    assert ctl("history", "never", "--json").error["code"] == 1001


def test_an_empty_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        result = ctl("history")
        assert (result.code, result.out, result.err) == (0, "", "There are no changes yet.\n")
        assert ctl("history", "--quiet").err == ""
        undone = ctl("undo")
    assert (undone.code, undone.err) == (1, "error: There is nothing to undo: the history is empty.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("history", "--limit", "0"), "“0” is too few: give 1 or more."),
        (("history", "--limit", "x"), "“x” is not a whole number from 0 on."),
        (("history", "--before", "9007199254740992"), "“9007199254740992” is above 9007199254740991."),
        (("undo", "-1"), "-1"),
        (("undo", "x"), "“x” is not a whole number from 0 on."),
    ],
)
def test_a_wrong_number_is_told_in_own_words(ctl: Ctl, arguments: tuple[str, ...], told: str) -> None:
    result = ctl(*arguments)
    assert (result.code, told in result.err) == (2, True)


def completed(socket: Path, home: Path) -> list[str]:
    """What Tab makes of the beginning of a name."""
    env = {
        "WORKSPACED_SOCKET": str(socket),
        "_WORKSPACECTL_COMPLETE": "complete_bash",
        "COMP_WORDS": "workspacectl history tabb",
        "COMP_CWORD": "2",
    }
    return sorted(run_process(home=home, env=env).out.split())


def test_names_complete_those_of_deleted_workspaces_too(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    ctl("create", "tabbed-old", "/a")
    ctl("delete", "tabbed-old", "--yes")
    ctl("create", "tabbed-new", "/a")
    assert completed(daemon.socket, tmp_path) == ["tabbed-new", "tabbed-old"]


def test_names_complete_without_a_history(serve: Serve, tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("workspace.list"), [{**to_builtins(OLD), "name": "tabbed"}])
        peer.refuse(peer.expect("history.list").id, -32601, "There is no such method.")

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
    lines = run_on_terminal("history", home=tmp_path, columns=columns, env=long_names).out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    header = lines[0].replace("WORKSPA…", "WORKSPACE").split()
    assert header == headers
    assert "renamed" in lines[1]
    assert "created" in lines[2]


def test_an_older_daemon_is_told(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("daemon.status"), {**STATUS, "recovery": CLEAN})
        peer.refuse(peer.request().id, -32601, "There is no such method.")

    path = serve(script)
    for arguments in (("history",), ("undo", "7"), ("which", "/")):
        result = ctl_for(path, capsys)(*arguments)
        assert result.code == 1
        assert (
            result.err.splitlines()[1]
            == "The daemon is of an older release: restart it, so that this one runs."
        )


def test_the_author_of_another_user_is_told(
    ctl: Ctl, daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon.client() as client:
        client.workspaces.create("mine", "/a")
        uid = client.history.list(limit=1)[0].by.uid
    assert "uid" not in rows(ctl("history", "--limit", "1").out)[0].by
    monkeypatch.setattr("os.getuid", lambda: uid + 1)
    assert rows(ctl("history", "--limit", "1").out)[0].by.endswith(f", uid {uid}")
