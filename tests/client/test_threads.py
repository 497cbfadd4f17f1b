"""The blocking client among threads, signals and forks: who reads, who is woken, what stays whole."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, active_count, current_thread, main_thread

import pytest

from client.conftest import Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Script, answering, greeting, line
from workspaced_client import Client, ConnectionLost, NotResponding, _blocking
from workspaced_client._protocol import Conversation
from workspaced_client._socket import remaining

LONG = "x" * (4 * 1024 * 1024)

Begin = Callable[[Script], Client]


@pytest.fixture
def begin(serve: Serve) -> Iterator[Begin]:
    """Starts a server with a script, and connects a blocking client to it."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Client.connect(serve(greeting(script))))


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
            if len(times) == 2:  # the first is asked for by the sending, the second by the waiting
                about_to_wait.set()
                assert answered.wait(PATIENCE_SECONDS)
        return remaining(deadline, now)

    monkeypatch.setattr(_blocking, "remaining", held_up)
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


def test_closing_ends_the_calls_of_other_threads(begin: Begin) -> None:
    asked = Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.request()
        asked.set()
        peer.request()

    client = begin(script)
    with ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(client.call, "a"), pool.submit(client.call, "b")]
        assert asked.wait(PATIENCE_SECONDS)
        client.close()
        client.close()
        for call in pending:
            with pytest.raises(ConnectionLost, match="this client was closed"):
                call.result(PATIENCE_SECONDS)
    with pytest.raises(ConnectionLost, match="this client was closed"):
        client.daemon.ping()


def test_closing_ends_a_request_on_its_way_out(begin: Begin) -> None:
    begun = Event()

    def script(peer: Peer) -> None:
        peer.see_a_beginning()
        begun.set()
        while peer.socket.recv(1 << 20):
            pass

    client = begin(script)
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(client.call, "sender", {"text": LONG * 4})
        assert begun.wait(PATIENCE_SECONDS)
        client.close()
        with pytest.raises(ConnectionLost, match="this client was closed"):
            sender.result(PATIENCE_SECONDS)


def test_the_body_ends_with_the_connection(serve: Serve) -> None:
    hung_up = Event()

    def script(peer: Peer) -> None:
        assert peer.socket.recv(10) == b""
        hung_up.set()

    with pytest.raises(KeyError, match="the body"), Client.connect(serve(greeting(script))):
        raise KeyError("the body")
    assert hung_up.wait(PATIENCE_SECONDS)


def test_no_thread_of_its_own(serve: Serve) -> None:
    path = serve(answering(lambda request: request.method))
    before = active_count()
    with Client.connect(path) as client:
        client.call("a")
        assert active_count() == before + 1  # the server's, for this connection


class Interrupted(Exception):
    """What the test's signal handler raises, as Ctrl-C raises KeyboardInterrupt."""


@pytest.fixture
def interrupting() -> Iterator[Callable[[Event], None]]:
    """Gives a function that interrupts the main thread once, and returns when it has said so."""
    raised = Event()

    def interrupt(_number: int, _frame: object) -> None:
        if not raised.is_set():
            raised.set()
            raise Interrupted

    # Sent to the process, another thread may take it, and then it does not end what the main one waits for.
    main = main_thread().ident
    assert main is not None

    def send(noticed: Event) -> None:
        for _ in range(1000):  # one that comes just before a wait in the kernel does not end that wait
            signal.pthread_kill(main, signal.SIGUSR1)
            if noticed.wait(0.02):
                return
        raise AssertionError("the main thread was not interrupted")

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield send
    signal.signal(signal.SIGUSR1, before)


def test_an_interrupted_reader_passes_the_reading_on(
    begin: Begin, interrupting: Callable[[Event], None]
) -> None:
    main_asked, interrupted = Event(), Event()

    def script(peer: Peer) -> None:
        first = peer.expect("interrupted")
        main_asked.set()
        second = peer.expect("other")
        interrupting(interrupted)
        peer.answer(second, "other")
        peer.answer(first, "late")
        peer.answer(peer.request(), "more")

    client = begin(script)

    def ask_other() -> object:
        assert main_asked.wait(PATIENCE_SECONDS)
        return client.call("other")

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(ask_other)
        with pytest.raises(Interrupted):
            client.call("interrupted")
        interrupted.set()
        assert other.result() == "other"
    assert client.call("more") == "more"


def test_interrupted_in_the_middle_of_a_message(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are lost then: nothing that came later could be told apart."""
    client = begin(lambda peer: peer.answer(peer.request(), "x"))

    def interrupt(_conversation: Conversation, _data: bytes) -> None:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Conversation, "receive", interrupt)
        with pytest.raises(Interrupted):
            client.call("a")
    with pytest.raises(ConnectionLost, match="in the middle of a message"):
        client.call("b")


def test_a_sender_interrupted_in_the_middle_frees_the_reader(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()

    def script(peer: Peer) -> None:
        peer.expect("reader")
        asked.set()
        peer.request()
        peer.request()

    def interrupt(_conversation: Conversation, _byte_count: int) -> None:
        raise Interrupted

    client = begin(script)
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(client.call, "reader", timeout_seconds=4 * PATIENCE_SECONDS)
        assert asked.wait(PATIENCE_SECONDS)
        monkeypatch.setattr(Conversation, "sent", interrupt)
        with pytest.raises(Interrupted):
            client.call("sender")
        with pytest.raises(ConnectionLost, match="in the middle of a message"):
            reader.result(PATIENCE_SECONDS)


def run_python(code: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_child_is_refused(serve: Serve) -> None:
    code = """
import os, sys
from workspaced_client import Client, UsedAfterFork
client = Client.connect(sys.argv[1])
if os.fork() == 0:
    try:
        client.call("in the child")
    except UsedAfterFork as error:
        assert error.pid == os.getppid()
        print(error, flush=True)
    client.close()
    with Client.connect(sys.argv[1]) as own:
        print(own.call("child's own"), flush=True)
    os._exit(0)
_, status = os.wait()
print(status, client.call("in the parent"))
client.close()
"""
    told = run_python(code, serve(answering(lambda request: request.method)))
    refused, own, parent = told.splitlines()
    assert refused.startswith("This client was connected by process ")
    assert (own, parent) == ("child's own", "0 in the parent")


def test_the_last_thread_out_closes_the_descriptor(serve: Serve) -> None:
    code = """
import gc, sys, threading, warnings
from workspaced_client import Client, ConnectionLost
warnings.simplefilter("error")
client = Client.connect(sys.argv[1])

def wait():
    try:
        client.call("first")
    except ConnectionLost:
        print("lost")

thread = threading.Thread(target=wait)
thread.start()
client.call("second")  # the first was sent before this was answered
client.close()
thread.join()
del client
gc.collect()  # an open socket would complain here
"""

    def script(peer: Peer) -> None:
        first, second = peer.request(), peer.request()
        peer.answer(first if first.method == "second" else second, None)
        peer.request()

    assert run_python(code, serve(greeting(script))) == "lost\n"


def test_a_daemon_that_is_gone_does_not_kill_by_sigpipe(serve: Serve) -> None:
    code = """
import signal, sys
from workspaced_client import Client, ConnectionLost
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
with Client.connect(sys.argv[1]) as client:
    for _ in range(2):
        try:
            client.call("a", {"text": "x" * 1_000_000})
        except ConnectionLost:
            print("lost")
"""
    told = run_python(code, serve(greeting(lambda peer: peer.socket.shutdown(socket.SHUT_RDWR))))
    assert told.splitlines() == ["lost", "lost"]
