"""Claims: one agent at a time, until it releases the workspace or ends; and what becomes of one when the daemon goes."""

import signal
from threading import Event

import anyio
import pytest
import trio

from client.conftest import Serve
from client.fake_server import CLEAN, HELLO, PATIENCE_SECONDS, STATUS, Peer
from client.mcp_server.agents import Agent, agent
from client.mcp_server.conftest import NewName
from support.daemon_process import DaemonProcess, running_daemon


async def made(one: Agent, name: str) -> str:
    """Return the id of a new workspace."""
    answer = await one.ask("create_workspace", name=name, rootPath="/srv")
    return str(answer["id"])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_second_agent_is_refused_until_the_first_releases(
    daemon: DaemonProcess, new_name: NewName, mode: str
) -> None:
    async with (
        agent(daemon.socket, mode=mode, name="first") as first,
        agent(daemon.socket, mode=mode) as second,
    ):
        id_ = await made(first, new_name())
        session = await first.ask("claim_workspace", workspaceId=id_)
        assert (session["label"], session["exclusive"]) == ("first", True)
        assert "“first”" in await second.refused("claim_workspace", workspaceId=id_)
        assert await first.ask("release_workspace", workspaceId=id_) == {"released": id_}
        session = await second.ask("claim_workspace", workspaceId=id_, label="tests of the shop")
        assert session["label"] == "tests of the shop"


async def test_the_end_of_an_agent_ends_its_claim(daemon: DaemonProcess, new_name: NewName) -> None:
    async with agent(daemon.socket) as other:
        async with agent(daemon.socket) as one:
            id_ = await made(one, new_name())
            await one.ask("claim_workspace", workspaceId=id_)
        await other.ask("claim_workspace", workspaceId=id_)


async def test_a_claim_that_is_made_again_is_the_one_that_is_there(
    daemon: DaemonProcess, new_name: NewName
) -> None:
    async with agent(daemon.socket) as one:
        id_ = await made(one, new_name())
        sessions = [await one.ask("claim_workspace", workspaceId=id_) for _ in range(2)]
        assert sessions[0] == sessions[1]
        assert "release_workspace" in await one.refused("delete_workspace", id=id_)
        await one.ask("release_workspace", workspaceId=id_)
        assert "nothing to release" in await one.refused("release_workspace", workspaceId=id_)
        await one.ask("delete_workspace", id=id_)


async def test_a_claim_is_made_again_when_the_daemon_was_killed(new_name: NewName) -> None:
    with running_daemon() as daemon:
        async with agent(daemon.socket) as one, agent(daemon.socket) as other:
            id_, second = await made(one, new_name()), await made(one, new_name())
            await one.ask("claim_workspace", workspaceId=id_)
            await one.ask("claim_workspace", workspaceId=second)
            await trio.to_thread.run_sync(daemon.restart, signal.SIGKILL)
            answer, *news = await one.texts("get_workspace", id=id_)
            assert id_ in answer
            assert sorted(id_ in each for each in news) == [False, True]
            assert all("was made again" in each for each in news)
            assert len(await one.texts("get_workspace", id=id_)) == 1  # it is told once
            await other.refused("claim_workspace", workspaceId=id_)
            await one.ask("release_workspace", workspaceId=second)


async def test_a_claim_that_another_agent_took_meanwhile_is_told_as_lost(new_name: NewName) -> None:
    with running_daemon() as daemon:
        async with agent(daemon.socket) as one:
            id_ = await made(one, new_name())
            await one.ask("claim_workspace", workspaceId=id_)
            daemon.restart(
                signal.SIGKILL
            )  # not in a thread: the agent's server notices nothing before the next `await`
            with daemon.client() as faster:
                faster.sessions.begin(id_, label="faster", exclusive=True)
                _, *news = await one.texts("list_workspaces")
                assert len(news) == 1
                assert "could not be made again" in news[0]
                assert "“faster”" in news[0]
            assert (await one.ask("resolve_path", path="/srv"))["claimedByYou"] is False


class Daemon:
    """A daemon that keeps a claim waiting until it is told to answer, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.claimed = Event()
        self.answer = Event()

    def __call__(self, peer: Peer) -> None:
        session = {
            "id": "ss_a",
            "workspaceId": "ws_a",
            "label": "a",
            "pid": 1,
            "startedAt": 1,
            "exclusive": True,
        }
        answers = {
            "daemon.ping": "pong",
            "daemon.hello": HELLO,
            "daemon.status": {**STATUS, "recovery": CLEAN},
            "events.subscribe": {"revision": 1},
            "session.begin": session,
            "session.end": None,
        }
        while True:
            request = peer.request()
            self.asked.append(request.method)
            if request.method == "session.begin":
                self.claimed.set()
                assert self.answer.wait(PATIENCE_SECONDS)
            peer.answer(request, answers[request.method])


async def test_a_claim_that_is_cancelled_leaves_nothing(serve: Serve) -> None:
    daemon = Daemon()
    async with agent(serve(daemon)) as one:

        async def claim(cancelled: anyio.CancelScope) -> None:
            with cancelled:
                await one.client.call_tool("claim_workspace", {"workspaceId": "ws_a"})

        async with trio.open_nursery() as nursery:
            scope = anyio.CancelScope()
            nursery.start_soon(claim, scope)
            await trio.to_thread.run_sync(daemon.claimed.wait, PATIENCE_SECONDS)
            scope.cancel()
            daemon.answer.set()
        assert "nothing to release" in await one.refused("release_workspace", workspaceId="ws_a")
    assert daemon.asked.count("session.end") == 1
