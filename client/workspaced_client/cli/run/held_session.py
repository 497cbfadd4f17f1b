"""A session that is begun again after a restart of the daemon, or after the other machines took it for lost.

The strategy:
- A session ends with its connection, so each session has a client of its own, which never connects again.
- A client without a call under way does not notice the end of its connection. A stream of events does, at once, and
  connects again by itself: its thread then begins the next session.
- Where machines share the store, a session also ends when its machine is cut off from it, though the connection lasts. The
  stream tells that, too. While the store can't be reached no session can begin: then its return brings the next attempt.
- A session that can't be begun again is told, and the command goes on: its work so far is worth more than a stop that nobody
  asked for.
"""

import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from workspaced_client import (
    CannotConnect,
    Client,
    CommitUnknown,
    DaemonError,
    RecoveryWarning,
    Session,
    StorageFailure,
    Unanswered,
    Workspace,
    WorkspacedError,
)
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.output import shown, shown_name, tell
from workspaced_client.events import Event, EventGap, EventStream
from workspaced_protocol.events import SessionChanged

_END_SECONDS: Final = 2.0  # to wait for the end of the session; the end of the connection ends it anyway


@contextmanager
def held_session(
    socket: str, workspace: Workspace, label: str | None, timeout_seconds: float, *, exclusive: bool
) -> Generator[None]:
    """Hold a session in the workspace during the `with` block; it has ended when the block has.

    Raises Unreachable, and what `session.begin` raises. What happens once it holds is told on stderr.
    """
    held = _HeldSession(socket, workspace, label, timeout_seconds, exclusive=exclusive)
    try:
        held.begin()
        events = held.client.events(["session.ended", "store.ok"], on_found=held.begin_again)
    except (CannotConnect, Unanswered) as error:
        held.end()
        raise Unreachable(error, socket) from error
    except BaseException:
        held.end()
        raise
    thread = threading.Thread(target=_follow, args=(events, held), daemon=True)
    thread.start()
    try:
        yield
    finally:
        events.close()
        thread.join(_END_SECONDS)
        held.end()


def _follow(events: EventStream, held: "_HeldSession") -> None:
    """Connect again whenever the daemon is back, and have the session begun again, until the stream is closed."""
    try:
        for event in events:
            held.heed(event)
    except WorkspacedError as error:
        tell(f"warning: the session will not survive a restart of the daemon: {shown(str(error))}")


class _HeldSession:
    """The newest session, and the client that it ends with."""

    def __init__(
        self,
        socket: str,
        workspace: Workspace,
        label: str | None,
        timeout_seconds: float,
        *,
        exclusive: bool,
    ) -> None:
        self._socket = socket
        self._workspace = workspace
        self._label = label
        self._timeout_seconds = timeout_seconds
        self._exclusive = exclusive
        self._client: Client | None = None
        self._session: Session | None = None
        self._waits_for_store = False

    @property
    def client(self) -> Client:
        """The client of the session that was begun."""
        if self._client is None:
            raise RuntimeError("no session was begun yet")
        return self._client

    def begin(self) -> None:
        """Begin a session on a new connection. Raises the errors of both."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecoveryWarning)  # the command has warned
            self._client = Client.connect(
                self._socket, timeout_seconds=self._timeout_seconds, reconnect=False
            )
        self._session = self._client.sessions.begin(
            self._workspace.id, label=self._label, exclusive=self._exclusive
        )

    def heed(self, event: Event | EventGap) -> None:
        """Begin the next session if this event tells that it is time."""
        if isinstance(event, EventGap):
            return  # the end of a session that others took for lost is told behind it
        cause = "this machine was cut off from the others"
        if isinstance(event.payload, SessionChanged):
            if self._session is not None and event.payload.session_id == self._session.id:
                self.begin_again(cause)
        elif event.topic == "store.ok" and self._waits_for_store:
            self.begin_again(cause)
            if self._session is not None:
                tell(f"The session in workspace “{shown_name(self._workspace.name)}” has begun again.")

    def begin_again(self, cause: str = "the daemon has restarted") -> None:
        """Begin the next session, or tell that this was refused; `cause` is the end of the last one."""
        if self._client is not None:
            self._client.close()
        self._session = None
        self._waits_for_store = False
        try:
            self.begin()
        except (CannotConnect, Unanswered):
            pass  # the stream loses this daemon too, and finds the next one
        except DaemonError as error:
            name = shown_name(self._workspace.name)
            self._waits_for_store = isinstance(error, (StorageFailure, CommitUnknown))
            until = " until the store takes writes again" if self._waits_for_store else ""
            tell(
                f"warning: {cause}, and the session in workspace “{name}” could not be begun again: "
                f"{shown(error.message)} The command goes on without one{until}."
            )

    def end(self) -> None:
        """End the session and its connection."""
        if self._client is None:
            return
        if self._session is not None:
            # Asked for, so that it has ended when the next command of a script runs.
            with suppress(WorkspacedError):
                self._client.call("session.end", {"id": self._session.id}, timeout_seconds=_END_SECONDS)
        self._client.close()
