"""The file system of a data directory: its type, and whether it can keep data durably."""

import re
from typing import Final

TABLE: Final = "/proc/self/mountinfo"
"""The table of mounts on Linux. Other systems have neither this file nor a tmpfs."""

ADVICE: Final = "Move it to a local disk, and set its new path with --data-dir or WORKSPACED_DATA_DIR."

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_OVER_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "gfs2", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)


def file_system_of(path: bytes, table: bytes) -> str:
    """Return the file system type of the longest mount point above `path` (proc_pid_mountinfo(5))."""
    longest, kind = b"", ""
    for line in table.splitlines():
        mount, _, file_system = line.partition(b" - ")
        fields = mount.split(b" ")
        if len(fields) < 5 or not file_system:
            continue
        # Spaces and the like are escaped as \040.
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), fields[4])
        is_above = path == point or path.startswith(point.rstrip(b"/") + b"/")
        # Of two mounts on one point, the later one covers the earlier.
        if is_above and len(point) >= len(longest):
            longest, kind = point, file_system.split(b" ")[0].decode(errors="replace")
    return kind


def is_network(file_system: str) -> bool:
    """Return whether files of this type of file system lie on other machines."""
    return file_system in _OVER_NETWORK


def doubt_about(file_system: str) -> str | None:
    """Return why data is not safe on this type of file system, or None if it is."""
    if file_system in _IN_MEMORY:
        return "its content is lost when the machine restarts"
    if is_network(file_system):
        return "locks and synced writes may be unreliable over a network"
    return None
