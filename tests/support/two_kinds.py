"""Stores of either kind, filled and read, for tests of what leads from one to the other."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from support.samples import workspace
from workspaced.domain import commands, workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.state import State
from workspaced.store.contract import commit_of
from workspaced.store.kinds import OpenStore, open_store
from workspaced.store.unfinished import Kind
from workspaced_protocol.models import Peer

BOTH: Sequence[Kind] = ("json", "sqlite")


OTHER: dict[Kind, Kind] = {"json": "sqlite", "sqlite": "json"}


def do(store: OpenStore, command: commands.Command) -> None:
    """Commit what this command comes to."""
    draft = Draft(store.state)
    draft.apply(command(draft), Cause("cor_1", Peer(1, 1), "workspace.create"), 1)
    store.commit(commit_of(draft))


def filled(data_dir: Path, kind: Kind) -> State:
    """Make a store, and return its state, with all that one can hold: deletions, request keys in an order of their own, a history."""
    with closing(open_store(kind, data_dir, socket="")) as store:
        for number in (3, 1, 2):
            do(store, commands.once(f"key {number}", workspaces.save(workspace(number), None)))
        do(store, commands.once("a key before them", workspaces.remove("ws_02")))
        do(store, workspaces.save(workspace(1, name="Ångström \u2028"), None))
        return store.state


def state_in(data_dir: Path) -> State:
    """Return the state that a start serves."""
    with closing(open_store("auto", data_dir, socket="")) as store:
        assert store.recovery.outcome in ("clean", "fresh")
        return store.state
