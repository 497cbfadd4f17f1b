"""The commands on the daemon itself: status, sessions, flush, and what it recovered."""

import os
import re
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for
from support.daemon_process import DaemonProcess, running_daemon
from workspaced_client import Client
from workspaced_protocol import __version__


def test_status_tells_what_runs_and_where(ctl: Ctl, daemon: DaemonProcess) -> None:
    ctl("create", "alpha", "/srv/a")
    result = ctl("status")
    assert (result.code, result.err) == (0, "")
    assert f"workspaced {__version__} is running (pid {daemon.pid}, since " in result.out
    for line in (
        f"Socket      {daemon.socket}",
        f"Data        {daemon.data_dir}",
        "In use by   1 connection, 0 sessions",
        "Store       ok",
    ):
        assert line in result.out.splitlines()
    assert "Workspaces  1 (revision " in result.out
    assert "Commits     1 for 1 request, half within " in result.out


def test_status_as_json_has_the_shape_of_the_wire(ctl: Ctl, daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        expected = client.call("daemon.status")
        found = ctl("status", "--json").json
    assert isinstance(expected, dict)
    assert found == {**expected, "connections": 2}


def test_status_tells_who_is_connected(ctl: Ctl, daemon: DaemonProcess) -> None:
    alpha = ctl("create", "alpha", "/a", "--json").json
    with daemon.client() as client, client.events(["project.*"]):
        client.sessions.begin(alpha["id"])
        result = ctl("status", "--clients")
        as_json = ctl("status", "--clients", "--json").json
        found = client.daemon.clients()
    table = result.out.partition("\n\n")[2]
    header, *rows = [re.split("  +", line) for line in table.splitlines()]
    assert header == ["PROGRAM", "PID", "UID", "SINCE", "REQUESTS", "IN FLIGHT", "EVENTS", "SESSIONS"]
    process = [str(os.getpid()), str(os.getuid())]
    programs = [found[0].program, found[0].program, "workspacectl"]
    # Between the events and this command, an earlier command's connection may be about to go.
    told = [rows[0], rows[1], rows[-1]]
    assert [row[:3] for row in told] == [[program, *process] for program in programs]
    assert [row[5:] for row in told] == [["-", "-", "1"], ["-", "project.*", "-"], ["-", "-", "-"]]
    first, second, *_ = as_json["clients"]
    assert as_json["connections"] == len(as_json["clients"])
    assert first["sessions"] == list(found[0].sessions)
    assert second["subscription"] == {"topics": ["project.*"]}


def test_sessions_of_all_workspaces_or_of_one(ctl: Ctl, daemon: DaemonProcess) -> None:
    alpha = ctl("create", "alpha", "/a", "--json").json
    beta = ctl("create", "beta", "/b", "--json").json
    with daemon.client() as client:
        labelled = client.sessions.begin(alpha["id"], label="an\x1b[2Jeditor")
        client.sessions.begin(beta["id"])
        header, *rows = ctl("sessions").out.splitlines()
        only = ctl("sessions", "ALPHA").out.splitlines()[1:]
        as_json = ctl("sessions", alpha["id"], "--json").json
        wire = client.call("session.list", {"workspaceId": alpha["id"]})
        everything = ctl("sessions", "--json").json
    assert header.split() == ["WORKSPACE", "LABEL", "PID", "SINCE", "ID"]
    assert [row.split()[:3] for row in rows] == [
        ["alpha", r"an\x1b[2Jeditor", str(os.getpid())],
        ["beta", "-", str(os.getpid())],
    ]
    assert [row.split()[-1] for row in only] == [labelled.id]
    assert as_json == wire
    assert len(everything) == 2


def test_without_sessions(ctl: Ctl) -> None:
    result = ctl("sessions")
    assert (result.code, result.out, result.err) == (
        0,
        "",
        "There are no sessions. A program begins one while it works in a workspace.\n",
    )
    assert ctl("sessions", "--json").json == []
    assert ctl("sessions", "nope").code == 1


def test_flush_writes_the_files_anew(ctl: Ctl, daemon: DaemonProcess) -> None:
    ctl("create", "alpha", "/a")
    (daemon.data_dir / "workspaces.json").unlink()
    result = ctl("flush")
    assert result.code == 0
    assert (daemon.data_dir / "workspaces.json").exists()
    revision = ctl("status", "--json").json["revision"]
    assert result.out == f"Wrote the whole store again, at revision {revision}.\n"
    assert ctl("flush", "--json").json == {"revision": revision}
    assert ctl("flush", "--quiet").out == ""


def test_nothing_was_recovered(ctl: Ctl) -> None:
    assert ctl("recovery", "show").out == "Nothing had to be recovered: the store was in order.\n"
    assert ctl("recovery", "ack").out == "There was nothing to acknowledge.\n"
    assert ctl("recovery", "ack", "--json").json is None


def create_one(client: Client) -> None:
    client.workspaces.create("alpha", "/srv/a")


def damaged_store(directory: Path, *names: str) -> None:
    """Let a daemon store a workspace, stop it, and damage these of its files."""
    with running_daemon(directory) as daemon, daemon.client() as client:
        create_one(client)
    for name in names:
        (directory / "data" / name).write_bytes(b'{"version":2,')


EVERY_COMMAND = [
    ("status",),
    ("list",),
    ("show", "alpha"),
    ("create", "beta", "/"),
    ("update", "beta", "--tag", "a"),
    ("rename", "beta", "gamma"),
    ("move", "gamma", "/"),
    ("close", "gamma"),
    ("open", "gamma"),
    ("sessions",),
    ("flush",),
    ("delete", "gamma", "--quiet", "--yes"),
    ("list", "--quiet"),
    ("backup", "--quiet"),
    ("backups",),
    ("show", "nope"),
]


@pytest.mark.requirement("FR-007")
def test_a_recovery_is_told_by_every_command_until_it_is_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged_store(tmp_path, "workspaces.json")
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        notice = ctl("status", "--json").json["recovery"]
        assert notice["outcome"] == "recovered"
        (copy,) = notice["quarantined"]
        for arguments in EVERY_COMMAND:
            if arguments == ("status",):
                assert ctl(*arguments).err == ""  # its text tells of it in full
                continue
            first, *others = ctl(*arguments).err.splitlines()
            assert first.startswith("warning: The store had to be recovered at 2")
            assert first.endswith("`workspacectl recovery ack` ends this warning.")
            assert len(first) < 160
            assert not any(line.startswith("warning") for line in others)
        as_json = ctl("list", "--json")
        assert [workspace["name"] for workspace in as_json.json] == ["alpha"]
        assert as_json.err.startswith("warning: ")
        refused = ctl("show", "nope", "--json")
        assert refused.err.startswith("warning: ")
        assert refused.error["kind"] == "notFound"

        in_full = ctl("recovery", "show")
        assert in_full.err == ""
        assert f"\n  {copy}\n" in in_full.out
        assert in_full.out.splitlines()[0] in ctl("status").out
        assert ctl("recovery", "show", "--json").json == {**notice, "salvageable": []}

        acknowledged = ctl("recovery", "ack")
        assert (acknowledged.code, acknowledged.out, acknowledged.err) == (0, "Acknowledged.\n", "")
        assert ctl("list").err == ""
        assert ctl("recovery", "show", "--json").json["acknowledged"] is True
        assert "had to be recovered" not in ctl("status").out


@pytest.mark.requirement("FR-007")
def test_a_loss_is_told_and_outlives_a_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged_store(tmp_path, "workspaces.json", "workspaces.snapshot.json")
    for _ in range(2):
        with running_daemon(tmp_path) as daemon:
            result = ctl_for(daemon.socket, capsys)("list")
            first, rest, _ = result.err.splitlines()
            assert (result.code, result.out) == (0, "")
            assert first.startswith("warning: Workspaces were lost at 2")
            assert first.endswith("`workspacectl recovery show` tells what can be done.")
            assert rest.startswith("There are no workspaces.")
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        ctl("recovery", "ack", "--quiet")
    with running_daemon(tmp_path) as daemon:
        assert ctl_for(daemon.socket, capsys)("list", "--quiet").err == ""
