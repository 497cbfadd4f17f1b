"""Cloning through each client: its progress, and giving it up."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from client.conftest import Begin, Connect, Run, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, greeting, line
from client.flavours import connected, happened
from client.test_aio_cancellation import cancelled_while
from client.test_calls import ALPHA, WORKSPACE
from client.test_interrupts import Interrupted, interrupting
from support.daemon_process import running_daemon
from support.git_samples import Lifeline, fake_git, make_repository
from workspaced_client import BadAnswer, NotResponding
from workspaced_client.aio import AsyncClient
from workspaced_protocol.models import Progress

__all__ = ["interrupting"]

URL = "https://example.com/a.git"


def cancelled_first(told: list[str], cancelled: Event) -> Callable[[Peer], None]:
    """A script that begins a clone, and takes note whether it is cancelled; then it answers what comes."""

    def script(peer: Peer) -> None:
        request = peer.expect("project.clone")
        peer.progress(request, "Receiving objects", 42)
        end = peer.expect("$/cancelRequest")
        told.append("cancelled" if end.params == {"id": request.id} else str(end.params))
        cancelled.set()
        peer.refuse(request.id, -32800, "Cancelled.")
        while True:
            request = peer.request()
            peer.answer(request, "pong")

    return script


def test_its_progress_is_told(connect: Connect) -> None:
    first_told = Event()

    def script(peer: Peer) -> None:
        peer.greet()
        request = peer.expect("project.clone")
        assert request.params == {"workspaceId": "ws_1", "gitUrl": URL, "targetDir": "/alpha/a"}
        peer.send(line({"jsonrpc": "2.0", "method": "$/unknown", "params": {}}))
        peer.progress(request, "Counting objects")
        assert first_told.wait(PATIENCE_SECONDS)
        peer.progress(request, "Receiving objects", 42)
        peer.answer(request, WORKSPACE)

    told: list[Progress] = []

    def take(progress: Progress) -> None:
        told.append(progress)
        first_told.set()

    assert connect(script).projects.clone("ws_1", URL, Path("/alpha/a"), on_progress=take) == ALPHA
    assert [(one.phase, one.percent) for one in told][:2] in (
        [("Counting objects", None)],  # the answer had come too when the caller looked
        [("Counting objects", None), ("Receiving objects", 42)],
    )
    assert told[0].message == "Counting objects …"


def test_nobody_has_to_listen(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        request = peer.expect("project.clone")
        peer.progress(request, "Receiving objects", 42)
        peer.answer(request, WORKSPACE)

    assert connect(script).projects.clone("ws_1", URL) == ALPHA


def test_progress_that_can_not_be_read_is_nonsense(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        request = peer.expect("project.clone")
        peer.send(line({"jsonrpc": "2.0", "method": "$/progress", "params": {"id": request.id, "phase": 7}}))

    with pytest.raises(BadAnswer, match=r"\$/progress can't be read"):
        connect(script).projects.clone("ws_1", URL)


def test_out_of_time_it_is_cancelled(connect: Connect) -> None:
    told: list[str] = []
    cancelled = Event()
    client = connect(greeting(cancelled_first(told, cancelled)))
    with pytest.raises(NotResponding) as caught:
        client.projects.clone("ws_1", URL, timeout_seconds=0.2)
    assert caught.value.outcome_unknown
    assert cancelled.wait(PATIENCE_SECONDS)
    assert told == ["cancelled"]
    assert client.call("next") == "pong"


def test_a_failing_listener_cancels_it(connect: Connect) -> None:
    told: list[str] = []
    cancelled = Event()
    client = connect(greeting(cancelled_first(told, cancelled)))

    def fail(progress: Progress) -> None:
        raise LookupError(progress.phase)

    with pytest.raises(LookupError, match="Receiving objects"):
        client.projects.clone("ws_1", URL, on_progress=fail)
    assert cancelled.wait(PATIENCE_SECONDS)
    assert client.call("next") == "pong"


def test_other_calls_are_not_cancelled(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.greet()
        peer.expect("slow")
        peer.answer(peer.expect("next"), "pong")

    client = connect(script)
    with pytest.raises(NotResponding):
        client.call("slow", timeout_seconds=0.1)
    assert client.call("next") == "pong"


def test_an_interrupted_clone_is_cancelled(begin: Begin, interrupting: Callable[[Event], None]) -> None:
    told: list[str] = []
    cancelled, started = Event(), Event()
    client = begin(cancelled_first(told, cancelled))

    def interrupt() -> None:
        assert started.wait(PATIENCE_SECONDS)
        interrupting(cancelled)

    with ThreadPoolExecutor(1) as pool:
        helper = pool.submit(interrupt)
        with pytest.raises(Interrupted):
            client.projects.clone("ws_1", URL, on_progress=lambda _: started.set())
        helper.result()
    assert told == ["cancelled"]
    assert client.call("next") == "pong"


def test_a_cancelled_clone_is_cancelled(run: Run, serve: Serve) -> None:
    told: list[str] = []
    cancelled, started = Event(), Event()
    path = serve(greeting(cancelled_first(told, cancelled)))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            clone = partial(client.projects.clone, "ws_1", URL, on_progress=lambda _: started.set())
            await cancelled_while(partial(happened, started), clone)
            await happened(cancelled)
            assert await client.call("next") == "pong"

    run(main)
    assert told == ["cancelled"]


def test_a_listener_that_takes_its_time_holds_up_no_other_thread(begin: Begin) -> None:
    others_done = Event()

    def script(peer: Peer) -> None:
        request = peer.expect("project.clone")
        peer.progress(request, "Receiving objects", 42)
        for _ in range(3):
            peer.answer(peer.expect("next"), "pong")
        peer.answer(request, WORKSPACE)

    client = begin(script)
    listening = Event()

    def listen(_progress: Progress) -> None:
        listening.set()
        assert others_done.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        clone = pool.submit(client.projects.clone, "ws_1", URL, on_progress=listen)
        assert listening.wait(PATIENCE_SECONDS)
        assert [client.call("next") for _ in range(3)] == ["pong"] * 3
        others_done.set()
        assert clone.result(PATIENCE_SECONDS) == ALPHA


@pytest.mark.requirement("FR-003")
def test_with_the_daemon_and_git(socket_dir: Path, flavour: str) -> None:
    """By the system's git, and by one that hangs at some URLs, which it does until the client gives it up."""
    lifeline = Lifeline(socket_dir / "lifeline")
    hang = lifeline.hanging_script()
    git = fake_git(
        socket_dir / "bin", f'case "$*" in *hangs*) {hang};; esac\nPATH="{os.environ["PATH"]}" exec git "$@"'
    )
    url = make_repository(socket_dir / "origin")
    root = socket_dir / "alpha"
    root.mkdir()
    with (
        closing(lifeline),
        running_daemon(socket_dir, environment={"PATH": git.replace_path()}) as daemon,
        connected(flavour, daemon.socket) as client,
    ):
        workspace = client.workspaces.create("Alpha", root)
        told: list[Progress] = []
        bound = client.projects.clone(workspace.id, url, on_progress=told.append)
        assert [project.git_url for project in bound.projects] == [url]
        assert (root / "origin" / "file0").is_file()
        assert told

        def stop(_progress: Progress) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            client.projects.clone(workspace.id, "https://example.com/hangs.git", on_progress=stop)
        assert lifeline.wait_until_let_go(PATIENCE_SECONDS)
        assert client.workspaces.get(workspace.id) == bound
    assert [entry.name for entry in root.iterdir()] == ["origin"]
