"""`workspacectl watch`: events as they happen."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self, cast

import pytest
from msgspec import structs

from client.cli.workspacectl import ctl_for, run_on_terminal, started
from support.daemon_process import DaemonProcess, running_daemon
from support.lives import forget_history
from support.waiting import PATIENCE_SECONDS
from workspaced_client import Client
from workspaced_client.events import Event, EventGap


class Watcher:
    """A `watch` that runs: lines of its output as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self.out, self.err = process, process.stdout, process.stderr

    def interrupt(self) -> None:
        """Ctrl-C, which is how it ends, without a word."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_SECONDS) == 130
        assert self.err.read() == ""


@contextmanager
def watching(socket: Path, home: Path, *arguments: str) -> Iterator[Watcher]:
    with started("--socket", str(socket), "watch", *arguments, home=home) as process:
        yield Watcher(process)


@pytest.mark.requirement("FR-009")
def test_what_happens_is_shown_with_names(daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client, watching(daemon.socket, tmp_path) as watcher:
        old = client.workspaces.create("Old", "/srv")
        assert watcher.err.readline() == "Watching; Ctrl-C ends it.\n"
        client.workspaces.close(old.id)
        made = client.store.save(structs.replace(old, id="ws_new", name="New\n", root_path="/srv/new"))
        client.workspaces.delete(made.id)
        lines = [watcher.out.readline().split() for _ in range(3)]
        lines = lines[1:] if "Old" in lines[0] and "workspace.created" in lines[0] else lines
        while len(lines) < 3:
            lines.append(watcher.out.readline().split())
        watcher.interrupt()
        client.workspaces.delete(old.id)
    assert [line[2] for line in lines] == [
        "workspace.closed",
        "workspace.created",
        "workspace.deleted",
    ]
    assert ["Old" in lines[0], "New\\n" in lines[1], "/srv/new" in lines[1], "New\\n" in lines[2]] == [
        True
    ] * 4


def test_a_renamed_workspace_is_called_by_its_new_name(tmp_path: Path) -> None:
    with running_daemon() as daemon, watching(daemon.socket, tmp_path, "--since", "0") as watcher:
        watcher.err.readline()
        with daemon.client() as client:
            made = client.workspaces.create("Old", "/srv")
            assert "  Old  " in watcher.out.readline()
            client.workspaces.update(made.id, name="New")
            assert "  New  " in watcher.out.readline()
        daemon.kill()
        watcher.err.readline()
        daemon.start()
        watcher.err.readline()
        with daemon.client() as client:
            client.workspaces.update(made.id, name="Newer")
            assert "  Newer  " in watcher.out.readline()
            client.workspaces.close(made.id)
            assert "  Newer  " in watcher.out.readline()
        watcher.interrupt()


def test_an_update_is_told_in_words_and_its_program_is_escaped(
    daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/an\x1b[2Jeditor\n"])
    with daemon.client() as client:
        since = client.daemon.status().revision
        made = client.workspaces.create("old-name", "/srv")
        client.store.save(structs.replace(made, name="new\x07", root_path="/\x07", tags=("\x07",)))
        with watching(daemon.socket, tmp_path, "--since", str(since)) as watcher:
            assert watcher.err.readline() == "Watching; Ctrl-C ends it.\n"
            created, updated = watcher.out.readline(), watcher.out.readline()
            watcher.interrupt()
        client.workspaces.delete(made.id)
    by = r"(by an\x1b[2Jeditor\n)"
    assert created.endswith(f"  old-name  /srv  {by}\n")
    assert updated.endswith(
        rf"  new\x07  name: old-name -> new\x07; path: /srv -> /\x07; tags: none -> \x07  {by}" + "\n"
    )


def test_on_a_terminal_lines_are_short(daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client:
        since = client.daemon.status().revision
        before = datetime.now()
        made = client.workspaces.create("shop", f"{tmp_path}/shop")
        client.workspaces.update(made.id, name="store", root_path=f"{tmp_path}/store")
        client.workspaces.delete(made.id)
    told = run_on_terminal(
        *("--socket", str(daemon.socket), "watch", "--since", str(since)),
        home=tmp_path,
        columns=200,
        env={"NO_COLOR": "1"},
        question=b"workspace.deleted",
        at_question=lambda process, _: process.send_signal(signal.SIGINT),
    ).out
    created, updated, _ = re.findall(r"^(.*?)  workspace\.\w+ +(.*)$", told, re.MULTILINE)
    assert re.fullmatch(r"shop  ~/shop  \(by [\w.-]+\)", created[1])
    assert re.match(r"store  name: shop -> store; path: ~/shop -> ~/store  \(by [\w.-]+\)", updated[1])
    if before.date() == datetime.now().date():
        assert re.fullmatch(r"\d\d:\d\d:\d\d", created[0])  # the day is clear


class Played:
    """A stream of events that are made one by one, each when the one before was shown."""

    def __init__(self, events: Iterator[Event | EventGap]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[Event | EventGap]:
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_name_that_no_daemon_tells_just_now_is_asked_for_later(
    daemon: DaemonProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = daemon.socket.with_name("away")
    with daemon.client() as client:
        made = client.workspaces.create("Old", "/srv")

        def events() -> Iterator[Event | EventGap]:
            daemon.socket.rename(away)
            try:
                yield changed("workspace.updated")
            finally:
                away.rename(daemon.socket)
            client.workspaces.update(made.id, name="New")
            yield changed("workspace.closed")
            client.workspaces.update(made.id, name="Newer")
            yield EventGap(1, 2)
            yield changed("workspace.opened")

        def changed(topic: str) -> Event:
            return Event(topic, {"workspaceId": made.id}, 1, 1, 0, "", None)

        def played(*_: object, **__: object) -> Played:
            return Played(events())

        monkeypatch.setattr(Client, "events", played)
        told = ctl_for(daemon.socket, capsys)("watch").out.splitlines()
        client.workspaces.delete(made.id)
    assert [line.split()[-1] for line in told] == [made.id, "New", "Newer"]


def test_a_revision_that_is_still_to_come_is_told(daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client:
        revision = client.daemon.status().revision
    with watching(daemon.socket, tmp_path, "--since", "99999") as watcher:
        told = watcher.err.readline()
    assert told.startswith(f"warning: The store is only at revision {revision}: 99999 is ")


def test_as_json_each_event_is_a_line_as_on_the_wire(daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client:
        since = client.daemon.status().revision
        made = client.workspaces.create("Json", "/srv")
        client.workspaces.delete(made.id)
        deletion = cast("list[dict[str, Any]]", client.call("history.list"))[0]
        with watching(
            daemon.socket, tmp_path, "workspace.deleted", "--since", str(since), "--json"
        ) as watcher:
            event = json.loads(watcher.out.readline())
            watcher.interrupt()
    assert event["topic"] == "workspace.deleted"
    assert event["payload"] == {
        "workspaceId": made.id,
        "workspace": None,
        "previous": deletion["before"],
        "by": deletion["by"],
    }
    assert event["revision"] == since + 2
    assert set(event) == {"topic", "revision", "sequence", "timestamp", "correlationId", "peer", "payload"}
    assert event["peer"]["uid"] >= 0


def test_an_unknown_topic_is_refused(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> None:
    result = ctl_for(daemon.socket, capsys)("watch", "no.such")
    assert result.code == 1
    assert "no.such" in result.err


def test_it_goes_on_through_a_restart_and_tells_what_it_missed(tmp_path: Path) -> None:
    with running_daemon() as daemon:
        with daemon.client() as client:
            client.workspaces.create("First", "/srv")
        with watching(daemon.socket, tmp_path, "--since", "0") as watcher:
            watcher.err.readline()
            assert "workspace.created" in watcher.out.readline()
            daemon.send_signal(signal.SIGSTOP)  # what happens next is not told before the kill
            daemon.kill()
            assert "Reconnecting." in watcher.err.readline()
            daemon.start()
            assert watcher.err.readline() == "The daemon is back.\n"
            with daemon.client() as client:
                client.workspaces.create("Second", "/srv/second")
            assert "Second" in watcher.out.readline()
            watcher.interrupt()
        daemon.stop()
        forget_history(daemon.data_dir)
        daemon.start()
        with watching(daemon.socket, tmp_path, "--since", "0", "--json") as watcher:
            gap = json.loads(watcher.out.readline())
            assert gap == {"topic": "events.gap", "payload": {"from": 1, "to": 2}}
            watcher.interrupt()


def test_since_reaches_back_before_restarts(tmp_path: Path) -> None:
    with running_daemon() as daemon:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with daemon.client() as client:
                client.workspaces.create(f"Before {number:d}", "/srv")
            daemon.restart(number)
        with daemon.client() as client:
            client.workspaces.create("Now", "/srv")
        with watching(daemon.socket, tmp_path, "--since", "0", "--json") as watcher:
            told = [json.loads(watcher.out.readline()) for _ in range(3)]
            watcher.interrupt()
    names = [event["payload"]["name"] for event in told]
    assert names == [f"Before {signal.SIGTERM:d}", f"Before {signal.SIGKILL:d}", "Now"]
    assert [event["sequence"] for event in told] == [1, 2, 3]
