"""What one write has to know of paths before its command can be made.

The strategy: a workspace may get projects by a save while its others are looked at. So once the turn
of the write has come it is asked again which paths are wanted, until all of them were looked at.
"""

from collections.abc import Callable, Collection

import trio

from workspaced.domain.commands import Command
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.host.path_checks import PathChecker

Make = Callable[[], Command | None]
"""Makes the command of a write whose turn has come, or None where it has to look at more paths first."""

Ready = Callable[[Make | Exception], None]
"""Takes what makes a command, each time that there is nothing to look at; or why there will be none."""


class Gathering:
    """Looks at paths for one write; `wanted` tells which, and `command` makes it of what was found."""

    def __init__(
        self,
        paths: PathChecker,
        wanted: Callable[[], set[str]],
        command: Callable[[PathFacts], Command],
        ready: Ready,
    ) -> None:
        self._paths = paths
        self._wanted = wanted
        self._command = command
        self._ready = ready
        self._asked: set[str] = set()
        self._facts: dict[str, Reachable | Unreached] = {}
        # Clients that save new projects all the time must not keep it from ever being done.
        self._last_look_at = trio.current_time() + paths.limit_seconds

    def begin(self, root_path: str | None) -> None:
        """Looks at what is wanted; also at the real path of `root_path`, if there is one."""
        resolved = [] if root_path is None else [root_path]
        self._look([*resolved, *self._wanted()], resolved)

    def _look(self, paths: Collection[str], resolved: Collection[str] = ()) -> None:
        self._asked.update(paths)
        self._paths.ask(paths, self._tell, resolved)

    def _tell(self, found: PathFacts | Exception) -> None:
        if isinstance(found, Exception):
            self._ready(found)
        else:
            self._facts.update(found)
            self._ready(self._make)

    def _make(self) -> Command | None:
        missing = self._wanted() - self._asked
        if missing and trio.current_time() < self._last_look_at:
            self._look(missing)
            return None
        return self._command(self._facts)
