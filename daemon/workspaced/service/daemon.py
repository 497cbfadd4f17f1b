"""The operations on the daemon itself: hello, status, connected clients, event subscriptions."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import structs

import workspaced_protocol
from workspaced.domain.clock import now_ms
from workspaced.domain.errors import Refused
from workspaced.domain.records import OwnedSession, encode
from workspaced.events import EventHub
from workspaced.service.requests import Client, Json
from workspaced.store.contract import WorkspaceStore
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.daemon_models import ConnectedClient, DaemonStatus, Hello, RecoveryStatus
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import StoreRevision

SERVER_NAME: Final = "workspaced"


class ProtocolUnsupported(Refused):
    """The client speaks a protocol version that this daemon does not speak."""

    code = ErrorCode.PROTOCOL_UNSUPPORTED

    def __init__(self, asked: int) -> None:
        spoken = workspaced_protocol.PROTOCOL_VERSION
        super().__init__(
            f"Protocol {asked} is not supported: this daemon speaks protocols {spoken} to {spoken}.",
            minimum=spoken,
            maximum=spoken,
        )


class ConnectedClients(Protocol):
    """The connected clients."""

    def __len__(self) -> int: ...

    def describe(self, sessions: Mapping[str, OwnedSession]) -> Sequence[ConnectedClient]:
        """Return each client with its own sessions; `sessions` are those of all clients."""
        ...


class DaemonOperations:
    """The methods `daemon.*`, `events.*` and `rpc.*`."""

    def __init__(
        self,
        store: WorkspaceStore,
        writer: Writer,
        hub: EventHub,
        clients: ConnectedClients,
        *,
        data_dir: Path,
        socket: Path,
        machine: str | None = None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._hub = hub
        self._clients = clients
        self._data_dir = str(data_dir)
        self._socket = str(socket)
        self._machine = machine
        self._started_at_ms = now_ms()

    def hello(self, params: p.HelloParams, client: Client) -> Json:
        """Take the client's name; return the daemon's name, version and methods."""
        client.introduce(params.client)
        if params.protocol != workspaced_protocol.PROTOCOL_VERSION:
            raise ProtocolUnsupported(params.protocol)
        return encode(
            Hello(SERVER_NAME, workspaced_protocol.__version__, params.protocol, tuple(sorted(METHODS)))
        )

    def ping(self, _params: p.NoParams, _: Client) -> Json:
        """Answer `pong`."""
        return b'"pong"'

    def status(self, _params: p.NoParams, _: Client) -> Json:
        """Return the status of the daemon and its store."""
        return encode(self.describe())

    def describe(self) -> DaemonStatus:
        """Return the status for `status` and for the service manager."""
        state = self._writer.state
        return DaemonStatus(
            version=workspaced_protocol.__version__,
            protocol=workspaced_protocol.PROTOCOL_VERSION,
            pid=os.getpid(),
            data_dir=self._data_dir,
            socket=self._socket,
            started_at=self._started_at_ms,
            revision=state.revision,
            workspaces=len(state.records),
            sessions=len(state.sessions),
            connections=len(self._clients),
            recovery=self._recovery(),
            store=self._writer.status,
            commits=self._writer.commits.statistics(),
            machine=self._machine,
        )

    def _recovery(self) -> RecoveryStatus:
        found, state = self._store.recovery, self._writer.state
        if state.recovery is None:
            return structs.replace(found, acknowledged=True)
        return structs.replace(found, salvageable_count=state.salvageable_count())

    def clients(self, _params: p.NoParams, _: Client) -> Json:
        """Return the connected clients and their requests in flight."""
        return encode(self._clients.describe(self._writer.state.sessions))

    def subscribe(self, params: p.SubscribeParams, client: Client) -> Json:
        """Send the client events, in place of an earlier subscription."""
        client.subscribe(self._hub.subscribe(params.topics, params.since, client.wake))
        return encode(StoreRevision(self._writer.state.revision))

    def unsubscribe(self, _params: p.NoParams, client: Client) -> Json:
        """End the client's subscription."""
        client.subscribe(None)
        return b"null"

    def discover(self, _params: p.NoParams, _: Client) -> Json:
        """Return the method table as an OpenRPC document."""
        from workspaced_protocol.openrpc import (
            openrpc_document,
        )  # loaded late: few daemons are ever asked for it

        return encode(openrpc_document())
