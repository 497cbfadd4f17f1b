"""A gateway to a real member of etcd, a prefix that no other test has, and machines that share a store below it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.etcd import Cluster
from support.etcd_stores import Machines
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.gateway import Gateway


@pytest.fixture
def gateway(etcd: Cluster) -> Iterator[Gateway]:
    made = Gateway(EtcdAddress(etcd.endpoints), limit_seconds=10)
    yield made
    made.close()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> bytes:
    return f"/{request.node.nodeid}/".encode()


@pytest.fixture
def machines(etcd: Cluster, tmp_path: Path) -> Iterator[Machines]:
    """Machines that share a new store."""
    with Machines(etcd.endpoints, tmp_path) as machines:
        yield machines
