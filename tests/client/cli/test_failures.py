"""A daemon that can't be reached, or goes away: exit code 3, and which it is; and an interrupt."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from client.cli.workspacectl import (
    Ctl,
    Result,
    ctl_for,
    interrupted,
    run_on_terminal,
    started,
)
from client.conftest import Serve
from client.fake_server import Peer, greeting, occupied_queue
from support.daemon_process import running_daemon
from support.waiting import PATIENCE_SECONDS

ASKING = [
    ("status",),
    ("list",),
    ("show", "a"),
    ("create", "a"),
    ("update", "a", "--no-tags"),
    ("rename", "a", "b"),
    ("open", "a"),
    ("close", "a"),
    ("delete", "a"),
    ("sessions",),
    ("flush",),
    ("recovery", "show"),
    ("recovery", "ack"),
]


def check_told(
    ctl: Ctl, path: Path, kind: str, code: int = 3, timeout_seconds: float = PATIENCE_SECONDS
) -> str:
    """Run a command that must fail so, in words and as JSON; return the sentence."""
    result = ctl("list", "--timeout", str(timeout_seconds))
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    as_json = ctl("list", "--timeout", str(timeout_seconds), "--json")
    assert (as_json.code, as_json.out) == (code, "")
    assert as_json.error["kind"] == kind
    if code == 3:
        assert str(path) in result.err
        way_out = "stop` ends it." if kind == "notResponding" else "start`"
        assert f"`workspacectl {way_out}" in result.err
        assert as_json.error["data"]["socket"] == str(path)
    return result.err


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_no_daemon(socket_dir: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    result = ctl_for(socket_dir / "none.sock", capsys)(*arguments)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: The daemon is not running: there is no socket at ")
    assert str(socket_dir / "none.sock") in result.err
    assert "`workspacectl start`" in result.err


def test_not_running(socket_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = socket_dir / "left.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
    assert "nobody listens" in check_told(ctl_for(path, capsys), path, "notRunning")


def test_not_responding(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.request()  # the client hangs up

    path = serve(silent)
    assert "within 0.2 seconds" in check_told(
        ctl_for(path, capsys), path, "notResponding", timeout_seconds=0.2
    )


def test_not_accepting(socket_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = socket_dir / "busy.sock"
    if sys.platform != "linux":
        pytest.skip("macOS refuses a connection where Linux makes it wait for room in the queue")
    with occupied_queue(path):
        assert "within 0.2 seconds" in check_told(
            ctl_for(path, capsys), path, "notResponding", timeout_seconds=0.2
        )


def test_connection_lost(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    path = serve(greeting(lambda peer: peer.socket.close()))
    assert "the connection ended" in check_told(ctl_for(path, capsys), path, "connectionLost")


def test_not_allowed(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    path = serve(lambda peer: peer.socket.close())
    assert "You may not use the daemon" in check_told(ctl_for(path, capsys), path, "notAllowed")


def test_another_program_at_the_socket(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    path = serve(lambda peer: peer.send(b"220 mail.example.org ESMTP\n"))
    assert "makes no sense" in check_told(ctl_for(path, capsys), path, "badAnswer")


def test_another_protocol(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(peer: Peer) -> None:
        data = {"kind": "protocolUnsupported", "minimum": 7, "maximum": 8}
        peer.refuse(peer.expect("daemon.hello").id, 1010, "This daemon speaks 7 to 8.", data)

    path = serve(refuse)
    assert "speaks 7 to 8" in check_told(ctl_for(path, capsys), path, "protocolUnsupported", code=1)


def test_the_daemon_goes_away_while_a_person_is_asked(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            client.workspaces.create("alpha", "/a")

        def stop_and_confirm(_: object, terminal: int) -> None:
            daemon.stop()
            os.write(terminal, b"y\n")

        result = run_on_terminal(
            "delete", "alpha", f"--socket={daemon.socket}", home=tmp_path, at_question=stop_and_confirm
        )
    assert result.code == 3
    assert f"The socket is ~/{daemon.socket.relative_to(tmp_path)}." in result.out
    assert "Traceback" not in result.out


def test_an_interrupt_while_waiting_is_quiet(serve: Serve, tmp_path: Path) -> None:
    asked = threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.request()  # the client hangs up

    with started("list", "--socket", str(serve(silent)), home=tmp_path) as process:
        assert asked.wait(PATIENCE_SECONDS)
        assert interrupted(process) == Result(130, "", "")


# Tells whether Ctrl-C is held back while the library is loaded that crashes the process at one.
AT_THE_LIBRARY = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "msgspec._core":
            print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

sys.meta_path.insert(0, Finder())
from workspaced_client.cli import main
main([*sys.argv[1:], "--no-autostart", "--socket", "/nowhere"])
print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


@pytest.mark.parametrize("command", [["list"], ["show", "alpha"], ["create", "alpha"]])
def test_no_interrupt_comes_while_modules_are_loaded(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_LIBRARY, *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.stdout.split() == ["True", "False"]


def test_an_interrupt_at_the_question_deletes_nothing(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, daemon.client() as client:
        client.workspaces.create("alpha", "/a")
        result = run_on_terminal(
            "delete",
            "alpha",
            f"--socket={daemon.socket}",
            home=tmp_path,
            at_question=lambda process, _: process.send_signal(signal.SIGINT),
        )
        assert (result.code, result.out) == (130, "Delete workspace “alpha” (/a)? [y/N] ")
        assert len(client.workspaces.list()) == 1
