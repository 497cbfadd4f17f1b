"""A daemon of a test's own, for `workspaced_client.testing`: a process, where it lives, and its end."""
