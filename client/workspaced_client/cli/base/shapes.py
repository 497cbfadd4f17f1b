"""The shapes of the answers that quick commands show: those members alone that they look at.

The models of the protocol say the same in full, and take three times as long to load as Python takes to start. A test
holds these to them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

# A shape is a type, a list of one shape for lists of such, or a dict of shapes by member. A member with a question mark
# may be absent.
WORKSPACE: Final = {
    "id": str,
    "name": str,
    "rootPath": str,
    "state": str,
    "createdAt": int,
    "updatedAt": int,
    "revision?": int,
    "tags?": [str],
    "metadata?": dict,
    "machine?": str,
    "projects": [{"rootPath": str, "status": str, "gitUrl?": str, "machine?": str}],
}
STATUS: Final = {
    "version": str,
    "pid": int,
    "dataDir": str,
    "socket": str,
    "startedAt": int,
    "revision": int,
    "workspaces": int,
    "sessions": int,
    "connections": int,
    "recovery": {"outcome": str, "reason?": str, "acknowledged": bool},
    "store": {"state": str, "lastError?": str, "since?": int},
    "commits": {"count": int, "requests": int, "p50Ms": float, "p95Ms": float},
    "machine?": str,
}
CLIENT: Final = {
    "pid": int,
    "uid": int,
    "program?": str,
    "connectedAt": int,
    "requests": int,
    "inFlight": {"count": int, "oldest": [{"method": str, "forMs": int}]},
    "subscription?": {"topics?": [str]},
    "sessions": [str],
}
BACKUP: Final = {"name": str}
PAST_NAME: Final = {"name": str}


def stale_projects(workspace: Any) -> int:
    """Return how many projects of a workspace, as plain JSON, can't be reached."""
    return sum(project["status"] == "stale" for project in workspace["projects"])


def elsewhere(place: Any, here: str | None) -> str | None:
    """Return the machine of a workspace or a project, as plain JSON, if that is another one than `here`."""
    machine: str | None = place.get("machine")
    return None if machine == here else machine


# Any: JSON values, and the shapes within a shape.
def fits(value: Any, shape: type | list[Any] | dict[str, Any]) -> bool:
    """Return whether a value read from JSON has this shape."""
    if isinstance(shape, list):
        return _is_a(list, value) and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, dict):
        return _is_a(dict, value) and all(
            fits(value[name], inner) if (name := member.rstrip("?")) in value else member.endswith("?")
            for member, inner in shape.items()
        )
    return isinstance(value, (int, float) if shape is float else shape)


def _is_a(kind: type, value: object) -> bool:
    """Return isinstance(), which would make checkers forget that members are any JSON values."""
    return isinstance(value, kind)
