"""The files of the JSON store's history, as tests see them."""

from pathlib import Path
from typing import Final

import pytest

from workspaced_protocol import datadir

KEEPS_HISTORY: Final = "history.jsonl" in vars(datadir).values()

needs_history_file: Final = pytest.mark.skipif(
    not KEEPS_HISTORY, reason="the JSON store keeps no history.jsonl yet"
)


def forget_history(data_dir: Path) -> None:
    """Remove the history of a store whose daemon has ended."""
    for file in data_dir.glob("history*.jsonl"):
        file.unlink()
