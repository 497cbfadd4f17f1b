"""The active sessions, which never change: a changed copy costs what the change costs."""

from collections.abc import Iterator, Mapping

from workspaced.domain.records import OwnedSession
from workspaced.domain.trie_map import TrieMap

_ById = TrieMap[str, OwnedSession]
_ByWorkspace = TrieMap[str, tuple[OwnedSession, ...]]


class ActiveSessions(Mapping[str, OwnedSession]):
    """The sessions by id, oldest first: ids rise with time."""

    __slots__ = ("_by_id", "_by_workspace")

    def __init__(self, by_id: _ById | None = None, by_workspace: _ByWorkspace | None = None) -> None:
        self._by_id = _ById() if by_id is None else by_id
        self._by_workspace = _ByWorkspace() if by_workspace is None else by_workspace

    def __getitem__(self, session_id: str) -> OwnedSession:
        return self._by_id[session_id]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def of_workspace(self, workspace_id: str) -> tuple[OwnedSession, ...]:
        """Return the sessions in this workspace, in the order in which they began."""
        return self._by_workspace.get(workspace_id, ())

    def with_session(self, owned: OwnedSession) -> "ActiveSessions":
        """Return a copy with one more session."""
        id_ = owned.session.workspace_id
        return ActiveSessions(
            self._by_id.with_item(owned.session.id, owned),
            self._by_workspace.with_item(id_, (*self.of_workspace(id_), owned)),
        )

    def without(self, session_id: str) -> "ActiveSessions":
        """Return a copy without this session. Raise KeyError if it is not there."""
        id_ = self._by_id[session_id].session.workspace_id
        left = tuple(owned for owned in self.of_workspace(id_) if owned.session.id != session_id)
        return ActiveSessions(
            self._by_id.without(session_id),
            self._by_workspace.with_item(id_, left) if left else self._by_workspace.without(id_),
        )
