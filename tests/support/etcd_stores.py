"""Stores in a real etcd, each below a prefix of its own: no test sees the keys of another."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from workspaced.store.disk import Disk
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.locked_directory import LockedDirectory


def prefix_of(place: Path) -> str:
    """Return the prefix that belongs to a place in the file system, such as a test's temporary directory."""
    return f"/{sha256(bytes(place)).hexdigest()[:16]}/"


def open_etcd_store(
    endpoints: Sequence[str],
    data_dir: Path,
    *,
    prefix: str | None = None,
    machine: str = "here",
    expected_id: str | None = None,
) -> EtcdWorkspaceStore:
    """Open the store of a daemon with this data directory; by default the prefix belongs to the directory, too."""
    home = LockedDirectory(Disk(), data_dir, "")
    address = EtcdAddress(tuple(endpoints), prefix or prefix_of(data_dir))
    try:
        return EtcdWorkspaceStore(home, address, machine, expected_id=expected_id)
    except BaseException:
        home.close()
        raise
