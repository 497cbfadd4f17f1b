"""Streams of events through restarts of a real daemon: what others did meanwhile comes once and in order."""

import signal
import threading
from pathlib import Path

import pytest

from client.conftest import Serve
from client.event_lives import Life, notification, scripted
from client.flavours import subscribed
from support.daemon_process import DaemonProcess, running_daemon
from support.waiting import wait_until
from workspaced_client import Client
from workspaced_client.events import Event, EventGap, EventStream

pytestmark = pytest.mark.requirement("FR-009")

KILLED_AND_STOPPED = [signal.SIGKILL, signal.SIGTERM]


class Writers:
    """Two clients that write in turn, and what there must be to tell of it."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self.expected: list[tuple[int, str, str]] = []
        self._made: list[str] = []

    def write(self) -> None:
        """Four changes, each by another client than the one before."""
        with self._daemon.client() as one, self._daemon.client() as other:
            for client in (one, other):
                number = len(self.expected)
                made = client.workspaces.create(f"Workspace {number}", "/srv")
                self.expected.append((made.revision, "workspace.created", made.id))
                self._made.append(made.id)
            for client in (other, one):
                self._close(client, self._made.pop(0))

    def _close(self, client: Client, id_: str) -> None:
        closed = client.workspaces.close(id_)
        self.expected.append((closed.revision, "workspace.closed", id_))


def told_of(event: Event | EventGap) -> tuple[int, str, str]:
    assert isinstance(event, Event), event
    assert event.payload.workspace.revision == event.revision  # type: ignore[union-attr]
    return event.revision, event.topic, event.payload.workspace_id  # type: ignore[union-attr]


def test_an_app_that_took_nothing_meanwhile_gets_all_of_it_later(flavour: str, tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, subscribed(flavour, daemon.socket) as events:
        writers = Writers(daemon)
        writers.write()
        for number in KILLED_AND_STOPPED:
            daemon.restart(number)
            writers.write()
        assert [told_of(next(events)) for _ in writers.expected] == writers.expected


def test_an_app_that_reads_all_the_time_gets_each_event_once(flavour: str, tmp_path: Path) -> None:
    seen: list[Event | EventGap] = []

    def collect(events: EventStream) -> None:
        seen.extend(events)

    with running_daemon(tmp_path) as daemon:
        writers = Writers(daemon)
        with subscribed(flavour, daemon.socket) as events:
            collector = threading.Thread(target=collect, args=(events,))
            collector.start()
            for number in KILLED_AND_STOPPED:
                writers.write()
                daemon.restart(number)  # while it reads, or before it is back
                writers.write()
            wait_until(lambda: len(seen) >= len(writers.expected))
            events.close()
            collector.join(20)
    assert [told_of(event) for event in seen] == writers.expected


def test_a_stream_that_begins_after_the_restarts_starts_where_it_is_told(
    flavour: str, tmp_path: Path
) -> None:
    with running_daemon(tmp_path) as daemon:
        writers = Writers(daemon)
        for number in KILLED_AND_STOPPED:
            writers.write()
            daemon.restart(number)
        for start in (0, 1, 7, len(writers.expected)):
            since = writers.expected[start - 1][0] if start else 0
            with subscribed(flavour, daemon.socket, since=since) as events:
                expected = writers.expected[start:]
                assert [told_of(next(events)) for _ in expected] == expected
                writers.write()
                assert told_of(next(events)) == writers.expected[start + len(expected)]


def test_another_life_with_the_pid_and_the_time_of_the_one_before(flavour: str, serve: Serve) -> None:
    """In a container each daemon has the same pid, and a clock may be set back."""
    lives = (
        Life(1, 5, notification("workspace.created", 6, 8)),
        Life(1, 7, notification("workspace.created", 7, 1), notification("workspace.created", 8, 2)),
    )
    with subscribed(flavour, scripted(serve, *lives)) as events:
        assert [event.revision for event in (next(events), next(events), next(events))] == [6, 7, 8]  # type: ignore[union-attr]
