"""The words of `workspacectl log` for each change, and what they show of foreign text."""

import sys
from pathlib import Path

import pytest
from msgspec import structs

from client.cli.history_table import OLD, bound_project, rows
from client.cli.workspacectl import Ctl
from support.daemon_process import DaemonProcess
from workspaced_client import ProjectBinding, Workspace

HOSTILE = "a\x1b[2Jb\n\u202ec"
HARMLESS = r"a\x1b[2Jb\n\u202ec"
BOTH = OLD.projects


def with_projects(*projects: ProjectBinding) -> Workspace:
    return structs.replace(OLD, projects=projects)


CHANGES = {
    "name: alpha -> beta": structs.replace(OLD, name="beta"),
    "path: /a -> /b": structs.replace(OLD, root_path="/b"),
    "closed": structs.replace(OLD, state="closed"),
    "marked as deleted": structs.replace(OLD, state="deleted"),
    "bound /p3": with_projects(*BOTH, bound_project(3)),
    "bound 2 projects": with_projects(*BOTH, bound_project(3), bound_project(4)),
    "unbound /p1": with_projects(bound_project(2)),
    "unbound 2 projects": with_projects(),
    "/p1 became stale": with_projects(bound_project(1, "stale"), bound_project(2)),
    "2 projects became stale": with_projects(bound_project(1, "stale"), bound_project(2, "stale")),
    "changed /p2": with_projects(bound_project(1), bound_project(2, git_url="https://example.org/p.git")),
    "unbound /p2; bound /p3": with_projects(bound_project(1), bound_project(3)),
    "tags: web -> customer, web": structs.replace(OLD, tags=("customer", "web")),
    "tags: web -> none": structs.replace(OLD, tags=()),
    "metadata: a, b": structs.replace(OLD, metadata={"a": 2, "b": None, "token": "s3cret"}),
    "metadata: token": structs.replace(OLD, metadata={"a": 1, "token": "0ther"}),
    "metadata: a, b, c and 3 more": structs.replace(OLD, metadata=dict.fromkeys("abcde")),
    "saved without a visible change": structs.replace(OLD, updated_at=2),
    "name: alpha -> beta; path: /a -> /b; closed; tags: web -> x; metadata: a": structs.replace(
        OLD, name="beta", root_path="/b", state="closed", tags=("x",), metadata={"token": "s3cret"}
    ),
}


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
        for workspace in (OLD, hostile, structs.replace(hostile, name="plain", projects=(bound_project(1),))):
            client.store.save(workspace)
    newest, change, _ = rows(ctl("history", "ws_1", "--limit", "3").out)
    assert newest.what == f"name: {HARMLESS} -> plain; bound /p1"
    assert change.workspace == HARMLESS
    assert change.what.count(HARMLESS) == 4
    assert f"tags: web -> {HARMLESS}; metadata: a, {HARMLESS}, token" in change.what
