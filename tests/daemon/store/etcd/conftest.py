"""A gateway to a real member of etcd, and a prefix that no other test has."""

from collections.abc import Iterator

import pytest

from support.etcd import Cluster
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
