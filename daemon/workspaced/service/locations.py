"""The operation `workspace.resolve`: which workspace or project holds a path."""

from typing import Final

import trio

from workspaced.domain.errors import NotFound, Overloaded, PathUnreachable, quoted
from workspaced.domain.machines import Here
from workspaced.domain.names import check_root_path
from workspaced.domain.path_index import PathIndex
from workspaced.domain.projects import Unreached
from workspaced.domain.records import encode
from workspaced.events import EventHub
from workspaced.host.real_paths import RealPaths
from workspaced.published_event import PublishedEvent
from workspaced.service.requests import Json, Request
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.models import ResolvedPath
from workspaced_protocol.urls import without_secret

_INDEXED_A_TURN: Final = 40
"""About a millisecond of work with ten projects each; then others get a turn."""


class Locations:
    """Finds what holds a path of this machine, by an index that follows the state.

    A change costs its write next to nothing: its workspace is noted, and indexed by the next search. At first, all
    workspaces are.
    """

    def __init__(self, writer: Writer, hub: EventHub, real_paths: RealPaths, here: Here) -> None:
        self._writer = writer
        self._real_paths = real_paths
        self._here = here
        self._index = PathIndex(here)
        # The ids of workspaces that the index does not hold as they are.
        self._changed = set(writer.state.records)
        hub.listen(self._note_change, self._note_gap)

    async def resolve(self, params: p.ResolveParams, _: Request) -> Json:
        """Return the innermost workspace or project that holds the path as given, or else its real path."""
        check_root_path(params.path, "path")
        await self._bring_up_to_date()
        found = self._index.find(params.path)
        if found is None:
            found = await self._find_on_disk(params.path)
        return encode(found)

    async def _find_on_disk(self, path: str) -> ResolvedPath:
        wanted = quoted(without_secret(path))
        resolved = await self._real_paths.of(path)
        if resolved is None:
            raise Overloaded(
                f"The symbolic links in {wanted} could not be resolved, because too many other paths do not respond: try "
                "again later."
            )
        if isinstance(resolved, Unreached):
            raise NotFound(f"No workspace holds {wanted} as it is written, and it {resolved.problem}.")
        await self._bring_up_to_date()
        for candidate in resolved:
            found = self._index.find(candidate)
            if found is not None:
                break
        else:
            raise NotFound(f"No workspace holds {wanted}.")
        try:
            found.relative_path.encode()
        except UnicodeEncodeError as error:  # JSON can't represent it
            problem = "leads to a name that is not UTF-8"
            raise PathUnreachable(path, "unusable", problem) from error
        return found

    def _note_change(self, published: PublishedEvent) -> None:
        if published.event.entry is not None:
            self._changed.add(published.event.entry.workspace_id)

    def _note_gap(self) -> None:
        """Begin a new index: any workspace may have changed or gone."""
        self._index = PathIndex(self._here)
        self._changed = set(self._writer.state.records)

    async def _bring_up_to_date(self) -> None:
        """Index the changed workspaces, a few at a time. Afterwards, the index agrees with `Writer.state`."""
        while self._changed:
            state = self._writer.state
            for _ in range(min(len(self._changed), _INDEXED_A_TURN)):
                id_ = self._changed.pop()
                workspace = state.get(id_)
                if workspace is None:
                    self._index.drop(id_)
                else:
                    self._index.put(workspace)
            if self._changed:
                await trio.lowlevel.checkpoint()
