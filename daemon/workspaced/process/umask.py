"""The umask: the owner's permissions are not for it to take.

The daemon makes directories with mode 0700 and files with mode 0600. A umask such as 0777 or 0177 would take these
permissions from the owner, too, and leave directories that nobody can enter, `~/.local` among them. What the umask
says of the group and of others stays: git's clones follow it.
"""

import os
import stat


def keep_owner_permissions() -> None:
    """Take the owner's permissions out of the umask."""
    os.umask(os.umask(0o077) & ~stat.S_IRWXU)
