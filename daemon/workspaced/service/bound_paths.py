"""The bound paths of a workspace, and the facts about them that a write has by its turn."""

from collections.abc import Callable, Iterable, Sequence

import trio

from workspaced.domain.machines import Here
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.host.path_checks import PathChecker
from workspaced.service.order import Turn
from workspaced.writer.actor import Writer
from workspaced_protocol.models import ProjectBinding, Workspace


class BoundPaths:
    """Checks the paths of a workspace's projects on this machine, including those of pending saves."""

    def __init__(self, writer: Writer, paths: PathChecker, here: Here) -> None:
        self._writer = writer
        self._paths = paths
        self._here = here
        self._pending: dict[str, list[tuple[ProjectBinding, ...]]] = {}  # by workspace

    def expect(self, saved: Iterable[Workspace | None]) -> Callable[[], None]:
        """Count the projects of these workspaces as bound, until the returned function is called.

        Their save is pending: it may be applied before a later write that checks paths now.
        """
        pending = [(each.id, each.projects) for each in saved if each is not None and each.projects]
        for id_, bindings in pending:
            self._pending.setdefault(id_, []).append(bindings)

        def forget() -> None:
            for id_, bindings in pending:
                self._pending[id_].remove(bindings)
                if not self._pending[id_]:
                    del self._pending[id_]

        return forget

    def of(self, workspace_id: str) -> set[str]:
        """Return the paths of the workspace's projects on this machine, including those of pending saves."""
        bound = list(self._pending.get(workspace_id, ()))
        workspace = self._writer.state.get(workspace_id)
        if workspace is not None:
            bound.append(workspace.projects)
        return {project.root_path for projects in bound for project in filter(self._here.has, projects)}

    async def check(self, paths: Iterable[str], resolved: Iterable[str] = ()) -> PathFacts:
        """Return the facts of these paths, as PathChecker.check does."""
        return await self._paths.check(paths, resolved)

    async def wait_for_facts(
        self, workspace_id: str, turn: Turn, also_resolved: Sequence[str] = ()
    ) -> PathFacts:
        """Wait for `turn`; return the facts of the workspace's paths, and of `also_resolved` with their real paths.

        A save may bind more paths during the check. So after the turn, the new ones are checked too, until all
        are. A path without facts was bound too late for that, or no thread was free to check it.
        """
        # A client that keeps saving new projects must not delay a write for ever.
        last_check_at = trio.current_time() + self._paths.limit_seconds
        bound = self.of(workspace_id)
        facts: dict[str, Reachable | Unreached] = {}
        facts.update(await self._paths.check([*also_resolved, *bound], also_resolved))
        await turn.wait()
        while (unchecked := self.of(workspace_id) - bound) and trio.current_time() < last_check_at:
            bound |= unchecked
            facts.update(await self._paths.check(unchecked))
        return facts
