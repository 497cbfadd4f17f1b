"""Subscribers after a restart of a real daemon whose files were harmed: one gap for what is gone, then all the rest."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.lives import forget_history
from support.raw_connection import RawConnection
from workspaced_protocol.datadir import HISTORY

pytestmark = pytest.mark.requirement("FR-009")

CREATED = 6


def told(home: Home, since: int, count: int) -> list[tuple[str, Any]]:
    """The next events from there: topic, and revision or the gap."""
    with RawConnection(home.socket) as subscriber:
        subscriber.call("events.subscribe", since=since)
        events = [subscriber.notified() for _ in range(count)]
    return [
        (event["topic"], event["payload"] if event["topic"] == "events.gap" else event["revision"])
        for event in events
    ]


@pytest.fixture
def after(start: StartDaemon, home: Home) -> Callable[[Callable[[], object]], int]:
    """Starts a daemon again after its files were harmed, makes one more change, and gives that one's revision."""

    def harmed(harm: Callable[[], object]) -> int:
        daemon = start()
        with RawConnection(home.socket) as client:
            for number in range(CREATED):
                client.create(f"W{number}")
        daemon.stop()
        harm()
        daemon.start()
        with RawConnection(home.socket) as client:
            revision: int = client.create("After")["revision"]
        return revision

    return harmed


def test_a_history_that_is_whole_has_no_gap(home: Home, after: Callable[[Callable[[], object]], int]) -> None:
    last = after(lambda: None)
    assert last == CREATED + 1
    for since in (0, 3, CREATED):
        expected = [("workspace.created", revision) for revision in range(since + 1, last + 1)]
        assert told(home, since, len(expected)) == expected


def flip(home: Home, number: int) -> None:
    """Change a byte in a line of the history: the one that tells of this revision."""
    file = home.data_dir / HISTORY
    lines = file.read_bytes().splitlines(keepends=True)
    (index,) = [at for at, line in enumerate(lines) if f'"W{number - 1}"'.encode() in line]
    lines[index] = lines[index].replace(b'"W', b'"X', 1)
    file.write_bytes(b"".join(lines))


@pytest.mark.parametrize("damaged", [1, 3, CREATED])
def test_a_hole_in_the_history_is_a_gap_up_to_it(
    home: Home, after: Callable[[Callable[[], object]], int], damaged: int
) -> None:
    last = after(lambda: flip(home, damaged))
    rest = [("workspace.created", revision) for revision in range(damaged + 1, last + 1)]
    assert told(home, 0, len(rest) + 1) == [("events.gap", {"from": 1, "to": damaged}), *rest]
    assert told(home, damaged, len(rest)) == rest


def test_a_history_that_is_gone_is_one_gap(home: Home, after: Callable[[Callable[[], object]], int]) -> None:
    last = after(lambda: forget_history(home.data_dir))
    assert told(home, 2, 2) == [("events.gap", {"from": 3, "to": CREATED}), ("workspace.created", last)]
    assert told(home, CREATED, 1) == [("workspace.created", last)]


def test_a_recovery_is_told_behind_the_gap(home: Home, after: Callable[[Callable[[], object]], int]) -> None:
    last = after(lambda: home.primary.write_bytes(b"damaged"))
    (topic, gap), *rest = told(home, 2, 3)
    assert (topic, gap["from"]) == ("events.gap", 3)
    assert rest == [("store.recovered", gap["to"]), ("workspace.created", last)]


def test_a_loss_is_told_behind_the_gap(home: Home, after: Callable[[Callable[[], object]], int]) -> None:
    def harm() -> None:
        for file in (home.primary, home.snapshot):
            file.write_bytes(b"damaged")

    last = after(harm)
    (topic, gap), *rest = told(home, 2, 3)
    assert (topic, gap["from"]) == ("events.gap", 3)
    assert rest == [("store.dataLoss", gap["to"]), ("workspace.created", last)]


@pytest.mark.parametrize("is_dangling", [False, True], ids=["removed", "replaced by a link"])
def test_a_history_that_is_gone_just_after_it_was_written_is_whole_after_a_stop(
    start: StartDaemon, home: Home, is_dangling: bool
) -> None:
    daemon = start()
    with RawConnection(home.socket) as client:
        client.create("A")
        forget_history(home.data_dir)
        if is_dangling:
            (home.data_dir / HISTORY).symlink_to("nowhere")
        client.create("B")
        client.create("C")
    daemon.restart()
    assert told(home, 0, 3) == [("workspace.created", revision) for revision in (1, 2, 3)]
