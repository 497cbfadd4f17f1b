"""Claims on one of several machines: made again when the others took them for lost, though the daemon runs on."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.mcp_server.agents import agent
from client.mcp_server.test_claims import made
from support.shared_daemons import shared_daemons
from support.shared_store import SharedMemory
from support.waiting import until
from workspaced.store.contract import Commit, StorageFailure
from workspaced_client import Client, Session


class Machines:
    """Two machines on one memory; agents are on the laptop."""

    def __init__(self, memory: SharedMemory, sockets: dict[str, Path], client: Client) -> None:
        self.memory = memory
        self.laptop = sockets["laptop"]
        self.client = client

    def sessions(self) -> list[str]:
        """Return the ids of all sessions, as the laptop knows them."""
        return [each.id for each in self.client.sessions.list()]

    def lose(self, session: Session) -> None:
        """Have all machines take this session for lost."""
        self.memory.end_sessions(session.id)


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    memory = SharedMemory()
    with (
        shared_daemons(tmp_path_factory.mktemp("s"), ("laptop", "devbox"), memory) as sockets,
        Client.connect(str(sockets["laptop"])) as client,
    ):
        yield Machines(memory, sockets, client)


async def test_a_claim_that_others_took_for_lost_is_made_again(machines: Machines) -> None:
    async with agent(machines.laptop) as one:
        id_ = await made(one, "shop")
        await one.ask("claim_workspace", workspaceId=id_)
        (first,) = machines.client.sessions.list()
        machines.lose(first)
        await until(lambda: machines.sessions() not in ([], [first.id]))
        _, *news = await one.texts("get_workspace", id=id_)
        assert [f"claim of workspace {id_} ended" in each and "was made again" in each for each in news] == [
            True
        ]
        await one.ask("release_workspace", workspaceId=id_)
        assert machines.sessions() == []
        assert len(await one.texts("get_workspace", id=id_)) == 1  # the release was no loss


async def test_while_the_store_takes_no_writes_a_claim_stays_lost_and_is_told(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Commit) -> None:
        raise StorageFailure("etcd does not answer.", errno.ETIMEDOUT)

    async with agent(machines.laptop) as one:
        id_ = await made(one, "shop")
        await one.ask("claim_workspace", workspaceId=id_)
        (first,) = machines.client.sessions.list()
        with monkeypatch.context() as patched:
            patched.setattr(machines.memory.stores[0], "commit", fail)
            machines.lose(first)
            await until(lambda: machines.client.daemon.status().store.state == "degraded")
            found, *news = await one.texts("resolve_path", path="/srv")
            assert '"claimedByYou":false' in found.replace(" ", "")
            assert "can't be made again yet: etcd does not answer." in news[0]
        machines.client.workspaces.update(id_, name="store")  # the store is well again
        await until(lambda: machines.sessions() not in ([], [first.id]))
        assert (await one.ask("resolve_path", path="/srv"))["claimedByYou"] is True
