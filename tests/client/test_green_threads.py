"""The blocking client in programs whose green threads take poll() away (eventlet) or replace it (gevent)."""

import select
import subprocess
import sys

import pytest

from client.conftest import Serve
from client.event_lives import Life, notification, scripted
from client.fake_server import Peer, answering, greeting
from workspaced_client import Client, NotResponding
from workspaced_client.events import Event

LONG = "x" * (4 * 1024 * 1024)

PROGRAMS = {
    "eventlet": "import eventlet; eventlet.monkey_patch(); spawn, join = eventlet.spawn, lambda one: one.wait()",
    "gevent": "import gevent, gevent.monkey; gevent.monkey.patch_all(); spawn, join = gevent.spawn, lambda one: one.get()",
}

CALLS = """
from workspaced_client import Client
with Client.connect({path!r}) as client:
    answers = []
    threads = [spawn(lambda: answers.append(client.call("a"))) for _ in range(5)]
    for thread in threads:
        join(thread)
    print(answers)
"""


@pytest.mark.parametrize("library", PROGRAMS)
def test_calls_of_green_threads(serve: Serve, library: str) -> None:
    path = serve(answering(lambda request: request.method))
    code = f"{PROGRAMS[library]}\n{CALLS.format(path=str(path))}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{['a'] * 5}\n"), done.stderr


@pytest.fixture
def without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("poll", "epoll", "kqueue"):  # as eventlet does
        monkeypatch.delattr(select, name, raising=False)


@pytest.mark.usefixtures("without_poll")
def test_calls_without_poll(serve: Serve) -> None:
    path = serve(answering(lambda request: len(str(request.params))))
    with Client.connect(path) as client:
        assert client.call("a", {"text": LONG}) == len(str({"text": LONG}))


@pytest.mark.usefixtures("without_poll")
def test_deadlines_without_poll(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.request()

    with Client.connect(serve(greeting(script))) as client, pytest.raises(NotResponding):
        client.call("a", timeout_seconds=0.05)


@pytest.mark.usefixtures("without_poll")
def test_events_without_poll(serve: Serve) -> None:
    path = scripted(serve, Life(1, 5, notification("workspace.created", 6, 1)))
    with Client.connect(path) as client, client.events() as events:
        event = next(events)
    assert isinstance(event, Event)
    assert event.topic == "workspace.created"
