"""Pure functions on frozen data: workspaces, projects, sessions, names, ids and the store's state."""
