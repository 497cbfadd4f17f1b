"""What other programs and people keep: read into proposals for the store, and written from it.

All but `files` and `scan`, which look at the disk, are pure: bytes in, proposals or bytes out. Nothing here
talks to the daemon; `workspacectl import` and `export` do. It is no part of `import workspaced_client`.
"""
