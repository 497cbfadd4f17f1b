"""The errors that the daemon answers with: one class for each code.

`str(error)` is a sentence for people; the data for programs is in typed attributes. The arguments of each
class are its `args`, so that an error can be pickled and passed to another process.
"""

from typing import ClassVar, Final

import msgspec

from workspaced_client._core.local_errors import WorkspacedError
from workspaced_client._core.versions import advice_on
from workspaced_protocol import unknown
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.models import Session


class DaemonError(WorkspacedError):
    """An error that the daemon answered with; also the class of codes unknown to this release.

    `code` is the number on the wire, `message` the daemon's sentence, `data` its details, and `kind` the
    name that programs compare, such as `nameConflict`. The attributes of the subclasses are None if the
    daemon did not send them.
    """

    expected_code: ClassVar[ErrorCode | None] = None
    """The code that a subclass stands for."""

    def __init__(self, code: int, message: str, data: dict[str, object] | None = None) -> None:
        self.code = code
        self.message = message
        self.data: dict[str, object] = {} if data is None else data
        super().__init__(code, message, self.data)

    def __str__(self) -> str:
        return self.message

    @property
    def kind(self) -> str:
        """`data.kind`; empty if the answer has none."""
        return self._text("kind") or ""

    def _text(self, member: str) -> str | None:
        value = self.data.get(member)
        return value if isinstance(value, str) else None

    def _number(self, member: str) -> int | None:
        value = self.data.get(member)
        return value if isinstance(value, int) else None


class ParseError(DaemonError):
    """The daemon could not read the line as JSON."""

    expected_code = ErrorCode.PARSE_ERROR


class InvalidRequest(DaemonError):
    """The daemon refused the whole request: it is too long, or not a request. It was not applied."""

    expected_code = ErrorCode.INVALID_REQUEST


class MethodNotFound(DaemonError):
    """The daemon has no method of this name; an older one may lack it, and the message then says so."""

    expected_code = ErrorCode.METHOD_NOT_FOUND


class InvalidParams(DaemonError):
    """A param is wrong, missing or unknown."""

    expected_code = ErrorCode.INVALID_PARAMS

    @property
    def path(self) -> str | None:
        """The wrong field, such as `workspace.projects[0].id`."""
        return self._text("path")


class InternalError(DaemonError):
    """The daemon has a defect; its log tells more."""

    expected_code = ErrorCode.INTERNAL_ERROR


class RequestCancelled(DaemonError):
    """The request was cancelled by `$/cancelRequest`."""

    expected_code = ErrorCode.CANCELLED


class NotFound(DaemonError):
    """There is no such workspace, project or session."""

    expected_code = ErrorCode.NOT_FOUND


class NameConflict(DaemonError):
    """The name is taken; names are compared without case."""

    expected_code = ErrorCode.NAME_CONFLICT

    @property
    def id(self) -> str | None:
        """The workspace that holds the name."""
        return self._text("id")


class InvalidState(DaemonError):
    """The transition is not allowed from the workspace's state."""

    expected_code = ErrorCode.INVALID_STATE

    @property
    def state(self) -> str | None:
        """The workspace's state."""
        return self._text("state")

    @property
    def required(self) -> str | None:
        """The state that the transition needs."""
        return self._text("required")


class ActiveSessions(DaemonError):
    """A workspace with active sessions is not deleted: end them first."""

    expected_code = ErrorCode.ACTIVE_SESSIONS

    @property
    def count(self) -> int | None:
        """The number of active sessions."""
        return self._number("count")


class RevisionConflict(DaemonError):
    """`if_revision` is not the current revision: there was a change since it was read."""

    expected_code = ErrorCode.REVISION_CONFLICT

    @property
    def revision(self) -> int | None:
        """The current revision."""
        return self._number("revision")


class DuplicateProject(DaemonError):
    """The directory is already bound to the workspace."""

    expected_code = ErrorCode.DUPLICATE_PROJECT


class PathUnreachable(DaemonError):
    """A project's directory is missing or unreadable."""

    expected_code = ErrorCode.PATH_UNREACHABLE


class Claimed(DaemonError):
    """Another exclusive session is at work in the workspace: begin again when it has ended."""

    expected_code = ErrorCode.CLAIMED

    @property
    def session(self) -> Session | None:
        """The exclusive session that is there."""
        try:
            session, _ = unknown.decode(msgspec.json.encode(self.data.get("session")), Session)
        except msgspec.DecodeError:
            return None
        return session


class ProtocolUnsupported(DaemonError):
    """The daemon does not speak this client's protocol: one of the two is too old."""

    expected_code = ErrorCode.PROTOCOL_UNSUPPORTED

    @property
    def minimum(self) -> int | None:
        """The oldest protocol that the daemon speaks."""
        return self._number("minimum")

    @property
    def maximum(self) -> int | None:
        """The newest protocol that the daemon speaks."""
        return self._number("maximum")


class WriteTimeout(DaemonError):
    """The write waited too long in the daemon's queue: it was not applied, and never will be."""

    expected_code = ErrorCode.WRITE_TIMEOUT


class CommitUnknown(DaemonError):
    """Time ran out or the disk failed during the write: it may or may not have been applied."""

    expected_code = ErrorCode.COMMIT_UNKNOWN

    @property
    def revision(self) -> int | None:
        """The store's revision if it was applied."""
        return self._number("revision")


class StorageFailure(DaemonError):
    """The disk failed: nothing was applied, or nothing could be read."""

    expected_code = ErrorCode.STORAGE_FAILURE

    @property
    def errno(self) -> int | None:
        """The system's error number, as in the module `errno`."""
        return self._number("errno")


class Overloaded(DaemonError):
    """The daemon has no room for the request at the moment: it was not carried out."""

    expected_code = ErrorCode.OVERLOADED


class ShuttingDown(DaemonError):
    """The daemon is stopping: the request was not carried out."""

    expected_code = ErrorCode.SHUTTING_DOWN


class GitError(DaemonError):
    """The base of the errors of git."""

    @property
    def stderr(self) -> str | None:
        """Git's standard error."""
        return self._text("stderr")


class GitUnavailable(GitError):
    """The daemon found no git program."""

    expected_code = ErrorCode.GIT_UNAVAILABLE


class GitFailed(GitError):
    """git could not clone the repository."""

    expected_code = ErrorCode.GIT_FAILED


class GitTimeout(GitError):
    """git did not finish in time."""

    expected_code = ErrorCode.GIT_TIMEOUT


_CLASS_OF: Final[dict[int, type[DaemonError]]] = {
    class_.expected_code: class_
    for class_ in (*DaemonError.__subclasses__(), *GitError.__subclasses__())
    if class_.expected_code is not None
}


def from_answer(answer: RpcError, method: str = "") -> DaemonError:
    """Return the error of an answer, of its code's class; a plain `DaemonError` for an unknown code.

    If the daemon and this client are of different releases, and that explains the answer to `method`, the message
    says which of both to upgrade.
    """
    advice = advice_on(answer, method)
    message = answer.message if advice is None else f"{answer.message} {advice}"
    return _CLASS_OF.get(answer.code, DaemonError)(answer.code, message, answer.data)
