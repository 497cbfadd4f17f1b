"""The history of a JSON store, as a test sees it: what is told now, and what a start tells."""

from contextlib import closing
from pathlib import Path

from support.samples import workspace
from workspaced.domain.entries import Entry
from workspaced.store import JsonWorkspaceStore, create_json_store


def entries_of(store: JsonWorkspaceStore) -> list[Entry]:
    """What the store tells, oldest first."""
    return [*store.state.history.entries]


def revisions(store: JsonWorkspaceStore) -> list[int]:
    """The revisions of that."""
    return [entry.revision for entry in entries_of(store)]


def written(data_dir: Path, count: int = 5) -> list[Entry]:
    """Make a store with so many changes, and return them."""
    with closing(create_json_store(data_dir)) as store:
        for number in range(1, count + 1):
            store.save(workspace(number % 3, name=f"Größe {number}"))
        return entries_of(store)


def again(data_dir: Path) -> tuple[list[int], int, list[str]]:
    """Start again: the revisions that are told, after which they are complete, and what the log says."""
    with closing(create_json_store(data_dir)) as store:
        return revisions(store), store.state.history.complete_since, store.warnings
