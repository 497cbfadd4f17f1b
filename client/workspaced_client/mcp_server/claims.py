"""The workspaces that an agent has claimed: an exclusive session in each, which ends with the connection.

The strategy:
- A claim is known by its workspace, so that a repeated claim gives the session that is there.
- Claims that a lost connection ended are made again before the next call, and as soon as the daemon is found again. What
  came of it is told with the next answer: another agent may have been faster.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import anyio
import anyio.lowlevel

from workspaced_client._async.client import AsyncClient
from workspaced_client._core.daemon_errors import DaemonError, NotFound
from workspaced_client._core.local_errors import SessionsLost, WorkspacedError

_END_SECONDS: Final = 2.0  # for the end of a claim whose call was cancelled; the connection ends it anyway


class NotClaimed(WorkspacedError):
    """This agent has no claim of the workspace."""

    def __init__(self, workspace_id: str) -> None:
        super().__init__(workspace_id)
        self.workspace_id = workspace_id

    def __str__(self) -> str:
        return (
            f"You have no claim of workspace {self.workspace_id}: there is nothing to release. "
            "`resolve_path` tells who is at work there."
        )


class Claims:
    """The claims of one agent; `tell` takes a sentence for it. A session is the daemon's answer, as JSON values."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncClient]], tell: Callable[[str], None]) -> None:
        self._connect = connect
        self._tell = tell
        self._turn = anyio.Lock()
        self._held: dict[str, dict[str, Any]] = {}  # by workspace
        self._lost: dict[str, dict[str, Any]] = {}

    def holds(self, workspace_id: str) -> bool:
        """Return whether the agent has claimed this workspace."""
        return workspace_id in self._held

    def lose(self) -> None:
        """Note that the connection was lost, and the sessions with it."""
        self._lost |= self._held
        self._held = {}

    async def renew(self) -> None:
        """Make the claims again that were lost. Raises the errors of a daemon that can't be reached, and keeps them lost."""
        if not self._lost:
            return
        async with self._turn:
            while self._lost:
                workspace_id, session = next(iter(self._lost.items()))
                try:
                    self._held[workspace_id] = await self._begin(workspace_id, session.get("label"))
                except SessionsLost:
                    self.lose()
                except DaemonError as error:
                    del self._lost[workspace_id]
                    self._tell(
                        f"Your claim of workspace {workspace_id} ended when the connection to the daemon was lost, and "
                        f"it could not be made again: {error}"
                    )
                else:
                    del self._lost[workspace_id]
                    self._tell(
                        f"The connection to the daemon was lost, and your claim of workspace {workspace_id} with it. It "
                        "was made again; somebody else may have worked there in between."
                    )

    async def claim(self, workspace_id: str, label: str) -> dict[str, Any]:
        """Return the session of a claim: a new one, or that of the claim that is there. Raises Claimed and others."""
        while True:
            await self.renew()
            async with self._turn:
                if workspace_id not in self._held:
                    try:
                        await self._take(workspace_id, label)
                    except SessionsLost:
                        self.lose()
                        continue
                return self._held[workspace_id]

    async def _take(self, workspace_id: str, label: str) -> None:
        # A cancelled call would leave a session that nobody knows of. The shield lasts as long as the call.
        with anyio.CancelScope(shield=True):
            self._held[workspace_id] = await self._begin(workspace_id, label)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_END_SECONDS, shield=True), suppress(WorkspacedError):
                await self._end(workspace_id)
            raise

    async def release(self, workspace_id: str) -> None:
        """End the claim of a workspace. Raises NotClaimed."""
        async with self._turn:
            if self._lost.pop(workspace_id, None) is not None:
                return
            if workspace_id not in self._held:
                raise NotClaimed(workspace_id)
            await self._end(workspace_id)

    async def _begin(self, workspace_id: str, label: str | None) -> dict[str, Any]:
        client = await self._connect()
        params = {"workspaceId": workspace_id, "label": label, "exclusive": True}
        session: Any = await client.call("session.begin", params)
        return dict(session)

    async def _end(self, workspace_id: str) -> None:
        client = await self._connect()
        try:
            await client.call("session.end", {"id": self._held[workspace_id]["id"]})
        except SessionsLost:
            self.lose()
            del self._lost[workspace_id]
        except NotFound:  # it has ended already
            del self._held[workspace_id]
        else:
            del self._held[workspace_id]
