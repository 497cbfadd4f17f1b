"""Stores of workspaces: the contract, a store in memory, the store in two JSON files, and the SQLite store."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from workspaced.store.contract import CommitUnknown, StorageFailure, WorkspaceStore
from workspaced.store.json.json_store import JsonWorkspaceStore, create_json_store
from workspaced.store.json.snapshot import create_snapshot, detect_corruption, recover_from_snapshot
from workspaced.store.memory import InMemoryWorkspaceStore

if TYPE_CHECKING:
    from workspaced.store.sqlite.sqlite_store import SqliteWorkspaceStore, create_sqlite_store

__all__ = [
    "CommitUnknown",
    "InMemoryWorkspaceStore",
    "JsonWorkspaceStore",
    "SqliteWorkspaceStore",
    "StorageFailure",
    "WorkspaceStore",
    "create_json_store",
    "create_snapshot",
    "create_sqlite_store",
    "detect_corruption",
    "recover_from_snapshot",
]

_SQLITE: Final = "workspaced.store.sqlite.sqlite_store"
_LOADED_LATE: Final = {"SqliteWorkspaceStore": _SQLITE, "create_sqlite_store": _SQLITE}
"""Names whose modules are loaded when they are first used: most daemons open another store."""


def __getattr__(name: str) -> object:
    if name not in _LOADED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LOADED_LATE[name]), name)
