"""The blocking client among threads: who reads, who is woken, who closes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, active_count, current_thread

import pytest

from client.conftest import Begin, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, answering, line
from workspaced_client import Client, ConnectionLost, NotResponding
from workspaced_client._core.timeouts import remaining
from workspaced_client._sync import connection

LONG = "x" * (4 * 1024 * 1024)


def test_a_reader_whose_time_is_over_passes_the_reading_on(begin: Begin) -> None:
    asked = [Event() for _ in range(4)]
    given_up = Event()

    def script(peer: Peer) -> None:
        requests = []
        for event in asked:
            requests.append(peer.request())
            event.set()
        assert given_up.wait(PATIENCE_SECONDS)
        for request in reversed(requests):
            peer.answer(request, request.method)

    client = begin(script)
    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(client.call, "reader", timeout_seconds=0.3)
        assert asked[0].wait(PATIENCE_SECONDS)
        followers = []
        for number in range(1, 4):
            followers.append(pool.submit(client.call, f"follower {number}"))
            assert asked[number].wait(PATIENCE_SECONDS)
        assert isinstance(reader.exception(PATIENCE_SECONDS), NotResponding)
        given_up.set()
        assert [follower.result() for follower in followers] == [f"follower {number}" for number in (1, 2, 3)]


def test_a_reader_whose_answer_came_passes_the_reading_on(begin: Begin) -> None:
    asked = [Event() for _ in range(3)]
    left = [Event(), Event()]

    def script(peer: Peer) -> None:
        requests = []
        for event in asked:
            requests.append(peer.request())
            event.set()
        peer.answer(requests[0], "first")
        assert left[0].wait(PATIENCE_SECONDS)
        peer.answer(requests[1], "second")
        assert left[1].wait(PATIENCE_SECONDS)
        peer.answer(requests[2], "third")

    client = begin(script)
    with ThreadPoolExecutor(3) as pool:
        calls = []
        for event in asked:
            calls.append(pool.submit(client.call, "a"))
            assert event.wait(PATIENCE_SECONDS)
        assert calls[0].result() == "first"
        left[0].set()
        assert calls[1].result() == "second"
        left[1].set()
        assert calls[2].result() == "third"


def test_followers_have_their_own_timeouts(begin: Begin) -> None:
    asked = Event()
    given_up = Event()

    def script(peer: Peer) -> None:
        reader = peer.request()
        asked.set()
        peer.request()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(reader, "reader")

    client = begin(script)
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(client.call, "reader")
        assert asked.wait(PATIENCE_SECONDS)
        with pytest.raises(NotResponding):
            client.call("follower", timeout_seconds=0.05)
        assert not reader.done()
        given_up.set()
        assert reader.result() == "reader"


def test_an_answer_that_came_just_before_the_turn_to_read(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, about_to_wait, answered = Event(), Event(), Event()

    def script(peer: Peer) -> None:
        reader = peer.expect("reader")
        asked.set()
        late = peer.expect("late")
        assert about_to_wait.wait(PATIENCE_SECONDS)
        peer.answer(late, "for the late one")
        peer.answer(reader, "for the reader")
        peer.request()

    client = begin(script)
    times: list[float] = []

    def held_up(deadline: float, now: float) -> float:
        if current_thread().name.startswith("late"):
            times.append(now)
            if len(times) == 1:
                about_to_wait.set()
                assert answered.wait(PATIENCE_SECONDS)
        return remaining(deadline, now)

    monkeypatch.setattr(connection, "remaining", held_up)
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1, "late") as late_pool:
        reader = pool.submit(client.call, "reader")
        assert asked.wait(PATIENCE_SECONDS)
        late = late_pool.submit(client.call, "late", timeout_seconds=4 * PATIENCE_SECONDS)
        assert reader.result() == "for the reader"
        answered.set()
        assert late.result(PATIENCE_SECONDS) == "for the late one"


def test_a_sender_takes_the_reading_over_when_the_reader_has_gone(begin: Begin) -> None:
    asked, gone = Event(), Event()

    def script(peer: Peer) -> None:
        peer.expect("reader")
        asked.set()
        peer.see_a_beginning()
        assert gone.wait(PATIENCE_SECONDS)
        peer.send(line({"jsonrpc": "2.0", "method": "event", "params": LONG}))
        peer.answer(peer.expect("sender"), "done")

    client = begin(script)
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(client.call, "reader", timeout_seconds=0.3)
        assert asked.wait(PATIENCE_SECONDS)
        sender = pool.submit(client.call, "sender", {"text": LONG})
        assert isinstance(reader.exception(PATIENCE_SECONDS), NotResponding)
        gone.set()
        assert sender.result() == "done"


def test_others_wait_for_the_sender_no_longer_than_they_may(begin: Begin) -> None:
    begun, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.see_a_beginning()
        begun.set()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(peer.expect("sender"), "done")

    client = begin(script)
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(client.call, "sender", {"text": LONG})
        assert begun.wait(PATIENCE_SECONDS)
        with pytest.raises(NotResponding) as caught:
            client.call("workspace.create", timeout_seconds=0.05)
        assert not caught.value.outcome_unknown
        given_up.set()
        assert sender.result() == "done"


def test_no_thread_of_its_own(serve: Serve) -> None:
    path = serve(answering(lambda request: request.method))
    before = active_count()
    with Client.connect(path) as client:
        client.call("a")
        assert active_count() == before + 1  # the server's, for this connection


def test_a_second_close_has_no_effect(begin: Begin) -> None:
    def script(peer: Peer) -> None:
        peer.request()

    client = begin(script)
    client.close()
    client.close()
    with pytest.raises(ConnectionLost, match="this client was closed"):
        client.daemon.ping()
