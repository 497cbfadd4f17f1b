"""What an app is told on connect when the daemon had to recover its store."""

import warnings
from typing import Any

import anyio
import pytest

from client.conftest import Connect, Serve
from client.fake_server import CLEAN, Peer, Script
from client.flavours import BACKENDS
from workspaced_client import Client, RecoveryWarning
from workspaced_client.aio import AsyncClient

LOSS: dict[str, Any] = {
    "outcome": "dataLoss",
    "quarantined": ["/data/quarantine/a.json", "/data/quarantine/b.json"],
    "acknowledged": False,
    "reason": "both files are corrupted",
    "occurredAt": 1_772_000_000_000,
    "salvageableCount": 3,
}


def recovered(**changed: object) -> Script:
    """Greets with this notice, and then waits for the client to leave."""

    def script(peer: Peer) -> None:
        peer.greet({**LOSS, **changed})
        peer.request()

    return script


@pytest.mark.requirement("FR-007")
@pytest.mark.parametrize(
    ("outcome", "count", "begins", "ends"),
    [
        (
            "dataLoss",
            3,
            "Workspaces were lost at 2026-02-2",
            "recovery salvage` can bring back 3 workspaces.",
        ),
        (
            "dataLoss",
            1,
            "Workspaces were lost at 2026-02-2",
            "recovery salvage` can bring back 1 workspace.",
        ),
        ("dataLoss", 0, "Workspaces were lost at 2026-02-2", "recovery show` tells what can be done."),
        ("dataLoss", None, "Workspaces were lost at 2026-02-2", "recovery show` tells what can be done."),
        (
            "recovered",
            2,
            "The store had to be recovered at 2026-",
            "recovery salvage` can bring back 2 workspaces.",
        ),
        ("recovered", 0, "The store had to be recovered at 2026-", "recovery ack` ends this warning."),
    ],
)
def test_each_client_warns_in_one_line_with_the_one_command_that_helps(
    connect: Connect, outcome: str, count: int | None, begins: str, ends: str
) -> None:
    with pytest.warns(RecoveryWarning) as told:
        connect(recovered(outcome=outcome, salvageableCount=count))
    (warning,) = told
    text = str(warning.message)
    assert text.startswith(begins)
    assert text.endswith(ends)
    assert text.count("`workspacectl ") == 1
    assert len(text) < 160
    assert "\n" not in text


@pytest.mark.parametrize("notice", [CLEAN, {**LOSS, "acknowledged": True}, {**CLEAN, "outcome": "fresh"}])
def test_what_is_well_or_known_is_not_warned_of(connect: Connect, notice: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connect(recovered(**notice))


def test_the_warning_is_at_the_line_that_connects(serve: Serve) -> None:
    path = serve(recovered())
    with pytest.warns(RecoveryWarning) as told, Client.connect(path):
        pass
    assert told[0].filename == __file__


@pytest.mark.parametrize("backend", BACKENDS)
def test_so_it_is_in_async_code(serve: Serve, backend: str) -> None:
    path = serve(recovered())

    async def connect() -> None:
        async with AsyncClient.connect(path):
            pass

    with pytest.warns(RecoveryWarning) as told:
        anyio.run(connect, backend=backend)
    assert told[0].filename == __file__


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_a_warning_that_is_made_an_error_leaves_no_connection(serve: Serve, backend: str | None) -> None:
    def script(peer: Peer) -> None:
        peer.greet(LOSS)
        assert peer.socket.recv(1) == b""  # waits, and fails the test where nobody hangs up

    path = serve(script)

    async def connect() -> None:
        async with AsyncClient.connect(path):
            pass

    with warnings.catch_warnings():
        warnings.simplefilter("error", RecoveryWarning)
        with pytest.raises(RecoveryWarning):
            anyio.run(connect, backend=backend) if backend else Client.connect(path)


def test_it_can_be_ignored(serve: Serve) -> None:
    path = serve(recovered())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RecoveryWarning)
        Client.connect(path).close()
