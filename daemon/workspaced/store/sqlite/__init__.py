"""The SQLite store: one database, whose commits cost what they change."""

from workspaced.store.sqlite.sqlite_store import SqliteWorkspaceStore, create_sqlite_store

__all__ = ["SqliteWorkspaceStore", "create_sqlite_store"]
