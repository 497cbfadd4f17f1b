"""The kinds of stores that keep the contract, each with a way to open it: what the suite needs to know of a store.

To have the suite run against one more store, add its kind here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from support.etcd import Cluster, needs_etcd
from support.etcd_stores import open_etcd_store, prefix_of
from workspaced.store import InMemoryWorkspaceStore, WorkspaceStore, create_json_store
from workspaced.store.sqlite import create_sqlite_store


class StoreKind(NamedTuple):
    """A kind of store."""

    name: str
    """As the setting `store` has it; that of the store in memory is no setting."""
    create: Callable[[Path], WorkspaceStore]
    """Opens the store in a directory, which may be missing."""
    variables: Mapping[str, str] = {}
    """The environment in which a daemon finds it."""


def _in_memory(_: Path) -> WorkspaceStore:
    return InMemoryWorkspaceStore()


_KINDS: Final = {
    "memory": StoreKind("memory", _in_memory),
    "json": StoreKind("json", create_json_store),
    "sqlite": StoreKind("sqlite", create_sqlite_store),
}

IN_FILES: Final = ("json", "sqlite")
"""The kinds that lie in the data directory."""

KEPT: Final = (*IN_FILES, pytest.param("etcd", marks=needs_etcd))
"""The kinds that outlive their process."""


class Place:
    """The place of one store. It is closed in the end, if it is open still."""

    def __init__(self, kind: StoreKind, data_dir: Path) -> None:
        self.kind = kind
        self.data_dir = data_dir
        self.store = kind.create(data_dir)

    def reopen(self) -> WorkspaceStore:
        """Close the store, and open it again."""
        self.store.close()
        self.store = self.kind.create(self.data_dir)
        return self.store


def _kind(request: pytest.FixtureRequest) -> StoreKind:
    if request.param != "etcd":
        return _KINDS[request.param]
    cluster: Cluster = request.getfixturevalue("etcd")
    prefix = prefix_of(request.getfixturevalue("tmp_path"))
    return StoreKind(
        "etcd",
        partial(open_etcd_store, cluster.endpoints, prefix=prefix),
        {"WORKSPACED_ETCD_ENDPOINTS": ",".join(cluster.endpoints), "WORKSPACED_ETCD_PREFIX": prefix},
    )


@pytest.fixture(params=("memory", *KEPT))
def kind(request: pytest.FixtureRequest) -> StoreKind:
    """Each kind of store."""
    return _kind(request)


@pytest.fixture(params=KEPT)
def kept_kind(request: pytest.FixtureRequest) -> StoreKind:
    """Each kind that outlives its process."""
    return _kind(request)


@pytest.fixture
def store(kind: StoreKind, tmp_path: Path) -> Iterator[WorkspaceStore]:
    """A new store of each kind."""
    with closing(kind.create(tmp_path / "data")) as store:
        yield store


@pytest.fixture
def place(kept_kind: StoreKind, tmp_path: Path) -> Iterator[Place]:
    """The place of a new store of each kind that outlives its process."""
    place = Place(kept_kind, tmp_path / "data")
    yield place
    place.store.close()
