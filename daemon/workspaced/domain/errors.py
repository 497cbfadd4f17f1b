"""What the domain refuses, each with the data that the contract promises for it."""

from workspaced_protocol.models import Unreachable, Workspace


class RequestError(Exception):
    """Why a request was not granted.

    The message is a sentence for a person, `data` what programs need beside it.
    """

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class Refused(RequestError):
    """The request can't be granted as things are; nothing was changed."""


class InvalidField(Refused):
    """A field whose value can't be accepted; `path` names it as the client wrote it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, path=path)


class NotFound(Refused):
    """There is no such workspace, project or session."""


class NameConflict(Refused):
    """The name is taken; `id` is the workspace that holds it."""

    def __init__(self, name: str, id_: str) -> None:
        super().__init__(f"The name “{name}” is taken by workspace {id_}: choose another.", id=id_)


class InvalidState(Refused):
    """The transition is not allowed from the state that the workspace is in."""

    def __init__(self, workspace: Workspace, required: str, deed: str) -> None:
        super().__init__(
            f"Workspace “{workspace.name}” is {workspace.state}; it must be {required} to be {deed}.",
            state=workspace.state,
            required=required,
        )


class ActiveSessions(Refused):
    """A workspace with active sessions is not deleted."""

    def __init__(self, workspace: Workspace, count: int) -> None:
        sessions = "1 active session" if count == 1 else f"{count} active sessions"
        super().__init__(
            f"Workspace “{workspace.name}” has {sessions}: close the sessions first.", count=count
        )


class RevisionConflict(Refused):
    """`ifRevision` names another revision than the current one."""

    def __init__(self, what: str, expected: int, current: int) -> None:
        super().__init__(
            f"{what} is at revision {current}, not {expected}: read it again, then repeat the change.",
            revision=current,
        )


class DuplicateProject(Refused):
    """The directory is bound to the workspace already; `id` is the project that it is."""

    def __init__(self, root_path: str, id_: str) -> None:
        super().__init__(f"{root_path} is bound to this workspace already, as project {id_}.", id=id_)


class PathUnreachable(Refused):
    """A directory that can't be worked in; `path` is its path, `reason` one of `Unreachable`."""

    def __init__(self, path: str, reason: Unreachable, problem: str) -> None:
        super().__init__(
            f"{path} {problem}: give the path of a directory that the daemon can read.",
            path=path,
            reason=reason,
        )
