"""A file in the store's place that the store did not write: whether it may be written over, and in words.

The strategy: the store's id and revision tell whose a valid file is. One with another id or a higher revision is
another store's: a late mount or a restore by `mv` has put it there. One of an older version has no id. Once this
store's own files have theirs, or in another directory than theirs, it is an old copy of this store or another store,
and nobody can tell which. None of these is ever written over. Any other file is an edit of this store's own.
"""

from contextlib import suppress

from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.document import Corrupted, Document, NewerVersion, parse_document
from workspaced.store.files import Content, Directory
from workspaced.store.json.snapshot import decide, examine
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT


def another_store(
    directory: Directory, name: str, content: Content, held: State, *, older_is_own: bool
) -> str | None:
    """Return why the file is another store's, with the way out; None if it may be written over once it is kept.

    `older_is_own` tells whether a file of an older version may be this store's own.
    """
    path = directory.path / name
    try:
        document = parse_document(content.data)
    except Corrupted:
        return None
    except NewerVersion as newer:
        return (
            f"{path} is now another store, written by a newer release ({newer}): nothing is written over it. Stop this "
            "daemon and start that release, or move the other store away."
        )
    if not _is_another(document, held, older_is_own):
        return None
    advice = (
        "restart the daemon to serve that store, or move it away to go on with this one"
        if _would_serve(directory, name)
        else "move it away to go on with this store; then `workspacectl restore` with its new path gives this store "
        "its workspaces, if you want them"
    )
    what = "another store or an old copy of this one" if _has_no_id(document) else "another store"
    return f"{path} is now {what}: {_compared(document, held)}. Nothing is written over it: {advice}."


def difference(document: Document, held: State, *, older_is_own: bool) -> str | None:
    """Return how a valid file differs from the state that the daemon holds, or None."""
    found = document.state
    if _is_another(document, held, older_is_own):
        whose = "another store's or an old copy" if _has_no_id(document) else "another store's"
        return f"{whose}: {_compared(document, held)}"
    if found.revision < held.revision:
        return f"of revision {found.revision}, and the daemon holds revision {held.revision}"
    if {id_: each.workspace for id_, each in found.records.items()} != {
        id_: each.workspace for id_, each in held.records.items()
    }:
        return f"edited: it has revision {held.revision}, but not the workspaces that the daemon holds"
    return None


def _is_another(document: Document, held: State, older_is_own: bool) -> bool:
    found = document.state
    if found.revision > held.revision:
        return True
    return not older_is_own if _has_no_id(document) else found.store_id != held.store_id


def _has_no_id(document: Document) -> bool:
    return not document.state.store_id


def _would_serve(directory: Directory, name: str) -> bool:
    """Return whether a start would serve this file, as the files are now."""
    with suppress(StoreUnusable, NewerVersion, OSError):
        served = decide(examine(directory, PRIMARY), examine(directory, SNAPSHOT), "").served
        return served is not None and served.name == name
    return False


def _compared(document: Document, held: State) -> str:
    found = document.state
    theirs = f"revision {found.revision} and {_count(found)}"
    ours = f"revision {held.revision} and {_count(held)}"
    if _has_no_id(document):
        theirs = f"version {document.version} of the format, without an id, {theirs}"
    elif found.store_id != held.store_id:
        theirs, ours = f"the id {found.store_id}, {theirs}", f"the id {held.store_id}, {ours}"
    return f"it has {theirs}, and this daemon holds {ours}"


def _count(state: State) -> str:
    return "1 workspace" if len(state.records) == 1 else f"{len(state.records)} workspaces"
