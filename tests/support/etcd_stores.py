"""Stores in a real etcd, each below a prefix of its own: no test sees the keys of another."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from support.waiting import wait_until
from workspaced.store.contract import News, Overtaken
from workspaced.store.disk import Disk
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Read
from workspaced.store.locked_directory import LockedDirectory
from workspaced_protocol.models import Workspace


def prefix_of(place: Path) -> str:
    """Return the prefix that belongs to a place in the file system, such as a test's temporary directory."""
    return f"/{sha256(bytes(place)).hexdigest()[:16]}/"


def open_etcd_store(
    endpoints: Sequence[str],
    data_dir: Path,
    *,
    prefix: str | None = None,
    machine: str = "here",
    directory_id: str | None = None,
    expected_id: str | None = None,
    gateway: Gateway | None = None,
) -> EtcdWorkspaceStore:
    """Open the store of a daemon with this data directory; by default the prefix and the id belong to the directory, too."""
    home = LockedDirectory(Disk(), data_dir, "")
    address = EtcdAddress(tuple(endpoints), prefix or prefix_of(data_dir))
    try:
        return EtcdWorkspaceStore(
            home,
            address,
            machine,
            directory_id or str(data_dir),
            expected_id=expected_id,
            gateway=gateway,
        )
    except BaseException:
        home.close()
        raise


class Machines:
    """Machines whose daemons share one store; those that are open in the end are closed."""

    def __init__(self, endpoints: Sequence[str], place: Path) -> None:
        self.address = EtcdAddress(tuple(endpoints), prefix_of(place))
        self.gateway = Gateway(self.address)
        self.place = place
        self._open: dict[str, EtcdWorkspaceStore] = {}

    def open(
        self,
        machine: str,
        *,
        endpoints: Sequence[str] | None = None,
        expected_id: str | None = None,
        gateway: Gateway | None = None,
    ) -> EtcdWorkspaceStore:
        """Start a machine's store, again if it was closed."""
        store = open_etcd_store(
            endpoints or self.address.endpoints,
            self.place / machine,
            prefix=self.address.prefix,
            machine=machine,
            expected_id=expected_id,
            gateway=gateway,
        )
        self._open[machine] = store
        return store

    def close(self, machine: str) -> None:
        """Stop a machine's store."""
        self._open.pop(machine).close()

    def stored(self) -> dict[str, bytes]:
        """Return what etcd holds, by the names of keys below the prefix."""
        beginning = self.address.prefix.encode()
        found = self.gateway.read(Read(beginning, beginning[:-1] + b"0")).items
        return {item.key.removeprefix(beginning).decode(): item.value for item in found}

    def lease_of(self, name: str) -> int:
        """Return the lease that a key lives by."""
        (item,) = self.gateway.read(Read(self.key(name))).items
        return item.lease

    def key(self, name: str) -> bytes:
        """Return the key of this name."""
        return self.address.prefix.encode() + name.encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for store in self._open.values():
            store.close()
        self.gateway.close()


def save_at_last(store: EtcdWorkspaceStore, workspace: Workspace) -> None:
    """Save as the writer does: again while others were faster."""
    while True:
        try:
            store.save(workspace)
        except Overtaken:
            store.take_news()
        else:
            return


def news_of(store: EtcdWorkspaceStore, revision: int | None = None) -> list[News]:
    """Wait for news, until the store has this revision if one is given, and return them."""
    found: list[News] = []

    def take() -> bool:
        news = store.take_news()
        if news is not None:
            found.append(news)
        return bool(found) and revision in (None, store.state.revision)

    wait_until(take, lambda: f"no news, at revision {store.state.revision}")
    return found
