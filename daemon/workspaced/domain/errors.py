"""The errors of requests: each with its code, its sentence for people, and its data for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from msgspec import to_builtins

from workspaced.domain.machines import path_with_machine
from workspaced.domain.records import ELSEWHERE, OwnedSession
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import Unreachable, Workspace
from workspaced_protocol.urls import told


def quoted(text: str) -> str:
    """Return a client's text in quotation marks, cut if nobody would read all of it; a secret is cut out before."""
    return f"“{told(text)}”"


class RequestError(Exception):
    """The base of all errors of requests. Each class that is raised has its `code`.

    The message is a sentence for a person; `data` is for programs (protocol.md, Errors).
    """

    code: ClassVar[ErrorCode]

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class Overloaded(RequestError):
    """The daemon has no room for the request at the moment: it was not applied."""

    code = ErrorCode.OVERLOADED


class ShuttingDown(RequestError):
    """The daemon is stopping: the request was not applied."""

    code = ErrorCode.SHUTTING_DOWN

    def __init__(self) -> None:
        super().__init__("The daemon is stopping: try again after it has restarted.")


class RequestCancelled(RequestError):
    """The client cancelled the request."""

    code = ErrorCode.CANCELLED


class Refused(RequestError):
    """The current state does not allow the request; nothing was changed."""


class InvalidField(Refused):
    """A field has an invalid value; `path` is the field's path in the client's params."""

    code = ErrorCode.INVALID_PARAMS

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message, path=path)


class NotFound(Refused):
    """There is no such workspace, project or session."""

    code = ErrorCode.NOT_FOUND

    @classmethod
    def workspace(cls, id_: str) -> "NotFound":
        """Return the error that no workspace has this id."""
        return cls(f"There is no workspace {told(id_)}.", id=told(id_))


class NameConflict(Refused):
    """The name is taken; `id` is the workspace that holds it, which the message tells by name and directory."""

    code = ErrorCode.NAME_CONFLICT

    def __init__(self, name: str, holder: Workspace, advice: str = "choose another") -> None:
        by = f"{quoted(holder.name)} at {told(path_with_machine(holder))}"
        super().__init__(f"The name {quoted(name)} is taken by {by}: {advice}.", id=holder.id)


class InvalidState(Refused):
    """The workspace's state does not allow the action."""

    code = ErrorCode.INVALID_STATE

    def __init__(self, workspace: Workspace, required: str, action: str) -> None:
        super().__init__(
            f"Workspace {quoted(workspace.name)} is {workspace.state}; it must be {required} to be {action}.",
            state=workspace.state,
            required=required,
        )


class ActiveSessions(Refused):
    """The workspace has active sessions, so it can't be removed. The message tells which other machines have some."""

    code = ErrorCode.ACTIVE_SESSIONS

    def __init__(self, workspace: Workspace, active: Sequence[OwnedSession]) -> None:
        count = len(active)
        sessions = "1 active session" if count == 1 else f"{count} active sessions"
        machines = Counter(owned.session.machine for owned in active if owned.connection == ELSEWHERE)
        places = [(told(machine or "another machine"), number) for machine, number in machines.items()]
        if [number for _, number in places] == [count]:
            sessions += f" on {places[0][0]}"
        elif places:
            sessions += f" ({', '.join(f'{number} on {place}' for place, number in places)})"
        super().__init__(
            f"Workspace {quoted(workspace.name)} has {sessions}: close the sessions first.", count=count
        )


class RevisionConflict(Refused):
    """`ifRevision` is not the current revision."""

    code = ErrorCode.REVISION_CONFLICT

    def __init__(self, subject: str, expected: int, current: int) -> None:
        super().__init__(
            f"{subject} is at revision {current}, not {expected}: read it again, then repeat the change.",
            revision=current,
        )


class ChangedSince(Refused):
    """An undo came too late: a later change of the workspace has the revision `revision`."""

    code = ErrorCode.REVISION_CONFLICT

    def __init__(self, name: str, revision: int) -> None:
        super().__init__(
            f"Workspace {quoted(name)} was changed again, at revision {revision}, and only its last change can be "
            "undone: `history.list` has what it was before each, to save that.",
            revision=revision,
        )


class DuplicateProject(Refused):
    """The directory is already bound to the workspace; `id` is its project."""

    code = ErrorCode.DUPLICATE_PROJECT

    def __init__(self, root_path: str, id_: str) -> None:
        super().__init__(f"{root_path} is already bound to this workspace, as project {id_}.", id=id_)


class PathUnreachable(Refused):
    """The daemon can't read a directory; `path` is its path, `reason` one of `Unreachable`."""

    code = ErrorCode.PATH_UNREACHABLE

    def __init__(self, path: str, reason: Unreachable, problem: str) -> None:
        super().__init__(
            f"{path} {problem}: give the path of a directory that the daemon can read.",
            path=path,
            reason=reason,
        )


class Claimed(Refused):
    """Another exclusive session is at work in the workspace; `session` is that session."""

    code = ErrorCode.CLAIMED

    def __init__(self, workspace: Workspace, owned: OwnedSession) -> None:
        session = owned.session
        process = f"process {session.pid}"
        if owned.connection == ELSEWHERE:
            process = f"{process} on {told(session.machine or 'another machine')}"
        holder = process if session.label is None else f"{quoted(session.label)} ({process})"
        super().__init__(
            f"Workspace {quoted(workspace.name)} is claimed by {holder}: wait until its exclusive session has ended, or "
            "begin one that is not exclusive.",
            session=to_builtins(session),
        )
