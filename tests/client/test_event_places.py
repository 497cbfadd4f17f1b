"""The place that a stream of events is at: what it tells of it, and what an exception does to it."""

from pathlib import Path
from threading import Event as Signal

import pytest

from client.conftest import Serve
from client.event_lives import Life, notification, scripted
from client.flavours import subscribed
from support.daemon_process import running_daemon
from workspaced_client import BadAnswer
from workspaced_client.events import Event, EventGap, EventStream
from workspaced_protocol.messages import parse_answer


def place_of(event: Event | EventGap) -> tuple[str, int]:
    assert isinstance(event, Event)
    return event.topic, event.sequence


def take(events: EventStream, count: int) -> list[tuple[str, int]]:
    """The topics and the sequence numbers of the next events."""
    return [place_of(next(events)) for _ in range(count)]


@pytest.mark.requirement("FR-009")
def test_a_stream_from_the_place_of_another_misses_nothing(flavour: str, tmp_path: Path) -> None:
    with (
        running_daemon(tmp_path) as daemon,
        daemon.client() as client,
        subscribed(flavour, daemon.socket) as events,
    ):
        begun_at = events.revision
        assert begun_at == client.daemon.status().revision
        id_ = client.workspaces.create("Alpha", "/srv").id
        for _ in range(2):
            client.sessions.end(client.sessions.begin(id_).id)
        client.workspaces.close(id_)
        left = [
            ("workspace.created", 1),
            ("session.began", 1),
            ("session.ended", 1),
            ("session.began", 2),
            ("session.ended", 2),
            ("workspace.closed", 1),
        ]
        assert events.revision == begun_at
        while left:
            with subscribed(flavour, daemon.socket, since=events.revision) as further:
                told = take(further, 1)
                while told[-1] != left[-1]:
                    told += take(further, 1)
            assert [place for place in told if place in left] == left
            event = next(events)
            assert place_of(event) == left.pop(0)
            assert isinstance(event, Event)
            assert events.revision == event.revision


def test_the_place_is_that_of_what_was_given_not_of_what_has_come(flavour: str, serve: Serve) -> None:
    begun = Signal()
    gap = notification("events.gap", 9, 1, payload={"from": 7, "to": 9})
    chunk = notification("workspace.created", 6, 1) + gap + notification("workspace.created", 10, 2)
    with subscribed(flavour, scripted(serve, Life(1, 5, begun, chunk))) as events:
        assert events.revision == 5
        begun.set()
        for revision in (6, 9, 10):
            next(events)
            assert events.revision == revision


class Interrupted(Exception):
    """What a signal's handler raises."""


def goes_on_after(error: type[Exception], in_the_middle: bytes, flavour: str, serve: Serve) -> None:
    """What comes before and after `in_the_middle`, of one piece, is given once, though the piece raises `error`.

    The connection is dropped for that, so what it gives later does not count.
    """
    begun, raised = Signal(), Signal()
    chunk = notification("workspace.created", 6, 1) + notification("session.began", 6, 1)
    rest = notification("session.began", 6, 2) + notification("workspace.created", 7, 2)
    lives = (
        Life(1, 5, begun, chunk + in_the_middle + rest, raised, notification("workspace.created", 8, 3)),
        Life(1, 7, notification("session.began", 6, 1) + rest),
    )
    with subscribed(flavour, scripted(serve, *lives)) as events:
        begun.set()
        with pytest.raises(error):
            next(events)
        raised.set()
        assert events.revision == 5
        assert take(events, 4) == [
            ("workspace.created", 1),
            ("session.began", 1),
            ("session.began", 2),
            ("workspace.created", 2),
        ]
    assert [life.since for life in lives] == [[None], [6]]


@pytest.mark.parametrize(
    "nonsense",
    [b"nonsense\n", notification("session.began", 6, 2, payload={}), notification("events.gap", 6, 1)],
)
def test_nonsense_costs_no_event_around_it(flavour: str, serve: Serve, nonsense: bytes) -> None:
    goes_on_after(BadAnswer, nonsense, flavour, serve)


def test_an_interrupt_costs_no_event_around_it(
    flavour: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(line: bytes) -> object:
        if line == b"{}":
            raise Interrupted
        return parse_answer(line)

    monkeypatch.setattr("workspaced_client._core.event_feed.parse_answer", interrupted)
    goes_on_after(Interrupted, b"{}\n", flavour, serve)
