"""A database in the store's place that the store did not put there: whether it may be set aside, in words.

The strategy: it is read as bytes, for SQLite would change it. One with another id or a higher revision is another
store's: a late mount or a restore by `mv` has put it there. It is never touched. Nor is another program's database, or
one of a newer release. Anything else is an edit of this store's own, or an old copy of it.
"""

from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.files import Directory
from workspaced.store.sqlite.looking import look, newest_state, require_own
from workspaced.store.sqlite.reading import Damaged
from workspaced_protocol.datadir import DATABASE


def another_store(directory: Directory, held: State) -> str | None:
    """Return why the database there is another store's, with the way out; None if it may be set aside.

    Raises OSError or StoreUnusable where it can't be read.
    """
    path = directory.path / DATABASE
    looked = look(directory, DATABASE)
    if looked is None:
        return None
    try:
        require_own(directory, DATABASE, looked)
    except Damaged:
        return None
    except WrittenByNewerRelease:
        return (
            f"{path} is now another store, written by a newer release: nothing is written over it. Stop this daemon and "
            "start that release, or move the other store away."
        )
    except StoreUnusable as error:
        return f"{error.reason}: nothing is written over it. Move it away to go on with this store."
    found = newest_state(directory, DATABASE)
    if found is None or (found.store_id == held.store_id and found.revision <= held.revision):
        return None
    theirs = f"revision {found.revision} and {_count(found.workspaces)}"
    ours = f"revision {held.revision} and {_count(len(held.records))}"
    if found.store_id != held.store_id:
        theirs, ours = f"the id {found.store_id}, {theirs}", f"the id {held.store_id}, {ours}"
    return (
        f"{path} is now another store: it has {theirs}, and this daemon holds {ours}. Nothing is written over it: restart "
        "the daemon to serve that store, or move it away to go on with this one."
    )


def _count(number: int) -> str:
    return "1 workspace" if number == 1 else f"{number} workspaces"
