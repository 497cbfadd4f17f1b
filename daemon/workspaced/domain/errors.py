"""Why a request is not granted: each reason with its code, its sentence, and the data that the contract promises."""

from typing import ClassVar

from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import Unreachable, Workspace


class RequestError(Exception):
    """A reason not to grant a request. Every class that is raised names its `code`.

    The message is a sentence for a person; `data` is for programs.
    """

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class Overloaded(RequestError):
    """The daemon has no room for the request at the moment: not applied."""

    code = ErrorCode.OVERLOADED


class ShuttingDown(RequestError):
    """The daemon is stopping: not applied."""

    code = ErrorCode.SHUTTING_DOWN

    def __init__(self) -> None:
        super().__init__("The daemon is stopping: try again once it runs.")


class RequestCancelled(RequestError):
    """The client cancelled the request."""

    code = ErrorCode.CANCELLED


class Refused(RequestError):
    """The request can't be granted as things are; nothing was changed."""


class InvalidField(Refused):
    """A field whose value can't be accepted; `path` names it as the client wrote it."""

    code = ErrorCode.INVALID_PARAMS

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, path=path)


class NotFound(Refused):
    """There is no such workspace, project or session."""

    code = ErrorCode.NOT_FOUND


class NameConflict(Refused):
    """The name is taken; `id` is the workspace that holds it."""

    code = ErrorCode.NAME_CONFLICT

    def __init__(self, name: str, id_: str) -> None:
        super().__init__(f"The name “{name}” is taken by workspace {id_}: choose another.", id=id_)


class InvalidState(Refused):
    """The transition is not allowed from the state that the workspace is in."""

    code = ErrorCode.INVALID_STATE

    def __init__(self, workspace: Workspace, required: str, deed: str) -> None:
        super().__init__(
            f"Workspace “{workspace.name}” is {workspace.state}; it must be {required} to be {deed}.",
            state=workspace.state,
            required=required,
        )


class ActiveSessions(Refused):
    """A workspace with active sessions is not deleted."""

    code = ErrorCode.ACTIVE_SESSIONS

    def __init__(self, workspace: Workspace, count: int) -> None:
        sessions = "1 active session" if count == 1 else f"{count} active sessions"
        super().__init__(
            f"Workspace “{workspace.name}” has {sessions}: close the sessions first.", count=count
        )


class RevisionConflict(Refused):
    """`ifRevision` names another revision than the current one."""

    code = ErrorCode.REVISION_CONFLICT

    def __init__(self, what: str, expected: int, current: int) -> None:
        super().__init__(
            f"{what} is at revision {current}, not {expected}: read it again, then repeat the change.",
            revision=current,
        )


class DuplicateProject(Refused):
    """The directory is bound to the workspace already; `id` is the project that it is."""

    code = ErrorCode.DUPLICATE_PROJECT

    def __init__(self, root_path: str, id_: str) -> None:
        super().__init__(f"{root_path} is bound to this workspace already, as project {id_}.", id=id_)


class PathUnreachable(Refused):
    """A directory that can't be worked in; `path` is its path, `reason` one of `Unreachable`."""

    code = ErrorCode.PATH_UNREACHABLE

    def __init__(self, path: str, reason: Unreachable, problem: str) -> None:
        super().__init__(
            f"{path} {problem}: give the path of a directory that the daemon can read.",
            path=path,
            reason=reason,
        )
