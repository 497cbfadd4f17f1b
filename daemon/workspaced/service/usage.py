"""The use of workspaces: when each was last used and how often, for `workspace.touch`, `workspace.usage` and lists.

The strategy:
- Uses are kept in memory. Events tell of the two operations that count as a use; `workspace.touch` notes others.
- A task writes them to their file, at most once a minute. A use costs no commit, and a kill loses a minute of uses.
- A clock that was wrong and is set right leaves times in the future behind: the first request after that moves them
  to the present. Else they would be the newest for ever.
"""

from collections.abc import Iterable
from typing import Final

import structlog
import trio

from workspaced.domain.clock import now_ms
from workspaced.domain.errors import NotFound, RequestError
from workspaced.domain.frecency import Use, score_at, used
from workspaced.domain.state import Record, encode
from workspaced.events import EventHub, PublishedEvent
from workspaced.process.threads import run_in_thread
from workspaced.service.requests import Client, Json
from workspaced.store.usage_file import UsageFile
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.datadir import USAGE
from workspaced_protocol.events import SessionChanged, WorkspaceChanged
from workspaced_protocol.models import WorkspaceUsage

WRITE_SECONDS: Final = 60.0
"""The least time from one write of the file to the next."""

_log = structlog.get_logger(__name__)


class Usage:
    """The methods `workspace.touch` and `workspace.usage`, and the file of uses."""

    def __init__(
        self, writer: Writer, hub: EventHub, file: UsageFile | None = None, uses: dict[str, Use] | None = None
    ) -> None:
        """Go on from `uses`. Without a file, as beside a store in memory, nothing is written."""
        self._writer = writer
        self._file = file
        self._uses = {id_: use for id_, use in (uses or {}).items() if id_ in writer.state.records}
        self._newest_ms = max((use.last_used_at for use in self._uses.values()), default=0)
        self._used = trio.Event()  # set by a use that is not written yet
        self._writing = trio.Lock()
        self._thread = trio.CapacityLimiter(1)
        self._failure = ""
        hub.listen(self._note_event)

    def touch(self, params: p.TouchParams, _: Client) -> Json:
        """Note a use."""
        if params.id not in self._writer.state.records:
            raise NotFound(f"There is no workspace {params.id}.", id=params.id)
        self._note(params.id, now_ms())
        return b"null"

    def usage(self, _params: p.NoParams, _: Client) -> Json:
        """Return the uses of all workspaces, the highest score first."""
        now = self._now()
        state = self._writer.state
        found = [
            WorkspaceUsage(id_, use.last_used_at, score_at(use, now))
            for id_, use in self._uses.items()
            if (workspace := state.get(id_)) is not None and workspace.state != "deleted"
        ]
        return encode(sorted(found, key=lambda each: (-each.score, -each.last_used_at, each.workspace_id)))

    def newest_first(self, records: Iterable[Record]) -> list[Record]:
        """Return the records by last use, the newest first; those never used stay in their order, behind the others."""
        self._now()
        never = Use(-1, 0.0)
        return sorted(records, key=lambda each: -self._uses.get(each.workspace.id, never).last_used_at)

    def _note_event(self, published: PublishedEvent) -> None:
        topic, payload = published.event.topic, published.event.payload
        if not isinstance(payload, WorkspaceChanged | SessionChanged):
            return
        if topic in ("workspace.opened", "session.began"):
            self._note(payload.workspace_id, published.timestamp_ms)
        elif topic == "workspace.deleted":
            self._uses.pop(payload.workspace_id, None)

    def _note(self, id_: str, at_ms: int) -> None:
        self._leave_future(at_ms)
        self._uses[id_] = used(self._uses.get(id_), at_ms)
        self._newest_ms = at_ms
        self._used.set()

    def _now(self) -> int:
        now = now_ms()
        self._leave_future(now)
        return now

    def _leave_future(self, now: int) -> None:
        """Move uses in the future to now: the clock was set back."""
        if self._newest_ms <= now:
            return
        for id_, use in self._uses.items():
            if use.last_used_at > now:
                self._uses[id_] = use._replace(last_used_at=now)
        self._newest_ms = now

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
