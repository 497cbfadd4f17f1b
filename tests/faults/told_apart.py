"""Which contents of a disk a start tells apart: two that it takes for the same are tried once.

A start removes temporary files unread, whatever their random names, and writes over the lock's record: of that, it
asks for the size alone. `Run.open` checks that it reads neither.
"""

from faults.simulated_nodes import Tree
from workspaced_protocol.datadir import LOCK


def is_temp(path: str) -> bool:
    """Whether this is a temporary file of the store."""
    return path.endswith(".tmp") and path.rpartition("/")[2].startswith(".workspaces")


def is_never_read(name: str) -> bool:
    """Whether this is a file whose content no start looks at."""
    return name == LOCK or is_temp(name)


def as_found(name: str, content: bytes) -> bytes:
    """What a start can tell of this file."""
    if name == LOCK:
        return bytes(len(content))
    return b"" if is_temp(name) else content


def normal(tree: Tree) -> Tree:
    """The tree as a start takes it, with temporary files by number."""
    files: list[tuple[str, Tree | bytes]] = []
    temps = 0
    for name, content in tree:
        if not isinstance(content, bytes):
            files.append((name, normal(content)))
        elif is_temp(name):
            temps += 1
        else:
            files.append((name, as_found(name, content)))
    return (*files, *((f".workspaces-{number}.tmp", b"") for number in range(temps)))
