"""The SQLite store: one database, whose commits cost what they change."""
