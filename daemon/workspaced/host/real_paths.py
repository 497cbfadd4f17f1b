"""Real paths, within a time limit, of paths that need not exist.

The threads are apart from those that check projects: a dead mount in which a shell asks again and again where it is
must not keep projects from being checked.
"""

import os
from typing import Final, NamedTuple, cast

from workspaced.domain.projects import Unreached
from workspaced.host.path_checks import PathChecker

_LONGEST_BYTES: Final = 4096
"""PATH_MAX of Linux, the largest of all: nothing is at a longer path, and it would keep the thread for minutes."""


class Resolved(NamedTuple):
    """A path as the disk has it."""

    plain: str
    """The path without `..`, with its other symbolic links."""
    real: str
    """The path with all symbolic links resolved, as far as it exists."""


class RealPaths(PathChecker):
    """Resolves paths within `limit_seconds`. Requests are answered while `run` runs."""

    async def of(self, path: str) -> Resolved | Unreached | None:
        """Return an absolute path resolved, an Unreached if it hangs, None if all threads hung at other paths.

        Raises NoThread or ShuttingDown.
        """
        # The checker does not know what `look` returns.
        return cast("Resolved | Unreached | None", (await self.check([path])).get(path))

    def look(self, path: str, resolve: bool) -> Resolved:
        """Resolve a path. Blocks with its file system."""
        return resolved(path)


def resolved(path: str) -> Resolved:
    """Resolve an absolute path. Blocks with its file system."""
    if len(os.fsencode(path)) > _LONGEST_BYTES:
        return Resolved(path, path)
    try:
        return Resolved(_without_parents(path), os.path.realpath(path))
    except (OSError, RecursionError):  # a link that changes meanwhile; a chain of a thousand links
        return Resolved(path, path)


def _without_parents(path: str) -> str:
    """Return the path without `..`: behind a symbolic link, it is the parent of the link's target."""
    kept = "/"
    for part in path.split("/"):
        if part == "..":
            target = os.path.realpath(kept) if os.path.islink(kept) else kept
            kept = os.path.dirname(target)
        elif part not in ("", "."):
            kept = os.path.join(kept, part)
    return kept
