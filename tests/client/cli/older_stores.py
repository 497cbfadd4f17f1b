"""An older app's store, for the tests of what is imported."""

from pathlib import Path

from support.documents import PRIMARY, SNAPSHOT, Json, version_1_text, without_revision, workspace_json

OLDER = without_revision([workspace_json(number, 2) for number in range(3)])


def older_store(directory: Path, workspaces: list[Json] = OLDER) -> Path:
    """Make an older app's data directory, and return it."""
    directory.mkdir(exist_ok=True)
    for name in (PRIMARY, SNAPSHOT):
        (directory / name).write_text(version_1_text(workspaces))
    return directory
