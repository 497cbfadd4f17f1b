"""Several daemons on one shared store, as on several machines, each with a socket of its own; for clients in processes.

They run in a thread of this process: the store that they share is in its memory.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import trio

from support.shared_store import SharedMemory
from support.waiting import PATIENCE_SECONDS
from workspaced import app
from workspaced.rpc.listener import bind


@contextmanager
def shared_daemons(
    directory: Path, machines: Sequence[str], memory: SharedMemory | None = None
) -> Iterator[dict[str, Path]]:
    """Run a daemon for each of these machines on one memory; yield their sockets by machine."""
    shared = memory or SharedMemory()
    sockets = {name: directory / name for name in machines}
    ready = threading.Event()
    scopes: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                for name, socket in sockets.items():
                    await nursery.start(_serve, shared, name, socket)
                scopes.append((trio.lowlevel.current_trio_token(), scope))
                ready.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS), "no daemon began"
        yield sockets
    finally:
        for token, scope in scopes:
            token.run_sync_soon(scope.cancel)
        thread.join()


async def _serve(
    memory: SharedMemory,
    machine: str,
    socket: Path,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    listener = bind(socket)
    try:
        daemon = app.build(
            memory.open(), data_dir=socket.parent / f"{machine}.data", socket=socket, machine=machine
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.writer.run)
            nursery.start_soon(daemon.paths.run)
            nursery.start_soon(daemon.real_paths.run)
            nursery.start_soon(daemon.server.log.run)
            await nursery.start(listener.accept_into, nursery, daemon.server.serve)
            task_status.started()
    finally:
        listener.close()
