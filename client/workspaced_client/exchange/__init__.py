"""The files of other programs: read as proposals for the store, and written from its content.

`regular_files`, `directories`, `scan` and what finds and reads the lists in `elsewhere` use the disk; the other modules
are pure: bytes in, proposals or bytes out. None talks to the daemon; `workspacectl import` and `export` do. `import workspaced_client` loads none of it.
"""
