"""A file in the store's place that the store did not write: whether it may be written over, and in words.

The strategy: a file of a higher revision, or of a newer release, belongs to another store, which a late mount or a
restore by `mv` has put there. It is served after a restart, and never written over. Any other file is an edit of this
store's own.
"""

from pathlib import Path

from workspaced.domain.state import State
from workspaced.store.document import Corrupted, NewerVersion, parse_document
from workspaced.store.files import Content


def another_store(path: Path, content: Content, held: State) -> str | None:
    """Return why the file is another store's, with the way out; None if it may be written over once it is kept."""
    try:
        found = parse_document(content.data).state
    except Corrupted:
        return None
    except NewerVersion as newer:
        return (
            f"{path} is now another store, written by a newer release ({newer}): nothing is written over it. Stop this "
            "daemon and start that release, or move the other store away."
        )
    if found.revision <= held.revision:
        return None
    return (
        f"{path} is now another store: it has revision {found.revision} and {_count(found)}, and this daemon holds "
        f"revision {held.revision} and {_count(held)}. Nothing is written over it: restart the daemon to serve that "
        "store, or move it away to go on with this one."
    )


def difference(found: State, held: State) -> str | None:
    """Return how a valid file differs from the state that the daemon holds, or None."""
    if found.revision > held.revision:
        return (
            f"another store's: it has revision {found.revision} and {_count(found)}, and the daemon holds "
            f"revision {held.revision} and {_count(held)}"
        )
    if found.revision < held.revision:
        return f"of revision {found.revision}, and the daemon holds revision {held.revision}"
    if {id_: each.workspace for id_, each in found.records.items()} != {
        id_: each.workspace for id_, each in held.records.items()
    }:
        return f"edited: it has revision {held.revision}, but not the workspaces that the daemon holds"
    return None


def _count(state: State) -> str:
    return "1 workspace" if len(state.records) == 1 else f"{len(state.records)} workspaces"
