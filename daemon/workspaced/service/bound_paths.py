"""The paths that a workspace has bound, and what is found at them by the time a write's turn has come."""

from collections.abc import Callable, Iterable, Sequence

import trio

from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.host.path_checks import PathChecker
from workspaced.service.order import Turn
from workspaced.writer.actor import Writer
from workspaced_protocol.models import ProjectBinding, Workspace


class BoundPaths:
    """Looks at the projects of workspaces, those of saves on their way included."""

    def __init__(self, writer: Writer, paths: PathChecker) -> None:
        self._writer = writer
        self._paths = paths
        self._coming: dict[str, list[tuple[ProjectBinding, ...]]] = {}  # by workspace

    def expect(self, saved: Iterable[Workspace | None]) -> Callable[[], None]:
        """Count the projects of these workspaces as bound, until the function that is returned is called.

        Their save is on its way: it may be applied before a write that only now begins to look at paths.
        """
        coming = [(each.id, each.projects) for each in saved if each is not None and each.projects]
        for id_, bindings in coming:
            self._coming.setdefault(id_, []).append(bindings)

        def settle() -> None:
            for id_, bindings in coming:
                self._coming[id_].remove(bindings)
                if not self._coming[id_]:
                    del self._coming[id_]

        return settle

    def of(self, workspace_id: str) -> set[str]:
        """Return the paths of the projects that the workspace has, or may have in a moment."""
        bound = list(self._coming.get(workspace_id, ()))
        workspace = self._writer.state.get(workspace_id)
        if workspace is not None:
            bound.append(workspace.projects)
        return {project.root_path for projects in bound for project in projects}

    async def look(self, paths: Iterable[str], resolved: Iterable[str] = ()) -> PathFacts:
        """Return what is at these paths, as PathChecker.check does."""
        return await self._paths.check(paths, resolved)

    async def wait_for_facts(
        self, workspace_id: str, turn: Turn, also_resolved: Sequence[str] = ()
    ) -> PathFacts:
        """Look at the paths of the workspace, and at some others with their real paths; return once `turn` has come.

        Meanwhile a save may bind more. So with the turn they are asked for again, until all were looked at.
        A path without facts was bound too late for that, or no thread could be sent to it.
        """
        # Clients that save new projects all the time must not keep a write from ever being ready.
        last_look_at = trio.current_time() + self._paths.limit_seconds
        bound = self.of(workspace_id)
        facts: dict[str, Reachable | Unreached] = {}
        facts.update(await self._paths.check([*also_resolved, *bound], also_resolved))
        await turn.wait()
        while (missing := self.of(workspace_id) - bound) and trio.current_time() < last_look_at:
            bound |= missing
            facts.update(await self._paths.check(missing))
        return facts
