"""The etcd store: one list of workspaces for several machines. All but `address` needs the extra `workspaced[etcd]`."""
