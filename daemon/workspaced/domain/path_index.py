"""The index from paths to the workspaces and projects that lie there: which of them holds a path.

The strategy:
- Each root path is a key of one dict. A search tries the beginnings of a path, the longest first; of these only
  those with as many components as some key has. So its time does not depend on the number of workspaces.
- Components are compared, so paths are cleaned first: empty and `.` components are left out.
- `..` can't be cleaned without the disk, because behind a symbolic link it leads elsewhere. So a key holds a path
  only if no `..` follows the key's own components.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from workspaced.domain.machines import Here
from workspaced_protocol.models import ResolvedPath, Workspace

_PARENT: Final = ".."


class _Place(NamedTuple):
    """A root path of a workspace or of a project. The order is by rank: of several at one path the least wins."""

    is_workspace: bool
    is_closed: bool
    created_at: int
    workspace_id: str
    position: int
    """The project's position in its workspace; -1 for the workspace itself."""


class PathIndex:
    """The root paths of workspaces and their projects, as far as they lie on this machine."""

    def __init__(self, here: Here) -> None:
        self._here = here
        # In order; tuples, because nearly all have one member.
        self._places: dict[str, tuple[_Place, ...]] = {}
        self._depths: dict[int, int] = {}  # how many keys have so many components
        self._workspaces: dict[str, Workspace] = {}

    def put(self, workspace: Workspace) -> None:
        """Add a workspace, in place of its earlier version. A deleted one holds nothing."""
        self.drop(workspace.id)
        if workspace.state == "deleted":
            return
        self._workspaces[workspace.id] = workspace
        for path, place in self._places_of(workspace):
            held = self._places.get(path)
            if held is None:
                self._places[path] = (place,)
                depth = _depth(path)
                self._depths[depth] = self._depths.get(depth, 0) + 1
            else:
                at = bisect_left(held, place)
                self._places[path] = (*held[:at], place, *held[at:])

    def drop(self, id_: str) -> None:
        """Remove a workspace, if it is there."""
        workspace = self._workspaces.pop(id_, None)
        if workspace is None:
            return
        for path, place in self._places_of(workspace):
            held = self._places[path]
            at = bisect_left(held, place)
            left = (*held[:at], *held[at + 1 :])
            if left:
                self._places[path] = left
                continue
            del self._places[path]
            depth = _depth(path)
            self._depths[depth] -= 1
            if not self._depths[depth]:
                del self._depths[depth]

    def find(self, path: str) -> ResolvedPath | None:
        """Return the innermost workspace or project that holds an absolute path, as it is written."""
        parts = _components(path)
        least = max((number for number, part in enumerate(parts, start=1) if part == _PARENT), default=0)
        for depth in sorted(self._depths, reverse=True):
            if least <= depth <= len(parts) and (held := self._places.get("/" + "/".join(parts[:depth]))):
                first = held[0]
                workspace = self._workspaces[first.workspace_id]
                project = None if first.is_workspace else workspace.projects[first.position]
                return ResolvedPath(
                    workspace=workspace, project=project, relative_path="/".join(parts[depth:])
                )
        return None

    def _places_of(self, workspace: Workspace) -> Iterator[tuple[str, _Place]]:
        """Return each path of a workspace as a key. A path of an older app that is not absolute holds nothing."""
        rank = workspace.state == "closed", workspace.created_at, workspace.id
        if workspace.root_path.startswith("/") and self._here.has(workspace):
            yield _key(workspace.root_path), _Place(True, *rank, -1)
        for position, project in enumerate(workspace.projects):
            if project.root_path.startswith("/") and self._here.has(project):
                yield _key(project.root_path), _Place(False, *rank, position)


def _key(path: str) -> str:
    # Nearly every path is clean already, and is then kept once in memory.
    if "//" in path or "/." in path or path.endswith("/"):
        return "/" + "/".join(_components(path))
    return path


def _depth(key: str) -> int:
    return 0 if key == "/" else key.count("/")


def _components(path: str) -> list[str]:
    """Return the components of a path, without those that lead nowhere: empty ones, `.`, and `..` at the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part not in ("", ".") and (parts or part != _PARENT):
            parts.append(part)
    return parts
