"""Streams of events: each event once and in order, through lost connections and restarts, or a gap."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.conftest import Serve
from client.event_lives import Life, notification, scripted
from client.flavours import connected, subscribed
from support.daemon_process import DaemonProcess, running_daemon
from support.lives import forget_history
from workspaced_client import Client, InvalidParams, NotRunning, WorkspacedError
from workspaced_client._core.hello import greeting
from workspaced_client.events import Event, EventGap, EventStream
from workspaced_protocol.events import SessionChanged, WorkspaceChanged, WorkspaceCreated
from workspaced_protocol.models import Peer as Process


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("d")) as daemon:
        yield daemon


_numbers = itertools.count()


def create(client: Client) -> str:
    return client.workspaces.create(f"Workspace {next(_numbers)}", "/srv").id


def take(events: EventStream, count: int) -> list[Event]:
    """The next events, none of which is a gap."""
    taken: list[Event] = []
    for event in itertools.islice(events, count):
        assert isinstance(event, Event)
        taken.append(event)
    return taken


@pytest.mark.requirement("FR-009")
def test_what_happens_is_told_in_order_and_by_whom(daemon: DaemonProcess, flavour: str) -> None:
    with subscribed(flavour, daemon.socket) as events, daemon.client() as client:
        before_ms = time.time() * 1000
        id_ = create(client)
        name = client.workspaces.get(id_).name
        session = client.sessions.begin(id_)
        client.sessions.end(session.id)
        client.workspaces.close(id_)
        told = take(events, 4)
        assert [event.topic for event in told] == [
            "workspace.created",
            "session.began",
            "session.ended",
            "workspace.closed",
        ]
        by = Process(os.getpid(), os.getuid(), greeting().client)
        closed = client.workspaces.get(id_)
        made = structs.replace(
            closed, state="active", revision=closed.revision - 1, updated_at=closed.created_at
        )
        assert [event.payload for event in told] == [
            WorkspaceCreated(id_, name, "/srv", workspace=made, previous=None, by=by),
            SessionChanged(session.id, id_),
            SessionChanged(session.id, id_),
            WorkspaceChanged(id_, workspace=closed, previous=made, by=by),
        ]
        assert [event.peer for event in told] == [by] * 4
        assert all(event.correlation_id.startswith("cor_") for event in told)
        assert all(before_ms - 1000 < event.timestamp_ms < before_ms + 60_000 for event in told)
        assert events.revision == told[-1].revision == client.daemon.status().revision


def test_only_the_topics_that_were_asked_for(daemon: DaemonProcess, flavour: str) -> None:
    with (
        subscribed(flavour, daemon.socket, ["session.*", "workspace.closed"]) as events,
        daemon.client() as client,
    ):
        id_ = create(client)
        client.sessions.begin(id_)
        client.workspaces.close(id_)
        assert [event.topic for event in take(events, 2)] == ["session.began", "workspace.closed"]


def test_more_topics_than_a_socket_takes_at_once(daemon: DaemonProcess, flavour: str) -> None:
    with subscribed(flavour, daemon.socket, ["workspace.created"] * 20_000) as events:
        with daemon.client() as client:
            create(client)
        assert take(events, 1)[0].topic == "workspace.created"


def test_a_topic_that_there_is_not_is_refused(daemon: DaemonProcess, flavour: str) -> None:
    with (
        pytest.raises(InvalidParams, match=r"There is no topic “no\.such”"),
        subscribed(flavour, daemon.socket, ["no.such"]),
    ):
        pass


def test_nobody_there_is_told_at_once(flavour: str, tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, connected("blocking", daemon.socket) as client:
        daemon.stop()
        with pytest.raises(NotRunning):
            client.events()


def test_since_goes_on_from_there(daemon: DaemonProcess, flavour: str) -> None:
    with daemon.client() as client:
        first, second, third = create(client), create(client), create(client)
        revision = client.workspaces.get(first).revision
        with subscribed(flavour, daemon.socket, since=revision) as events:
            told = take(events, 2)
        assert [event.payload.workspace_id for event in told] == [second, third]  # type: ignore[union-attr]


@pytest.mark.requirement("FR-009")
def test_through_a_kill_and_restarts_nothing_is_missed_or_told_twice(flavour: str, tmp_path: Path) -> None:
    """Between the lives of the daemon nothing is written, so that each event can be given without a history."""
    lost: list[WorkspacedError] = []
    made: list[str] = []
    seen: list[Event | EventGap] = []

    def collect(events: EventStream) -> None:
        seen.extend(events)

    collector: threading.Thread | None = None
    with (
        running_daemon(tmp_path) as daemon,
        subscribed(flavour, daemon.socket, on_lost=lost.append) as events,
    ):
        collector = threading.Thread(target=collect, args=(events,))
        collector.start()
        for _ in range(10):
            with daemon.client() as client:
                made.append(create(client))
        until(lambda: len(seen) == len(made))
        daemon.kill()
        for _ in range(2):
            with running_daemon(tmp_path) as again:
                for _ in range(5):
                    with again.client() as client:
                        made.append(create(client))
                until(lambda: len(seen) >= len(made))
        events.close()
        collector.join(20)
    assert not collector.is_alive()
    assert [event.payload.workspace_id for event in seen] == made  # type: ignore[union-attr]
    assert lost


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def test_what_was_missed_beyond_recall_is_a_gap(flavour: str, tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, daemon.client() as client:
        revision = client.workspaces.get(create(client)).revision
        create(client)
        create(client)
    forget_history(daemon.data_dir)
    with running_daemon(tmp_path) as daemon, daemon.client() as client:
        now = client.daemon.status().revision
        with subscribed(flavour, daemon.socket, since=revision) as events:
            assert next(events) == EventGap(revision + 1, now)
            assert events.revision == now
            id_ = create(client)
            assert take(events, 1)[0].payload.workspace_id == id_  # type: ignore[union-attr]


def test_a_close_ends_the_iteration_of_another_thread(daemon: DaemonProcess, flavour: str) -> None:
    with subscribed(flavour, daemon.socket) as events:
        waiting = threading.Thread(target=lambda: list(events))
        waiting.start()
        events.close()
        waiting.join(20)
        assert not waiting.is_alive()
        assert list(events) == []
        events.close()


# Against a script, where the moments of a loss are known


def seen_of(events: EventStream, count: int) -> list[tuple[str, int]]:
    return [
        (event.topic, event.revision) if isinstance(event, Event) else ("gap", event.last_revision)
        for event in itertools.islice(events, count)
    ]


def test_what_one_daemon_gives_again_is_told_once(flavour: str, serve: Serve) -> None:
    lives = (
        Life(1, 5, notification("workspace.created", 6, 1), notification("session.began", 6, 1)),
        Life(1, 7, notification("session.began", 6, 1), notification("session.began", 6, 2)),
        Life(1, 7, notification("session.began", 6, 2), notification("workspace.created", 7, 2)),
    )
    with subscribed(flavour, scripted(serve, *lives)) as events:
        assert seen_of(events, 4) == [
            ("workspace.created", 6),
            ("session.began", 6),
            ("session.began", 6),
            ("workspace.created", 7),
        ]
    assert [life.since for life in lives] == [[None], [6], [6]]


def test_another_daemon_counts_anew(flavour: str, serve: Serve) -> None:
    lives = (
        Life(1, 5, notification("session.began", 5, 8)),
        Life(2, 5, notification("session.began", 5, 1), notification("workspace.created", 6, 1)),
    )
    with subscribed(flavour, scripted(serve, *lives)) as events:
        assert seen_of(events, 3) == [
            ("session.began", 5),
            ("session.began", 5),
            ("workspace.created", 6),
        ]


def test_a_gap_moves_the_place_to_go_on_from(flavour: str, serve: Serve) -> None:
    gap = notification("events.gap", 9, 1, payload={"from": 6, "to": 9})
    lives = (Life(1, 5), Life(2, 9, gap), Life(2, 9, notification("workspace.created", 10, 1)))
    with subscribed(flavour, scripted(serve, *lives)) as events:
        assert seen_of(events, 2) == [("gap", 9), ("workspace.created", 10)]
    assert [life.since for life in lives] == [[None], [5], [9]]


def test_a_topic_of_a_later_release_comes_in_plain_values(flavour: str, serve: Serve) -> None:
    life = Life(1, 5, notification("moon.rose", 6, 1, payload={"at": 1}))
    with subscribed(flavour, scripted(serve, life)) as events:
        event = next(events)
        assert isinstance(event, Event)
        assert event.payload == {"at": 1}


def test_members_of_a_newer_daemon_are_left_out_of_events(flavour: str, serve: Serve) -> None:
    payload = {"workspaceId": "ws_6", "name": "n", "rootPath": "/", "new": {"a": 1}}
    path = scripted(serve, Life(1, 5, notification("workspace.created", 6, 1, payload=payload, new=[1])))
    with subscribed(flavour, path) as events:
        event = next(events)
    assert isinstance(event, Event)
    assert (event.topic, event.revision) == ("workspace.created", 6)
