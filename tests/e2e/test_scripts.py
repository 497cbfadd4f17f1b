"""The scripts that no tour runs: those of docs/integrate/shell.md that follow events or use the bare socket, and the ping of docs/protocol.md."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.daemon_process import Home
from support.raw_connection import RawConnection
from support.repository import ROOT
from support.waiting import PATIENCE_SECONDS, wait_until

PAGE = (ROOT / "docs/integrate/shell.md").read_text("utf-8")
PROTOCOL = (ROOT / "docs/protocol.md").read_text("utf-8")
FOLLOWING, *BARE = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


def environment(home: Home) -> dict[str, str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return os.environ | {"WORKSPACED_SOCKET": str(home.socket), "PATH": path}


@needs_jq
def test_the_script_that_follows_events(connection: RawConnection, shared_home: Home) -> None:
    script = subprocess.Popen(
        ["bash", "-c", FOLLOWING],
        env=environment(shared_home),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its end is that of its pipeline
    )
    try:
        wait_until(lambda: any("subscription" in client for client in connection.call("daemon.clients")))
        connection.call("daemon.hello", client="editor", protocol=1)
        connection.create("Follow me")
        assert script.stdout is not None
        assert script.stdout.readline() == "Follow me, by editor\n"
    finally:
        os.killpg(script.pid, signal.SIGKILL)
        script.communicate(timeout=PATIENCE_SECONDS)


@needs_jq
@pytest.mark.parametrize("script", BARE, ids=["nc", "socat"])
def test_a_script_asks_over_the_bare_socket(
    connection: RawConnection, shared_home: Home, script: str, request: pytest.FixtureRequest
) -> None:
    program = request.node.callspec.id
    if not has(program):
        pytest.skip(f"{program} for Unix sockets is not installed")
    connection.create(f"Asked by {program}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment(shared_home),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Asked by {program}" in done.stdout.splitlines()


@pytest.mark.usefixtures("connection")
def test_the_ping_of_the_protocol(shared_home: Home, tmp_path: Path) -> None:
    if not has("nc"):
        pytest.skip("nc for Unix sockets is not installed")
    (block,) = re.findall(r"^```console\n\$ (.*?)^```$", PROTOCOL, re.MULTILINE | re.DOTALL)
    command, answer = block.splitlines()
    (tmp_path / "workspaced").mkdir()
    (tmp_path / "workspaced" / "workspaced.sock").symlink_to(shared_home.socket)
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{answer}\n", "")


def has(program: str) -> bool:
    """Whether the program is there; of the programs called nc, only OpenBSD's on Linux knows Unix sockets and -N."""
    if shutil.which(program) is None:
        return False
    if program != "nc":
        return True
    told = subprocess.run(["nc", "-h"], capture_output=True, text=True, check=False)
    return "OpenBSD" in told.stdout + told.stderr and "-N" in told.stdout + told.stderr


def test_each_script_of_the_page_is_here() -> None:
    assert len(BARE) == 2
    assert "nc -U -N" in BARE[0]
    assert "socat" in BARE[1]
