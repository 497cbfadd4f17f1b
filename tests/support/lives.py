"""The lives of a daemon: what one leaves to the next is its store, and the history of that."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from support.serving import Daemon, Serve
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol import datadir

KEEPS_HISTORY: Final = "history.jsonl" in vars(datadir).values()

needs_history_file: Final = pytest.mark.skipif(
    not KEEPS_HISTORY, reason="the JSON store keeps no history.jsonl yet"
)


async def next_life(serve: Serve, daemon: Daemon) -> Daemon:
    """Start another daemon on what the store in memory of the first one holds; sessions end with a daemon."""
    store = InMemoryWorkspaceStore()
    store.state = replace(daemon.writer.state, sessions={})
    return await serve(store)


def forget_history(data_dir: Path) -> None:
    """Remove the history of a JSON store whose daemon has ended."""
    for file in data_dir.glob("history*.jsonl"):
        file.unlink()
