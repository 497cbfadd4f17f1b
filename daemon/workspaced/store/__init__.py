"""Stores of workspaces: the contract, a store in memory, the store in two JSON files, and the SQLite store."""

from workspaced.store.contract import CommitUnknown, StorageFailure, WorkspaceStore
from workspaced.store.json.json_store import JsonWorkspaceStore, create_json_store
from workspaced.store.json.snapshot import create_snapshot, detect_corruption, recover_from_snapshot
from workspaced.store.memory import InMemoryWorkspaceStore
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
