"""What is answered is freed at once: the garbage collector, whose pauses all clients wait for, finds nothing of it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.serving import Client, Daemon, Json
from support.waiting import until
from workspaced_protocol.models import Backup

_TIMES = 20


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Fails where what was done leaves rings of the daemon's objects, which only the collector can free."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found = [each for each in gc.garbage if _module_of(each).startswith("workspaced")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert found == []


def _module_of(garbage: object) -> str:
    if hasattr(garbage, "f_globals"):
        return str(garbage.f_globals.get("__name__"))
    return str(getattr(garbage, "__module__", None) or type(garbage).__module__)


@pytest.mark.requirement("NFR-001")
@pytest.mark.parametrize(
    "calls",
    [
        [("daemon.ping", {})],
        [("workspace.get", {"id": "ws_01"})],
        [("workspace.get", {"id": "ws_99"})],
        [("workspace.get", {"unknown": 1})],
        [("workspace.list", {})],
        [("workspace.nonsense", {})],
        [("workspace.create", {"name": "Alpha", "rootPath": "/src"})],
        [("workspace.create", {"name": ""})],
        [("workspace.close", {"id": "ws_01"}), ("workspace.open", {"id": "ws_01"})],
        [("workspace.open", {"id": "ws_01"})],
        [("project.bind", {"workspaceId": "ws_01", "rootPath": "/nowhere"})],
        [("project.bind", {"workspaceId": "ws_01", "rootPath": "relative"})],
        [("project.check", {"workspaceId": "ws_01"})],
        [("store.flush", {})],
        [("store.check", {})],
        [("project.clone", {"workspaceId": "ws_01", "gitUrl": "ext::nothing"})],
        [("project.clone", {"workspaceId": "ws_01", "gitUrl": "/a", "targetDir": "/dev/null/a"})],
        [("store.backup", {"path": "/nowhere/copy"})],
        [("store.restore", {"source": "no such copy"})],
    ],
    ids=lambda calls: ", ".join(
        f"{method} {' '.join(map(str, params.values()))}" for method, params in calls
    ),
)
async def test_a_request_leaves_nothing_to_the_garbage_collector(
    calls: list[tuple[str, Json]], client: Client
) -> None:
    for method, params in calls:
        await client.call(method, **params)  # what is made once, on the first call, is no garbage
    with leaving_nothing():
        for _ in range(_TIMES):
            for method, params in calls:
                await client.call(method, **params)


async def test_a_refused_restore_leaves_nothing_to_the_garbage_collector(client: Client) -> None:
    copy = msgspec.convert(await client.result("store.backup"), Backup)
    await client.refusal("store.restore", source=copy.name, ifRevision=99)
    with leaving_nothing():
        for _ in range(_TIMES):
            await client.refusal("store.restore", source=copy.name, ifRevision=99)


async def test_who_leaves_a_task_leaves_nothing_to_the_garbage_collector(daemon: Daemon) -> None:
    async def without_end(*_: object) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async def come_and_go() -> None:
        client = daemon.connect()
        await client.request("store.check")
        await wait_all_tasks_blocked()
        client.close()
        await until(lambda: not daemon.online)

    daemon.replace("store.check", without_end)
    await come_and_go()
    with leaving_nothing():
        for _ in range(_TIMES):
            await come_and_go()


async def test_a_connection_leaves_nothing_to_the_garbage_collector(daemon: Daemon) -> None:
    async def come_and_go() -> None:
        client = daemon.connect()
        await client.result("events.subscribe")
        await client.send(b"half a line")
        client.close()
        await wait_all_tasks_blocked()

    await come_and_go()
    with leaving_nothing():
        for _ in range(_TIMES):
            await come_and_go()
