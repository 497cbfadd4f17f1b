"""The index from names to workspaces, which never changes: a changed copy costs what the change costs.

The strategy: each name has the list of the workspaces that bear it, the oldest first, and that one holds it. There is one
in nearly every list: only the store of an older app can have a name twice.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping

from workspaced.domain.records import Outline
from workspaced.domain.trie_map import TrieMap
from workspaced_protocol.models import Workspace
from workspaced_protocol.names import name_key

_Bearers = tuple[tuple[int, str], ...]  # creation time and id of each


class NameIndex(Mapping[str, str]):
    """From `name_key` to the id of the workspace that holds the name. Those of deleted workspaces are free."""

    __slots__ = ("_bearers",)

    def __init__(self, bearers: TrieMap[str, _Bearers] | None = None) -> None:
        self._bearers = TrieMap[str, _Bearers]() if bearers is None else bearers

    @classmethod
    def of(cls, workspaces: Iterable[Outline | Workspace]) -> "NameIndex":
        """Return the index of these workspaces."""
        found: dict[str, _Bearers] = {}
        for workspace in workspaces:
            if workspace.state != "deleted":
                key = name_key(workspace.name)
                found[key] = _with_bearer(found.get(key, ()), workspace)
        return cls(TrieMap(found))

    def __getitem__(self, key: str) -> str:
        return self._bearers[key][0][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bearers)

    def __len__(self) -> int:
        return len(self._bearers)

    def with_workspace(self, workspace: Outline | Workspace) -> "NameIndex":
        """Return the index with the name of a workspace that it does not have."""
        if workspace.state == "deleted":
            return self
        key = name_key(workspace.name)
        return NameIndex(self._bearers.with_item(key, _with_bearer(self._bearers.get(key, ()), workspace)))

    def without_workspace(self, workspace: Outline | Workspace) -> "NameIndex":
        """Return the index without the name of a workspace that it has."""
        if workspace.state == "deleted":
            return self
        key = name_key(workspace.name)
        left = tuple(bearer for bearer in self._bearers[key] if bearer != _bearer(workspace))
        return NameIndex(self._bearers.with_item(key, left) if left else self._bearers.without(key))


def _bearer(workspace: Outline | Workspace) -> tuple[int, str]:
    return workspace.created_at, workspace.id


def _with_bearer(bearers: _Bearers, workspace: Outline | Workspace) -> _Bearers:
    if not bearers:
        return (_bearer(workspace),)
    more = [*bearers]
    insort(more, _bearer(workspace))
    return tuple(more)
