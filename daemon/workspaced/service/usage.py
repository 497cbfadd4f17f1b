"""The use of workspaces: when each was last used and how often, for `workspace.touch`, `workspace.usage` and lists.

The strategy:
- Uses are kept in memory. Events tell of the two operations that count as a use; `workspace.touch` notes others.
- A task writes them to their file, at most once a minute. A use costs no commit, and a kill loses a minute of uses.
- A wrong clock does no lasting harm. The order of uses is that in which they came, whatever time it was then. And a
  use far from now, in the past or in the future, has no weight until the clock is near it again.
"""

from collections.abc import Iterator
from typing import Final

import trio

from workspaced.domain.clock import now_ms
from workspaced.domain.errors import NotFound, RequestError
from workspaced.domain.frecency import Use, score_at, used
from workspaced.domain.records import Record, encode
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.process.log import Logger
from workspaced.process.threads import run_in_thread
from workspaced.published_event import PublishedEvent
from workspaced.service.requests import Client, Json
from workspaced.store.usage_file import UsageFile
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.datadir import USAGE
from workspaced_protocol.events import SessionChanged, WorkspaceChanged
from workspaced_protocol.models import WorkspaceUsage

WRITE_SECONDS: Final = 60.0
"""The least time from one write of the file to the next."""

_log = Logger()


class Usage:
    """The methods `workspace.touch` and `workspace.usage`, and the file of uses."""

    def __init__(
        self, writer: Writer, hub: EventHub, file: UsageFile | None = None, uses: dict[str, Use] | None = None
    ) -> None:
        """Go on from `uses`. Without a file, as beside a store in memory, nothing is written."""
        self._writer = writer
        self._file = file
        # In the order of use: the newest is the last.
        self._uses = {id_: use for id_, use in (uses or {}).items() if id_ in writer.state.records}
        self._used = trio.Event()  # set by a use that is not written yet
        self._writing = trio.Lock()
        self._thread = trio.CapacityLimiter(1)
        self._failure = ""
        hub.listen(self._note_event)

    def touch(self, params: p.TouchParams, _: Client) -> Json:
        """Note a use."""
        if params.id not in self._writer.state.records:
            raise NotFound.workspace(params.id)
        self._note(params.id, now_ms())
        return b"null"

    def usage(self, _params: p.NoParams, _: Client) -> Json:
        """Return the uses of all workspaces, the highest score first."""
        now = now_ms()
        state = self._writer.state
        found = [
            WorkspaceUsage(id_, min(use.last_used_at, now), score_at(use, now))
            for id_, use in reversed(self._uses.items())
            if (workspace := state.get(id_)) is not None and workspace.state != "deleted"
        ]
        return encode(sorted(found, key=lambda each: -each.score))  # of equals, the last used comes first

    def by_last_use(self, state: State) -> Iterator[Record]:
        """Yield the records of a state by last use, the newest first; then those never used, by creation time."""
        for id_ in reversed(self._uses):
            record = state.records.get(id_)
            if record is not None:
                yield record
        for record in state.ordered:
            if record.outline.id not in self._uses:
                yield record

    def _note_event(self, published: PublishedEvent) -> None:
        topic, payload = published.event.topic, published.event.payload
        if not isinstance(payload, WorkspaceChanged | SessionChanged):
            return
        if topic in ("workspace.opened", "session.began"):
            self._note(payload.workspace_id, published.timestamp_ms)
        elif topic == "workspace.deleted":
            self._uses.pop(payload.workspace_id, None)

    def _note(self, id_: str, at_ms: int) -> None:
        self._uses[id_] = used(self._uses.pop(id_, None), at_ms)
        self._used.set()

    async def keep(self) -> None:
        """Write the uses, at most once a minute; return only if there is no file to write."""
        while self._file is not None:
            await self._used.wait()  # unbounded: until a workspace is used
            await self.save()
            await trio.sleep(WRITE_SECONDS)

    async def save(self) -> None:
        """Write the uses now, if there are new ones. Waits for the disk, and never raises because of it."""
        async with self._writing:  # a stop waits for the write under way; it has a limit of its own
            if self._file is None or not self._used.is_set():
                return
            self._used = trio.Event()
            try:
                await run_in_thread(self._file.write, dict(self._uses), limiter=self._thread)
            except (OSError, RequestError) as error:
                self._used.set()  # try again a minute later
                reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
                if reason != self._failure:  # tell each failure once
                    _log.warning("The times of use could not be written.", file=USAGE, reason=reason)
                self._failure = reason
            else:
                self._failure = ""
