"""The lives of a daemon: what one leaves to the next is its store, and the history of that."""

from dataclasses import replace
from pathlib import Path

from support.serving import Daemon, Serve
from workspaced.domain.active_sessions import ActiveSessions
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY


async def next_life(serve: Serve, daemon: Daemon) -> Daemon:
    """Start another daemon on what the store in memory of the first one holds; sessions end with a daemon."""
    store = InMemoryWorkspaceStore()
    store.state = replace(daemon.writer.state, sessions=ActiveSessions())
    return await serve(store)


def forget_history(data_dir: Path) -> None:
    """Remove the history of a JSON store whose daemon has ended."""
    for name in (HISTORY, EARLIER_HISTORY):
        (data_dir / name).unlink(missing_ok=True)
