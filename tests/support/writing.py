"""A writer at work in a test's nursery, what it is asked to write, and what it tells of it."""

import msgspec
import trio

from support.scripted_store import Reply
from workspaced.domain import sessions
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause
from workspaced.events import EventHub
from workspaced.published_event import PublishedEvent
from workspaced.store import WorkspaceStore
from workspaced.writer.actor import DEADLINE_SECONDS, QUEUE_LIMIT, Writer
from workspaced_protocol.models import Peer, Session


class Desk:
    """A writer and its store's events, in the order in which they were told."""

    def __init__(self, store: WorkspaceStore, queue_limit: int = QUEUE_LIMIT) -> None:
        self.hub = EventHub()
        self.events: list[PublishedEvent] = []
        self.hub.listen(self.events.append)
        self.writer = Writer(store, self.hub, deadline_seconds=DEADLINE_SECONDS, queue_limit=queue_limit)

    def submit(self, command: Command, correlation_id: str = "", method: str = "") -> Reply:
        """Submits a write, and waits for nothing."""
        reply = Reply()
        self.writer.submit(command, reply, Cause(correlation_id, Peer(1, 1), method))
        return reply

    def create(self, *names: str) -> list[Reply]:
        """Submits the creation of workspaces of these names; their ids are `ws_` and the name."""
        return [self.submit(create(name)) for name in names]

    def status(self) -> tuple[str, str | None]:
        """How the store fares: its state, and its last error."""
        return self.writer.status.state, self.writer.status.last_error

    def names(self) -> list[str]:
        """The names of the workspaces that readers see."""
        return [workspace.name for workspace in self.writer.state.workspaces()]

    def told(self) -> list[tuple[str, object]]:
        """Topic and payload of each event so far."""
        return [(each.event.topic, msgspec.to_builtins(each.event.payload)) for each in self.events]

    def topics(self) -> list[str]:
        """The topic of each event so far."""
        return [each.event.topic for each in self.events]


async def start(nursery: trio.Nursery, store: WorkspaceStore, queue_limit: int = QUEUE_LIMIT) -> Desk:
    """A writer that runs until the test ends."""
    desk = Desk(store, queue_limit)
    await nursery.start(desk.writer.run)
    return desk


def create(name: str) -> Command:
    """Creates the workspace `ws_<name>`; all are of one time, so that ids give their order."""
    return workspaces_.create(f"ws_{name}", name, "/src", 1)


def begin(session_id: str, workspace_id: str, connection: int) -> Command:
    """Begins a session of that connection."""
    return sessions.begin_session(Session(session_id, workspace_id, None, 1, 1), connection)
