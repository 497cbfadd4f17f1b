"""The session of `workspacectl run` on one of several machines: begun again when the others took it for lost."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.shared_daemons import shared_daemons
from support.shared_store import SharedMemory
from support.waiting import wait_until
from workspaced.store.contract import Commit, StorageFailure
from workspaced_client import Client, Workspace
from workspaced_client.cli.run.held_session import held_session


class Shop:
    """A workspace of the laptop's, with an exclusive session held there, in the store that it shares."""

    def __init__(self, memory: SharedMemory, socket: Path, client: Client) -> None:
        self.memory = memory
        self.socket = str(socket)
        self.client = client
        self.workspace: Workspace = client.workspaces.create("shop", "/srv/shop")

    def sessions(self) -> list[str]:
        return [each.id for each in self.client.sessions.list(self.workspace.id)]


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    memory = SharedMemory()
    with (
        shared_daemons(tmp_path_factory.mktemp("s"), ("laptop", "devbox"), memory) as sockets,
        Client.connect(str(sockets["laptop"])) as client,
    ):
        yield Shop(memory, sockets["laptop"], client)


def test_a_session_that_others_took_for_lost_begins_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_session(shop.socket, shop.workspace, "make", 10, exclusive=True):
        (first,) = shop.sessions()
        shop.memory.end_sessions(first)
        wait_until(lambda: shop.sessions() not in ([], [first]), "no session has begun again")
        (again,) = shop.client.sessions.list(shop.workspace.id)
        assert (again.exclusive, again.label) == (True, "make")
    assert shop.sessions() == []
    assert capsys.readouterr().err == ""


def test_while_the_store_takes_no_writes_it_is_told_and_then_begun_again(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Commit) -> None:
        raise StorageFailure("etcd does not answer.", errno.ETIMEDOUT)

    told: list[str] = []

    def is_told(words: str) -> bool:
        told.append(capsys.readouterr().err)
        return words in "".join(told)

    with held_session(shop.socket, shop.workspace, None, 10, exclusive=False):
        (first,) = shop.sessions()
        with monkeypatch.context() as patched:
            patched.setattr(shop.memory.stores[0], "commit", fail)
            shop.memory.end_sessions(first)
            wait_until(
                lambda: is_told("goes on without one until the store takes writes again.\n"), "it is not told"
            )
        shop.client.workspaces.update(shop.workspace.id, name="store")
        wait_until(lambda: is_told("The session in workspace “shop” has begun again.\n"), "it has not begun")
        assert len(shop.sessions()) == 1
    assert "".join(told).startswith(
        "warning: this machine was cut off from the others, and the session in workspace “shop” could not be begun again: "
        "etcd does not answer. Nothing was applied. The command goes on"
    )
