"""The blocking client in processes that are interrupted, forked or signalled, or whose daemon is gone."""

import gc
import inspect
import itertools
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, main_thread
from types import FrameType

import pytest

from client.conftest import Begin, Serve
from client.event_lives import notification
from client.fake_server import CLEAN, HELLO, PATIENCE_SECONDS, STATUS, Peer, answering, greeting
from support.share import numbers
from workspaced_client import Client, ConnectionLost, SessionsLost
from workspaced_client._core.conversation import Conversation
from workspaced_client._core.event_feed import Event as StoreEvent
from workspaced_client._core.event_feed import EventFeed, EventGap
from workspaced_client._sync import events as sync_events
from workspaced_client._sync.waiting import Closed


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


def test_interrupted_in_the_middle_a_reader_frees_all_who_follow(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()

    def script(peer: Peer) -> None:
        reader = peer.expect("reader")
        asked.set()
        for _ in range(3):
            peer.expect("follower")
        peer.answer(reader, "x")
        peer.request()

    def interrupt(_conversation: Conversation, _data: bytes) -> None:
        raise Interrupted

    def follow() -> object:
        assert asked.wait(PATIENCE_SECONDS)
        return client.call("follower", timeout_seconds=4 * PATIENCE_SECONDS)

    client = begin(script)
    monkeypatch.setattr(Conversation, "receive", interrupt)
    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(follow) for _ in range(3)]
        with pytest.raises(Interrupted):
            client.call("reader")
        for follower in followers:
            assert isinstance(follower.exception(PATIENCE_SECONDS), ConnectionLost)


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


def interrupted(moment: int, act: Callable[[], object]) -> BaseException | None:
    """The exception of `act`, interrupted at that moment: at one where a signal's handler could run, which
    is at the start of a function, and after a call of one in C."""
    moments = itertools.count(1)

    def interrupt(frame: FrameType, event: str, _argument: object) -> None:
        if frame.f_code.co_flags & inspect.CO_GENERATOR:
            return  # what is raised in a generator that is thrown away comes to nobody
        if event in ("call", "c_return") and next(moments) == moment:
            raise Interrupted

    gc.disable()  # a finalizer that it runs would swallow the interrupt
    try:
        sys.setprofile(interrupt)
        act()
    except (Interrupted, ConnectionLost) as error:
        return error
    finally:
        sys.setprofile(None)
        gc.enable()
    return None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"jsonrpc":"2.0","id":1,"result":"pong"}\n',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1001,"message":"None.","data":{"kind":"notFound"}}}\n',
    ],
    ids=["the end", "an answer", "an error"],
)
def test_no_call_waits_in_vain_after_an_interrupt_at_any_moment(data: bytes) -> None:
    for moment in itertools.count(1):
        conversation = Conversation()
        calls = [conversation.prepare("daemon.ping", {}, None) for _ in range(2)]
        for call in calls:
            conversation.send(call)
        error = interrupted(moment, lambda: conversation.receive(data))  # noqa: B023 - called at once
        conversation.end("it ended")
        assert [call.settled for call in calls] == [True, True]
        if error is None:
            break
    assert moment > 5


def test_no_event_is_lost_by_an_interrupt_at_any_moment_of_its_taking() -> None:
    for moment in itertools.count(1):
        feed = EventFeed(None, None)
        feed.begin()
        status = {**STATUS, "recovery": CLEAN}
        results: dict[int, object] = {1: HELLO, 2: status, 3: {"revision": 5}}
        told = {
            "topic": "store.ok",
            "revision": 6,
            "sequence": 1,
            "timestamp": 1,
            "correlationId": "",
            "payload": {},
        }
        lines: list[object] = [{"jsonrpc": "2.0", "id": id_, "result": each} for id_, each in results.items()]
        lines.append({"jsonrpc": "2.0", "method": "event", "params": told})
        feed.receive(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        error = interrupted(moment, feed.take)
        if error is None:
            break
        taken = feed.take()
        assert (taken.revision if isinstance(taken, StoreEvent) else None) == 6
    assert moment > 1


def losing_sessions(peer: Peer) -> None:
    """Answers one request after another; ends the connection once a session has begun on it."""
    session = {"id": "ss_1", "workspaceId": "ws_1", "label": None, "pid": 1, "startedAt": 1}
    status = {**STATUS, "recovery": CLEAN}
    answers = {
        "daemon.hello": HELLO,
        "daemon.status": status,
        "daemon.ping": "pong",
        "session.begin": session,
    }
    request = peer.request()
    while request.method != "session.begin":
        peer.answer(request, answers[request.method])
        request = peer.request()
    peer.answer(request, answers[request.method])


def test_a_client_is_of_use_after_an_interrupt_at_any_moment(serve: Serve) -> None:
    path = serve(losing_sessions)
    for moment in itertools.count(1):
        with Client.connect(path, timeout_seconds=PATIENCE_SECONDS) as client:
            error = interrupted(moment, client.daemon.ping)
            client.daemon.ping()
        if error is None:
            break
    assert moment > 50


def test_a_wait_for_the_closing_does_not_hinder_it_after_an_interrupt_at_any_moment() -> None:
    for moment in itertools.count(1):
        closed = Closed()
        error = interrupted(moment, lambda: closed.wait(0.0))  # noqa: B023 - called at once
        closed.set()
        assert closed.is_set()
        closed.wait(PATIENCE_SECONDS * 10)
        if error is None:
            break
    assert moment > 1


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # of a connection that nobody knew of yet
def test_a_client_that_reconnects_is_of_use_after_an_interrupt_at_any_moment(serve: Serve) -> None:
    """And its lost sessions are told, unless the interrupt came in the telling."""
    path = serve(losing_sessions)
    for moment in itertools.count(1):
        with Client.connect(path, timeout_seconds=PATIENCE_SECONDS) as client:
            client.sessions.begin("ws_1")
            error = interrupted(moment, client.daemon.ping)
            if not isinstance(error, SessionsLost) and not isinstance(
                getattr(error, "__context__", None), SessionsLost
            ):
                with pytest.raises(SessionsLost):
                    client.daemon.ping()
            client.daemon.ping()
        if isinstance(error, SessionsLost):
            break
    assert moment > 100


def one_event_each(peer: Peer) -> None:
    """Gives a stream the event after the one that it knows, and ends; other clients are greeted alone."""
    peer.greet()
    request = peer.request()
    if request.method == "events.subscribe":
        revision = request.params.get("since") or 5
        peer.answer(request, {"revision": revision})
        peer.send(notification("workspace.created", revision + 1, revision + 1))


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # of a connection that nobody knew of yet
def test_a_stream_misses_no_event_after_an_interrupt_at_any_moment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step takes one event, and connects again for it."""
    monkeypatch.setattr(sync_events, "pauses_seconds", lambda: itertools.repeat(0.0))
    path = serve(one_event_each)
    for moment in numbers(days=5):
        taken: list[StoreEvent | EventGap] = []
        with Client.connect(path) as client, client.events() as events:

            def step() -> None:
                # `next()` would lose its result to an interrupt that comes as it returns.
                taken.append(events.__next__())  # noqa: B023 - called in this round

            step()
            error = interrupted(moment, step)
            while len(taken) < 4:
                step()
        assert [event.revision for event in taken if isinstance(event, StoreEvent)] == [6, 7, 8, 9]
        if error is None:
            break
    assert moment > 100


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # as above
def test_a_stream_can_be_begun_after_an_interrupt_at_any_moment_of_its_beginning(serve: Serve) -> None:
    path = serve(one_event_each)
    with Client.connect(path) as client:
        for moment in itertools.count(1):
            error = interrupted(moment, lambda: client.events().close())
            with client.events() as events:
                assert events.revision == 5
            if error is None:
                break
    assert moment > 50


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
with Client.connect(sys.argv[1], reconnect=False) as client:
    for _ in range(2):
        try:
            client.call("a", {"text": "x" * 1_000_000})
        except ConnectionLost:
            print("lost")
"""
    told = run_python(code, serve(greeting(lambda peer: peer.socket.shutdown(socket.SHUT_RDWR))))
    assert told.splitlines() == ["lost", "lost"]
