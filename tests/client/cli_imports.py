"""An older app's store, for the tests of what is imported."""

import json
from pathlib import Path
from typing import Any

from e2e.store_files import with_checksum, without_revision, workspace

OLDER = without_revision([workspace(number, 2) for number in range(3)])


def older_store(directory: Path, workspaces: list[dict[str, Any]] = OLDER) -> Path:
    """An older app's data directory."""
    directory.mkdir(exist_ok=True)
    text = with_checksum(json.dumps({"version": 1, "workspaces": workspaces}, indent=2, ensure_ascii=False))
    for name in ("workspaces.json", "workspaces.snapshot.json"):
        (directory / name).write_text(text)
    return directory
