"""Stores of workspaces: the contract, a store in memory and the store in two JSON files. `sqlite` has one more."""

from workspaced.store.contract import CommitUnknown, StorageFailure, WorkspaceStore
from workspaced.store.json.json_store import JsonWorkspaceStore, create_json_store
from workspaced.store.json.snapshot import create_snapshot, detect_corruption, recover_from_snapshot
from workspaced.store.memory import InMemoryWorkspaceStore

__all__ = [
    "CommitUnknown",
    "InMemoryWorkspaceStore",
    "JsonWorkspaceStore",
    "StorageFailure",
    "WorkspaceStore",
    "create_json_store",
    "create_snapshot",
    "detect_corruption",
    "recover_from_snapshot",
]
