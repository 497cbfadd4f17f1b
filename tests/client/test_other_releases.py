"""A daemon of another release: what it adds breaks no client, and an error says which of both to upgrade."""

import json
import pickle
from typing import Any

import pytest

from client.conftest import Connect, Serve
from client.fake_server import Peer, greeting, line
from client.flavours import connected, subscribed
from workspaced_client import (
    BadAnswer,
    InvalidParams,
    MethodNotFound,
    NotFound,
    ProtocolUnsupported,
    SessionsLost,
)
from workspaced_client._core.versions import advice_on_misfit
from workspaced_protocol import PROTOCOL_VERSION, __version__
from workspaced_protocol.examples import EXAMPLES

DAEMON_IS_OLDER = (
    rf"The daemon is older than this client \(workspaced {__version__}\).*: upgrade workspaced, then restart"
)
CLIENT_IS_OLDER = rf"This client \(workspaced {__version__}\) is older than the daemon: upgrade the package"

CALLS: dict[str, Any] = {
    "daemon.status": lambda client: client.daemon.status(),
    "daemon.clients": lambda client: client.daemon.clients(),
    "workspace.get": lambda client: client.workspaces.get("ws_shop"),
    "workspace.list": lambda client: client.workspaces.list(),
    "workspace.resolve": lambda client: client.workspaces.resolve("/a"),
    "workspace.usage": lambda client: client.workspaces.usage(),
    "history.list": lambda client: client.history.list(),
    "history.undo": lambda client: client.history.undo(1),
    "session.begin": lambda client: client.sessions.begin("ws_shop"),
    "session.list": lambda client: client.sessions.list(),
    "store.check": lambda client: client.store.check(),
    "store.flush": lambda client: client.store.flush(),
    "store.listBackups": lambda client: client.store.list_backups(),
    "store.previewRestore": lambda client: client.store.preview_restore("b"),
    "store.salvage": lambda client: client.store.salvage(),
}


def with_more(value: Any) -> Any:
    """The value with a member more in each of its objects, metadata apart, which is any JSON."""
    if isinstance(value, list):
        return [with_more(each) for each in value]
    if not isinstance(value, dict):
        return value
    members = {name: each if name == "metadata" else with_more(each) for name, each in value.items()}
    return {**members, "later": {"deep": [1]}}


@pytest.mark.parametrize("method", CALLS)
def test_members_of_a_later_release_are_left_out(connect: Connect, method: str) -> None:
    result = json.loads(json.dumps(EXAMPLES[method].result))

    def script(peer: Peer) -> None:
        peer.answer(peer.expect(method), result)
        peer.answer(peer.expect(method), with_more(result))

    client = connect(greeting(script))
    assert CALLS[method](client) == CALLS[method](client)


def test_a_plain_call_returns_members_of_a_later_release(flavour: str, serve: Serve) -> None:
    session = with_more(EXAMPLES["session.begin"].result)

    def script(peer: Peer) -> None:
        peer.answer(peer.expect("session.begin"), session)
        peer.socket.close()

    with connected(flavour, serve(greeting(script)), reconnect=True) as client:
        assert client.call("session.begin", {"workspaceId": "ws_shop"}) == session
        with pytest.raises(SessionsLost) as lost:
            client.daemon.ping()
        assert lost.value.session_ids == (session["id"],)


def test_a_method_that_the_daemon_lacks(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        while True:
            peer.refuse(peer.request().id, -32601, "There is no such method.")

    client = connect(greeting(script))
    with pytest.raises(MethodNotFound, match=f"^There is no such method. {DAEMON_IS_OLDER}"):
        client.workspaces.usage()
    with pytest.raises(MethodNotFound, match="which knows this method: upgrade"):
        client.call("store.flush")
    with pytest.raises(MethodNotFound, match=r"^There is no such method\.$"):
        client.call("not.known")


def test_a_param_that_the_daemon_lacks(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        for path, problem in (("tags", "is unknown"), ("tags", "is wrong"), ("tagz", "is unknown")):
            request = peer.request()
            message = f"{request.method}: `{path}` {problem}. It takes name, rootPath."
            peer.refuse(request.id, -32602, message, {"kind": "invalidParams", "path": path})

    client = connect(greeting(script))
    with pytest.raises(InvalidParams, match=f"It takes name, rootPath. {DAEMON_IS_OLDER}"):
        client.workspaces.create("a", "/a", tags=["x"])
    for _ in range(2):
        with pytest.raises(InvalidParams, match=r"It takes name, rootPath\.$"):
            client.call("workspace.create", {"tagz": 1})


@pytest.mark.parametrize(
    ("spoken", "advice"),
    [(PROTOCOL_VERSION - 1, DAEMON_IS_OLDER), (PROTOCOL_VERSION + 1, CLIENT_IS_OLDER)],
)
def test_a_protocol_that_the_daemon_does_not_speak(connect: Connect, spoken: int, advice: str) -> None:
    def script(peer: Peer) -> None:
        data = {"kind": "protocolUnsupported", "minimum": spoken, "maximum": spoken}
        peer.refuse(peer.expect("daemon.hello").id, 1010, "It is not supported.", data)

    with pytest.raises(ProtocolUnsupported, match=f"^It is not supported. {advice}"):
        connect(script)


def test_another_error_is_told_as_the_daemon_told_it(connect: Connect) -> None:
    client = connect(greeting(lambda peer: peer.refuse(peer.request().id, 1001, "There is none.")))
    with pytest.raises(NotFound, match=r"^There is none\.$"):
        client.workspaces.get("ws_a")


def test_an_answer_of_a_later_form(connect: Connect) -> None:
    shop = {**json.loads(json.dumps(EXAMPLES["workspace.get"].result)), "state": "archived"}
    client = connect(greeting(lambda peer: peer.answer(peer.request(), shop)))
    with pytest.raises(BadAnswer, match=f"archived.*{CLIENT_IS_OLDER}") as caught:
        client.workspaces.get("ws_shop")
    assert caught.value.daemon_version == "9.9.9"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - made two lines above


def test_an_event_of_a_later_form_ends_the_stream(flavour: str, serve: Serve) -> None:
    event = {"topic": "workspace.closed", "revision": 1, "sequence": "one"}

    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("events.subscribe"), {"revision": 1})
        peer.send(line({"jsonrpc": "2.0", "method": "event", "params": event}))

    with pytest.raises(BadAnswer, match=CLIENT_IS_OLDER), subscribed(flavour, serve(script)) as events:
        next(events)


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        ("0.0.9", "The daemon is older"),
        ("0.2", "This client"),
        ("0.1.10", "This client"),
        (__version__, "Check that"),
        ("next", "Check that"),
        ("0.²", "Check that"),
        (None, "Check that"),
    ],
)
def test_releases_are_compared_by_their_numbers(version: str | None, advice: str) -> None:
    assert advice_on_misfit(version).startswith(advice)
