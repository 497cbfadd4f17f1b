"""The daemon: it owns the one store of workspaces and serves it to every app over a Unix socket."""
