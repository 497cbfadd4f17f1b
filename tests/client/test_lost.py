"""Answers that do not come, through each client: the connection ends, or time passes, or it is nonsense."""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from client.conftest import Connect
from client.fake_server import PATIENCE_SECONDS, HungUp, Peer, answering, greeting, line
from workspaced_client import BadAnswer, ConnectionLost, InvalidRequest, NotResponding
from workspaced_client._core.conversation import ANSWER_LIMIT_BYTES
from workspaced_protocol.framing import MAX_LINE_BYTES

LONG = "x" * (4 * 1024 * 1024)
"""More than the buffers of a socket take."""


def test_lost_in_the_middle_of_an_answer(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        request = peer.request()
        peer.send(line({"jsonrpc": "2.0", "id": request.id, "result": "pong"})[:20])
        peer.socket.close()

    client = connect(greeting(script))
    with pytest.raises(ConnectionLost, match=r"closed it in the middle of an answer\.$") as caught:
        client.daemon.ping()
    assert caught.value.method == "daemon.ping"
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("method", ["workspace.create", "store.flush", "session.begin", "not.known"])
def test_a_lost_write_says_that_its_outcome_is_unknown(connect: Connect, method: str) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.socket.close()

    client = connect(greeting(script))
    with pytest.raises(ConnectionLost, match="Whether it was applied is not known") as caught:
        client.call(method)
    assert caught.value.outcome_unknown


def test_every_later_call_says_how_it_ended(connect: Connect) -> None:
    client = connect(greeting(lambda peer: peer.socket.close()))
    with pytest.raises(ConnectionLost):
        client.daemon.ping()
    for _ in range(3):
        with pytest.raises(ConnectionLost, match=r"ended: the daemon closed it\.$") as caught:
            client.workspaces.create("Alpha", "/alpha")
        assert not caught.value.outcome_unknown


def test_closed_with_bytes_unread(connect: Connect) -> None:
    """The system resets the connection then, which may show in sending and in reading."""

    def script(peer: Peer) -> None:
        peer.socket.recv(10)
        peer.socket.close()

    client = connect(greeting(script))
    with pytest.raises(ConnectionLost, match="ended: the daemon closed it") as caught:
        client.workspaces.create(LONG, "/alpha")
    assert caught.value.outcome_unknown
    with pytest.raises(ConnectionLost, match="ended: the daemon closed it"):
        client.daemon.ping()


def failures(results: "list[Future[object]]") -> list[BaseException | None]:
    return [result.exception(PATIENCE_SECONDS) for result in results]


def test_all_who_wait_learn_of_the_loss(connect: Connect) -> None:
    waiting = 8

    def script(peer: Peer) -> None:
        for _ in range(waiting):
            peer.request()
        peer.socket.close()

    client = connect(greeting(script))
    with ThreadPoolExecutor(waiting) as pool:
        lost = failures([pool.submit(client.call, "daemon.ping") for _ in range(waiting)])
    assert [type(error) for error in lost] == [ConnectionLost] * waiting
    assert len({id(error) for error in lost}) == waiting


@pytest.mark.parametrize(
    "nonsense",
    [
        b"no JSON\n",
        b'"a string"\n',
        b"[]\n",
        b'{"jsonrpc":"2.0","id":1}\n',
        b'{"jsonrpc":"2.0","id":true,"result":1}\n',
        b'{"jsonrpc":"2.0","result":1}\n',
        b'{"jsonrpc":"2.0","id":999,"result":1}\n',
        b'{"jsonrpc":"2.0","id":"2","result":1}\n',
        b'{"jsonrpc":"2.0","id":1,"result":1}\n',  # answered before: it was the hello's
        b'{"jsonrpc":"2.0","id":2,"error":"text"}\n',
        b'{"jsonrpc":"2.0","id":2,"error":{"code":1.5,"message":""}}\n',
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\n",
    ],
)
def test_nonsense_ends_the_connection(connect: Connect, nonsense: bytes) -> None:
    hung_up = Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(nonsense)
        with pytest.raises(HungUp):
            peer.request()
        hung_up.set()

    client = connect(greeting(script))
    with pytest.raises(BadAnswer, match=r"^daemon\.ping got an answer that makes no sense: ") as caught:
        client.daemon.ping()
    assert not caught.value.outcome_unknown
    with pytest.raises(ConnectionLost, match="the daemon sent something that is no answer: "):
        client.daemon.ping()
    assert hung_up.wait(PATIENCE_SECONDS)


def test_what_came_before_the_nonsense_counts(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        good, bad = peer.request(), peer.request()
        if good.method != "good":
            good, bad = bad, good
        peer.send(line({"jsonrpc": "2.0", "id": good.id, "result": "yes"}) + b"nonsense\n")
        peer.request()

    client = connect(greeting(script))
    with ThreadPoolExecutor(2) as pool:
        good, bad = pool.submit(client.call, "good"), pool.submit(client.call, "bad")
        assert good.result(PATIENCE_SECONDS) == "yes"
        assert isinstance(bad.exception(PATIENCE_SECONDS), BadAnswer)


def test_an_undecodable_result_fails_its_call_alone(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.send(b'{"jsonrpc":"2.0","id":%d,"result":1e999}\n' % peer.request().id)
        peer.answer(peer.request(), "yes")

    client = connect(greeting(script))
    with pytest.raises(BadAnswer):
        client.call("first")
    assert client.call("second") == "yes"


def test_a_line_without_end_is_not_kept_for_ever(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ANSWER_LIMIT_BYTES >= 2 * 256 * 1024 * 1024
    monkeypatch.setattr("workspaced_client._core.conversation.ANSWER_LIMIT_BYTES", 100_000)

    def script(peer: Peer) -> None:
        peer.request()
        while True:
            peer.send(b"x" * 10_000)

    client = connect(greeting(script))
    with pytest.raises(BadAnswer, match="more than 100000 bytes"):
        client.daemon.ping()


def test_a_line_too_long_for_the_daemon(connect: Connect) -> None:
    """As the daemon does it: it reads up to its limit, says so, and closes with bytes unread."""

    def script(peer: Peer) -> None:
        read = 0
        while read <= MAX_LINE_BYTES:
            read += len(peer.socket.recv(65536))
        peer.refuse(None, -32600, "The line is over 1048576 bytes.", {"kind": "invalidRequest"})
        peer.socket.close()

    client = connect(greeting(script))
    with pytest.raises(InvalidRequest, match=r"^The line is over 1048576 bytes\.$"):
        client.workspaces.create(LONG, "/alpha")
    with pytest.raises(ConnectionLost, match=r"closed it|failed"):
        client.daemon.ping()


def test_a_refusal_without_id_is_for_the_longest_request(connect: Connect) -> None:
    asked = Event()

    def script(peer: Peer) -> None:
        peer.expect("short")
        asked.set()
        peer.expect("long")
        peer.refuse(None, -32600, "The line is too long.", {"kind": "invalidRequest"})
        peer.expect("another")
        peer.socket.close()

    client = connect(greeting(script))
    with ThreadPoolExecutor(2) as pool:
        short = pool.submit(client.call, "short")
        assert asked.wait(PATIENCE_SECONDS)
        with pytest.raises(InvalidRequest):
            client.call("long", {"text": "x" * 1000})
        another = pool.submit(client.call, "another")
        for error in failures([short, another]):
            assert isinstance(error, ConnectionLost)
            assert error.outcome_unknown
            assert "the daemon closed it, saying: The line is too long. Whether" in str(error)


def test_a_late_answer_is_dropped(connect: Connect) -> None:
    given_up = Event()

    def script(peer: Peer) -> None:
        late = peer.request()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(late, "late")
        for _ in range(2):
            peer.answer(peer.request(), "in time")

    client = connect(greeting(script))
    with pytest.raises(NotResponding, match=r"answer workspace\.open within 0\.05 seconds") as caught:
        client.call("workspace.open", {"id": "ws_1"}, timeout_seconds=0.05)
    assert caught.value.outcome_unknown
    assert "Whether it was applied is not known" in str(caught.value)
    given_up.set()
    assert client.call("next") == "in time"
    assert client.call("next") == "in time"


def test_what_a_call_left_unsent_is_sent_by_the_next(connect: Connect) -> None:
    given_up = Event()

    def script(peer: Peer) -> None:
        assert given_up.wait(PATIENCE_SECONDS)
        first, second = peer.request(), peer.request()
        assert first.params == {"text": LONG}
        peer.answer(first, "late")
        peer.answer(second, "in time")

    client = connect(greeting(script))
    with pytest.raises(NotResponding) as caught:
        client.call("long", {"text": LONG}, timeout_seconds=0.05)
    assert caught.value.outcome_unknown
    with pytest.raises(NotResponding) as caught:
        client.call("never.sent", timeout_seconds=0.05)
    assert not caught.value.outcome_unknown
    given_up.set()
    assert client.call("short") == "in time"


def test_sending_goes_on_though_late_answers_fill_the_pipe(connect: Connect) -> None:
    """The daemon does not read from a client that does not read: one who sends must read too."""
    given_up = Event()

    def script(peer: Peer) -> None:
        late = peer.request()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(late, LONG)
        long = peer.request()
        peer.answer(long, len(long.params["text"]))

    client = connect(greeting(script))
    with pytest.raises(NotResponding):
        client.call("first", timeout_seconds=0.05)
    given_up.set()
    assert client.call("second", {"text": LONG}) == len(LONG)


def test_a_daemon_that_ends_while_a_request_is_sent(connect: Connect) -> None:
    asked = Event()

    def script(peer: Peer) -> None:
        peer.expect("first")
        asked.set()
        peer.see_a_beginning()
        peer.socket.shutdown(socket.SHUT_RDWR)

    client = connect(greeting(script))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.call, "first")
        assert asked.wait(PATIENCE_SECONDS)
        second = pool.submit(client.call, "second", {"text": LONG})
        for error in failures([first, second]):
            assert isinstance(error, ConnectionLost)


def test_a_client_is_of_use_after_an_error_of_the_daemon(connect: Connect) -> None:
    client = connect(answering(lambda request: request.method))
    with pytest.raises(BadAnswer):
        client.daemon.ping()
    assert client.call("x") == "x"
