"""The kinds of stores that a data directory can hold, and the choice among them at a start."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

from workspaced.store.contract import StoreUnusable, WorkspaceStore
from workspaced.store.json.json_store import create_json_store
from workspaced.store.place import unusable
from workspaced_protocol.datadir import ANSWERED, DAMAGED_DATABASE, DATABASE, DATABASE_LOG, PRIMARY, SNAPSHOT

Kind = Literal["json", "sqlite"]
Choice = Literal["auto", "json", "sqlite"]
"""A kind, or `auto`: the one that lies in the data directory, and JSON where none does."""

_FILES: Final[dict[Kind, tuple[str, ...]]] = {
    "json": (PRIMARY, SNAPSHOT),
    # The database may be lost, and what is beside it then tells of the loss.
    "sqlite": (DATABASE, DATABASE_LOG, ANSWERED, DAMAGED_DATABASE),
}
_NAMES: Final[dict[Kind, str]] = {"json": "JSON", "sqlite": "SQLite"}


class OpenStore(WorkspaceStore, Protocol):
    """A store in a data directory."""

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the log: what the start has found."""
        ...


class OtherKind(StoreUnusable):
    """The data directory holds another kind of store than the settings ask for, or more than one."""


def open_store(choice: Choice, data_dir: Path, *, socket: str) -> OpenStore:
    """Open the store in `data_dir`, and recover it if it is damaged. What is missing is made.

    Raises OtherKind, LockHeld or StoreUnusable.
    """
    if _kind(choice, data_dir) == "json":
        return create_json_store(data_dir, socket=socket)
    from workspaced.store.sqlite import create_sqlite_store

    return create_sqlite_store(data_dir, socket=socket)


def _kind(choice: Choice, data_dir: Path) -> Kind:
    try:
        names = set(os.listdir(data_dir))
    except FileNotFoundError:
        names = set[str]()
    except OSError as error:
        raise unusable(data_dir, error) from error
    found: list[Kind] = [kind for kind in get_args(Kind) if not names.isdisjoint(_FILES[kind])]
    if choice == "auto":
        if len(found) > 1:
            files = " and ".join(min(names.intersection(_FILES[kind])) for kind in found)
            raise OtherKind(
                f"{data_dir} holds two stores ({files})",
                f"choose one by the setting `store`, {' or '.join(found)}, or move the files of the other away",
            )
        return found[0] if found else "json"
    if found and choice not in found:
        (other,) = found
        raise OtherKind(
            f"{data_dir} holds a {_NAMES[other]} store, but the setting `store` is {choice}",
            f"leave the setting out to serve that store. To change to {_NAMES[choice]}, do so once more and save its "
            "workspaces with `workspacectl backup FILE`; then start with another data directory, and bring them there with "
            "`workspacectl restore FILE`",
        )
    return choice
