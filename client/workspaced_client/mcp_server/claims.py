"""The workspaces that an agent has claimed: an exclusive session in each, which ends with the connection.

The strategy:
- A claim is known by its workspace, so that a repeated claim gives the session that is there.
- Claims that a lost connection ended are made again before the next call, and as soon as the daemon is found again. What
  came of it is told with the next answer: another agent may have been faster.
- So are those that ended though the connection lasts, because this machine was cut off from others that share the store.
  While the store takes no writes, they stay lost, and the agent is told so.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import anyio
import anyio.lowlevel

from workspaced_client._async.client import AsyncClient
from workspaced_client._core.daemon_errors import CommitUnknown, DaemonError, NotFound, StorageFailure
from workspaced_client._core.local_errors import SessionsLost, WorkspacedError

_CAUSE: Final = "when the connection to the daemon, or the daemon's to other machines, was lost"

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

    def lose_one(self, session_id: str) -> bool:
        """Note that a session has ended though the connection lasts. Return whether it is one of these claims."""
        found = [id_ for id_, session in self._held.items() if session["id"] == session_id]
        for workspace_id in found:
            self._lost[workspace_id] = self._held.pop(workspace_id)
        return bool(found)

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
                except (StorageFailure, CommitUnknown) as error:
                    self._tell(
                        f"Your claim of workspace {workspace_id} has ended, and can't be made again yet: {error} The next call, "
                        "or the store's return, brings another try."
                    )
                    return
                except DaemonError as error:
                    del self._lost[workspace_id]
                    self._tell(
                        f"Your claim of workspace {workspace_id} ended {_CAUSE}, and it could not be made again: {error}"
                    )
                else:
                    del self._lost[workspace_id]
                    self._tell(
                        f"Your claim of workspace {workspace_id} ended {_CAUSE}. It was made again; somebody else may have "
                        "worked there in between."
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
        self._lost.pop(workspace_id, None)  # it could not be made again a moment ago
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
        session = self._held.pop(workspace_id)  # the event of its end may come before the answer
        try:
            await client.call("session.end", {"id": session["id"]})
        except SessionsLost:
            self.lose()
        except NotFound:
            pass  # it has ended already
        except BaseException:
            self._held[workspace_id] = session  # it may be there still
            raise
