"""`workspacectl mcp` as agents start it: a process on pipes, where no daemon runs yet."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import mcp
import pytest
import trio
from mcp.client.stdio import StdioServerParameters

from support.daemon_process import Home, environment_at, listens, new_home
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS, wait_until
from workspaced_client import Client

COMMAND = (str(Path(sys.executable).with_name("workspacectl")), "mcp")


class Desk:
    """A user's home where no daemon runs."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.environment = environment_at(
            home.root, WORKSPACED_SOCKET=str(home.socket), WORKSPACED_DATA_DIR=str(home.data_dir)
        )

    def parameters(self, *options: str) -> StdioServerParameters:
        program, *arguments = COMMAND
        return StdioServerParameters(command=program, args=[*arguments, *options], env=self.environment)

    def kill(self) -> None:
        """End the daemon, and wait until it is gone: it is no child of this process."""
        with RawConnection(self.home.socket) as connection:
            os.kill(connection.call("daemon.status")["pid"], signal.SIGKILL)
            with pytest.raises(EOFError):
                connection.receive()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with new_home() as home:
        desk = Desk(home)
        yield desk
        if listens(home.socket):
            desk.kill()


async def test_two_agents_and_a_daemon_that_is_killed(desk: Desk) -> None:
    desk.home.root.joinpath("web").mkdir()
    async with mcp.Client(desk.parameters()) as one:
        assert not desk.home.socket.exists()
        made = await one.call_tool("create_workspace", {"name": "shop", "rootPath": str(desk.home.root)})
        id_ = made.structured_content["id"]
        await one.call_tool("bind_project", {"workspaceId": id_, "rootPath": f"{desk.home.root}/web"})
        listed = await one.call_tool("list_workspaces", {})
        (shop,) = listed.structured_content["workspaces"]
        assert [project["rootPath"] for project in shop["projects"]] == [f"{desk.home.root}/web"]
        assert not (await one.call_tool("claim_workspace", {"workspaceId": id_})).is_error
        async with mcp.Client(desk.parameters()) as other:
            assert (await other.call_tool("claim_workspace", {"workspaceId": id_})).is_error
            await trio.to_thread.run_sync(desk.kill)
            listed = await one.call_tool("list_workspaces", {})  # which starts it again
            assert listed.structured_content["workspaces"] == [shop]
            assert (await other.call_tool("claim_workspace", {"workspaceId": id_})).is_error
        with Client.connect(desk.home.socket) as user:
            assert len(user.sessions.list()) == 1
    with Client.connect(desk.home.socket) as user:
        wait_until(lambda: user.sessions.list() == [], "the claim outlives its agent")
        assert user.workspaces.list()[0].name == "shop"


async def test_a_daemon_that_can_not_start_is_told_with_each_call(desk: Desk) -> None:
    desk.home.data_dir.write_text("no directory")
    async with mcp.Client(desk.parameters()) as one:
        assert (await one.list_tools()).tools
        told = await one.call_tool("list_workspaces", {})
        assert told.is_error
        assert str(desk.home.data_dir) in str(told.content)
        desk.home.data_dir.unlink()
        assert not (await one.call_tool("list_workspaces", {})).is_error


@contextmanager
def served(desk: Desk) -> Generator["subprocess.Popen[bytes]"]:
    """Start the server on pipes, and ask it for its first answer."""
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, env=desk.environment, stdin=pipe, stdout=pipe, stderr=pipe) as server:
        try:
            ask(server)
            assert server.stdout is not None
            assert b'"id":1' in server.stdout.readline()
            yield server
        finally:
            server.kill()


def ask(server: "subprocess.Popen[bytes]") -> None:
    assert server.stdin is not None
    server.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    server.stdin.flush()


def test_ctrl_c_ends_it(desk: Desk) -> None:
    with served(desk) as server:
        server.send_signal(signal.SIGINT)
        assert server.communicate(timeout=PATIENCE_SECONDS) == (b"", b"")
        assert server.returncode == -signal.SIGINT


def test_an_agent_that_leaves_with_an_answer_unread_is_no_error(desk: Desk) -> None:
    with served(desk) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdout.close()
        ask(server)
        assert server.stdin is not None
        server.stdin.close()
        assert server.stderr.read() == b""
        assert server.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_told(desk: Desk, closed: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND]
    done = subprocess.run(command, env=desk.environment, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: This serves an agent on stdin and stdout, and one of them is closed"
    )


def test_without_the_extra_it_says_how_to_get_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('No module named mcp', name='mcp')")
    done = subprocess.run(
        COMMAND,
        env=desk.environment | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'workspaced[mcp]'" in done.stderr
    assert "Traceback" not in done.stderr
