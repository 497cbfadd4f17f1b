"""What a data directory lies on, and whether that can keep what it is given: for daemon and doctor alike."""

import re
from typing import Final

TABLE: Final = "/proc/self/mountinfo"
"""Where Linux tells what is mounted; other systems have no such file, nor a tmpfs."""

ADVICE: Final = "Move it to a local disk, and name it with --data-dir or WORKSPACED_DATA_DIR."

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_OVER_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "gfs2", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)


def file_system_of(path: bytes, table: bytes) -> str:
    """The type of the file system of the longest mount point above `path` (proc_pid_mountinfo(5))."""
    longest, kind = b"", ""
    for line in table.splitlines():
        mount, _, file_system = line.partition(b" - ")
        fields = mount.split(b" ")
        if len(fields) < 5 or not file_system:
            continue
        # Spaces and the like stand there as \040.
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), fields[4])
        is_above = path == point or path.startswith(point.rstrip(b"/") + b"/")
        # The later of two on one point lies on top.
        if is_above and len(point) >= len(longest):
            longest, kind = point, file_system.split(b" ")[0].decode(errors="replace")
    return kind


def doubt_about(file_system: str) -> str | None:
    """Why data is not safe on a file system of this type, to follow its name; None where it is."""
    if file_system in _IN_MEMORY:
        return "its content is gone after a restart of the machine"
    if file_system in _OVER_NETWORK:
        return "over a network, locks and synced writes may not hold what they promise"
    return None
