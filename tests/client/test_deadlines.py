"""How long the clients take at most: for all steps together, and to the end."""

import contextlib
import socket
import sys
from pathlib import Path
from time import monotonic

import pytest
import trio

from client.conftest import Serve
from client.fake_server import Peer, greeting, occupied_queue
from client.flavours import connected
from workspaced_client import Client, NotResponding, NotRunning, Unanswered
from workspaced_client._core.attempts import Attempts
from workspaced_client._core.connecting import try_to_connect
from workspaced_client._sync import calls, connection, opening
from workspaced_client.aio import AsyncClient


@pytest.mark.parametrize(
    ("is_lost", "told"),
    [(False, r"answer daemon\.hello within 60 seconds"), (True, r"^daemon\.ping .*: the daemon closed it")],
)
def test_what_the_wait_for_room_took_is_the_hellos_no_more(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, is_lost: bool, told: str
) -> None:
    waited_seconds = 0.0

    def try_late(path: str) -> socket.socket | None:
        nonlocal waited_seconds
        if not waited_seconds:
            waited_seconds = 59.9
            return None
        return try_to_connect(path)

    def now() -> float:
        return monotonic() + waited_seconds

    def silent_when_late(peer: Peer) -> None:
        if waited_seconds:
            peer.expect("daemon.hello")
            peer.request()
        else:
            peer.greet()

    path = serve(silent_when_late)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Client.connect(path, timeout_seconds=60)) if is_lost else None
        monkeypatch.setattr(opening, "try_to_connect", try_late)
        for module in (opening, calls, connection):
            monkeypatch.setattr(module, "now", now)
        began_at = now()
        with pytest.raises(Unanswered, match=told):
            client.daemon.ping() if client else Client.connect(path, timeout_seconds=60)
        assert now() - began_at < 90


@pytest.mark.parametrize("seconds", [1e-300, 1e-12])
def test_a_call_whose_time_is_over_at_once_is_not_sent(flavour: str, serve: Serve, seconds: float) -> None:
    def script(peer: Peer) -> None:
        peer.answer(peer.expect("next"), {})

    with connected(flavour, serve(greeting(script))) as client:
        with pytest.raises(NotResponding) as caught:
            client.call("workspace.create", {"name": "a", "rootPath": "/a"}, timeout_seconds=seconds)
        assert not caught.value.outcome_unknown
        assert client.call("next") == {}


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a connect wait for room; macOS refuses it at once"
)
async def test_the_async_client_has_one_deadline_for_all(
    autojump_clock: trio.testing.MockClock, socket_dir: Path
) -> None:
    path = socket_dir / "full.sock"
    with occupied_queue(path) as (listener, waiting):

        async def make_room() -> None:
            await trio.sleep(45)
            waiting.close()
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(make_room)
            with pytest.raises(NotResponding, match=r"answer daemon\.hello within 60 seconds"):
                async with AsyncClient.connect(path, timeout_seconds=60):
                    raise AssertionError("not reached")
    assert 60 <= autojump_clock.current_time() < 61


def test_a_call_looks_for_the_daemon_to_the_end_of_its_time() -> None:
    attempts = Attempts("daemon.ping", {}, 3.0, 100.0)
    now = 100.0
    error = NotRunning("/a", "nobody listens")
    while now < 102.95:
        now += attempts.pause_seconds(error, now)
    assert now < 103.0
    with pytest.raises(NotRunning):
        attempts.pause_seconds(error, now)
