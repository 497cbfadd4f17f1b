"""Pure functions on frozen data: workspaces, sessions, names, ids, and the state they make up."""
