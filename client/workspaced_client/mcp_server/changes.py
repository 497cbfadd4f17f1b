"""Changes of workspaces as MCP's notifications: a resource was updated, or the list of them was.

The strategy: one stream of the daemon's events feeds both eras of MCP. Since 2026-07-28, clients listen, and the SDK's
bus serves them. Before that, they subscribe to single resources, and get each change of the list unasked.
"""

import sys
from contextlib import suppress
from typing import Final

import anyio
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated

from workspaced_client._core.event_feed import Event, EventGap
from workspaced_client._core.local_errors import WorkspacedError
from workspaced_client.mcp_server.link import Link
from workspaced_client.mcp_server.resources import uri_of
from workspaced_protocol.events import (
    Changed,
    ProjectBound,
    ProjectStatusChanged,
    ProjectUnbound,
    SessionChanged,
    WorkspaceChanged,
    WorkspaceCreated,
)

_TOPICS: Final = ("workspace.*", "project.*", "session.ended", "store.ok")
_OF_A_WORKSPACE: Final = (
    WorkspaceCreated,
    WorkspaceChanged,
    ProjectBound,
    ProjectUnbound,
    ProjectStatusChanged,
)


class Changes:
    """Tells an MCP client of changes, from the first connection to the daemon on."""

    def __init__(self, link: Link) -> None:
        self.bus = InMemorySubscriptionBus()
        """Of clients that listen."""
        self._link = link
        self._begun = anyio.Event()
        self._session: ServerSession | None = None
        self._subscribed: set[str] = set()

    def client_began(self, session: ServerSession) -> None:
        """Note a client of the era before 2026-07-28."""
        self._session = session

    def subscribe(self, uri: str) -> None:
        """Tell such a client of this resource's changes."""
        self._subscribed.add(uri)

    def unsubscribe(self, uri: str) -> None:
        """Tell it no more."""
        self._subscribed.discard(uri)

    async def begun(self) -> None:
        """Return once changes are followed: none after that is missed. Raises the errors of a daemon that can't be reached."""
        await self._link.call("daemon.ping", {})
        with anyio.move_on_after(self._link.timeout_seconds):  # then the daemon has gone again
            await self._begun.wait()

    async def follow(self) -> None:
        """Tell of every change, until cancelled."""
        await self._link.connected.wait()
        client = await self._link.client()
        async with anyio.create_task_group() as group:

            def found() -> None:
                self._begun.set()
                group.start_soon(self._link.found_again)  # at once, for other agents look for claims, too

            stream = client.events(_TOPICS, on_found=found)
            try:
                async for event in stream:
                    if self._brings_claims(event):
                        group.start_soon(self._link.renew_claims)
                    await self._tell(event)
            except WorkspacedError as error:
                sys.stderr.write(f"workspacectl mcp: no more changes are told: {error}\n")
            finally:
                self._begun.set()
                stream.close()

    def _brings_claims(self, event: Event | EventGap) -> bool:
        """Return whether it is time to make claims again: one has ended, or the store takes writes again."""
        if isinstance(event, EventGap):
            return False  # the end of a claim is told behind it
        if isinstance(event.payload, SessionChanged):
            return self._link.claims.lose_one(event.payload.session_id)
        return event.topic == "store.ok"

    async def _tell(self, event: Event | EventGap) -> None:
        if isinstance(event, EventGap):
            await self._tell_resources(await self._all_resources())
            await self._tell_list()
        elif isinstance(event.payload, _OF_A_WORKSPACE):
            await self._tell_resources({uri_of(event.payload.workspace_id)})
            if _changes_list(event.payload):
                await self._tell_list()

    async def _tell_resources(self, uris: set[str]) -> None:
        for uri in uris:
            await self.bus.publish(ResourceUpdated(uri))
            if self._session is not None and uri in self._subscribed:
                await self._session.send_resource_updated(uri)

    async def _tell_list(self) -> None:
        await self.bus.publish(ResourcesListChanged())
        if self._session is not None:
            await self._session.send_resource_list_changed()

    async def _all_resources(self) -> set[str]:
        """Return the addresses of all workspaces, and of those that a client has asked for and that are gone."""
        workspaces: list[dict[str, str]] = []
        with suppress(WorkspacedError):  # the next read tells what is wrong
            workspaces = await self._link.call("workspace.list", {})
        return self._subscribed | {uri_of(workspace["id"]) for workspace in workspaces}


def _changes_list(change: Changed) -> bool:
    """Return whether a change is one of the list: a new workspace, a deleted one, or another name or place."""
    after, before = change.workspace, change.previous
    if after is None or before is None:
        return True
    return (after.name, after.machine, after.root_path) != (before.name, before.machine, before.root_path)
