"""The table of methods: each one's name, params, result, errors and meaning, declared once.

The dispatcher, both clients, the OpenRPC document and the reference page come from this table.
The order of a params struct's fields is the order of params by position.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from workspaced_protocol import params as p
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import (
    Backup,
    ConnectedClient,
    DaemonStatus,
    Hello,
    Salvage,
    Session,
    StoreCheck,
    StoreDifference,
    StoreRevision,
    Workspace,
)
from workspaced_protocol.problems import problem_at
from workspaced_protocol.unknown import unknown_members

_TOLD_CHARACTERS: Final = 200  # of a client's own text in a message back to it


class InvalidParams(ValueError):
    """Params that the method does not take; `path` names the field, such as `workspace.projects[0].id`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True)
class Method:
    """One row of the table.

    `mode` tells how it is served: a `read` at once from the last durable state; a `write` through the writer in
    the order sent; a `prepared` write likewise, once the paths that it is about were looked at; a `task` beside
    all of these, because it waits for something else.
    """

    name: str
    mode: Literal["read", "write", "prepared", "task"]
    params: type[p.Params]
    result: object
    errors: tuple[ErrorCode, ...]
    doc: str

    @property
    def is_write(self) -> bool:
        """Whether it goes through the writer in the order sent."""
        return self.mode in ("write", "prepared")

    @property
    def changes_nothing(self) -> bool:
        """Whether a request that got no answer can be sent again as it is, on another connection.

        A backup is a file that is there then, and a subscription belongs to its connection.
        """
        if issubclass(self.params, p.WriteParams) or self.name == "store.backup":
            return False
        return not self.is_write and not self.name.startswith("events.")

    def decode_params(self, raw: msgspec.Raw | None) -> p.Params:
        """The params as this method's struct. Raises InvalidParams."""
        text = b"{}" if raw is None else bytes(raw)
        if text.startswith(b"["):
            text = self._by_name(text)
        try:
            return msgspec.json.decode(text, type=self.params)
        except msgspec.ValidationError as error:
            raise self._named(text, error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidParams("", f"{self.name}: the params can't be read: {error}.") from error

    def _by_name(self, text: bytes) -> bytes:
        """Params by position as the same params by name."""
        names = self.param_names()
        values = msgspec.json.decode(text, type=list[msgspec.Raw])
        if len(values) > len(names):
            raise InvalidParams(
                f"[{len(names)}]",
                f"{self.name} takes at most {len(names)} params ({', '.join(names) or 'none'}), "
                f"not {len(values)}.",
            )
        return (
            b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in zip(names, values, strict=False)) + b"}"
        )

    def param_names(self) -> tuple[str, ...]:
        """The params' names on the wire, in their order by position."""
        return self.params.__struct_encode_fields__

    def _named(self, text: bytes, error: msgspec.ValidationError) -> InvalidParams:
        """What msgspec found wrong with the params, as a sentence and a path."""
        problem = str(error)
        if "contains unknown field" in problem and (unknown := unknown_members(text, self.params)):
            path = unknown[0][:_TOLD_CHARACTERS]
            known = ", ".join(self.param_names()) or "no params"
            is_param = unknown[0] in msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            allowed = f" It takes {known}." if is_param else ""
            return InvalidParams(path, f"{self.name}: `{path}` is not known.{allowed}")
        found, path = problem_at(error)
        if missing := re.fullmatch(r"object missing required field `(.*)`", found):
            path = f"{path}.{missing[1]}" if path else missing[1]
            return InvalidParams(path, f"{self.name}: `{path}` is missing.")
        path = path or self.param_names()[0]
        return InvalidParams(path, f"{self.name}: `{path}` is wrong: {found}.")


_ANY_ERRORS: Final = (ErrorCode.INVALID_PARAMS, ErrorCode.INTERNAL_ERROR)
_WAITING_ERRORS: Final = (ErrorCode.CANCELLED, *_ANY_ERRORS)
_WRITE_ERRORS: Final = (
    ErrorCode.WRITE_TIMEOUT,
    ErrorCode.COMMIT_UNKNOWN,
    ErrorCode.STORAGE_FAILURE,
    ErrorCode.OVERLOADED,
    ErrorCode.SHUTTING_DOWN,
)


# Of tasks that read or write files.
_FILE_ERRORS: Final = (ErrorCode.STORAGE_FAILURE, ErrorCode.OVERLOADED, ErrorCode.SHUTTING_DOWN)


def _read(name: str, params: type[p.Params], result: object, doc: str, *errors: ErrorCode) -> Method:
    return Method(name, "read", params, result, (*errors, *_ANY_ERRORS), doc)


def _write(name: str, params: type[p.Params], result: object, doc: str, *errors: ErrorCode) -> Method:
    return Method(name, "write", params, result, (*errors, *_WRITE_ERRORS, *_WAITING_ERRORS), doc)


def _prepared(name: str, params: type[p.Params], result: object, doc: str, *errors: ErrorCode) -> Method:
    return Method(name, "prepared", params, result, (*errors, *_WRITE_ERRORS, *_WAITING_ERRORS), doc)


def _task(name: str, params: type[p.Params], result: object, doc: str, *errors: ErrorCode) -> Method:
    return Method(name, "task", params, result, (*errors, *_WAITING_ERRORS), doc)


METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        _read(
            "daemon.hello",
            p.HelloParams,
            Hello,
            "Tells who the daemon is; optional. An unsupported protocol is refused.",
            ErrorCode.PROTOCOL_UNSUPPORTED,
        ),
        _read("daemon.ping", p.NoParams, Literal["pong"], "Answers that the daemon is there."),
        _read("daemon.status", p.NoParams, DaemonStatus, "Tells what the daemon serves, and how it fares."),
        _read(
            "daemon.clients",
            p.NoParams,
            list[ConnectedClient],
            "Tells who is connected and what is in flight, the oldest connection first.",
        ),
        _write(
            "workspace.create",
            p.CreateParams,
            Workspace,
            "Creates an active workspace.",
            ErrorCode.NAME_CONFLICT,
        ),
        _prepared(
            "workspace.open",
            p.TransitionParams,
            Workspace,
            "Opens a closed workspace, and checks its projects: one whose directory can't be reached is stale.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "workspace.close",
            p.TransitionParams,
            Workspace,
            "Closes an active workspace.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "workspace.update",
            p.UpdateParams,
            Workspace,
            "Gives a workspace another name or root path.",
            ErrorCode.NOT_FOUND,
            ErrorCode.NAME_CONFLICT,
            ErrorCode.INVALID_STATE,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "workspace.delete",
            p.TransitionParams,
            None,
            "Removes a workspace that has no active sessions from the store; its name is free again.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _read(
            "workspace.get",
            p.GetParams,
            Workspace,
            "Gives the workspace of an id or of a name (compared without case).",
            ErrorCode.NOT_FOUND,
        ),
        _read(
            "workspace.list",
            p.ListParams,
            list[Workspace],
            "Lists the workspaces by creation time, all or those in one state.",
        ),
        _prepared(
            "project.bind",
            p.BindParams,
            Workspace,
            "Binds a directory to a workspace: one that can be read, and is not bound to it yet.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.DUPLICATE_PROJECT,
            ErrorCode.PATH_UNREACHABLE,
        ),
        _task(
            "project.clone",
            p.CloneParams,
            Workspace,
            "Clones a git repository, then binds it to a workspace that is there already. It can take minutes, "
            "so later writes do not wait for it: its place among them is where git is done.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.DUPLICATE_PROJECT,
            ErrorCode.PATH_UNREACHABLE,
            ErrorCode.GIT_UNAVAILABLE,
            ErrorCode.GIT_FAILED,
            ErrorCode.GIT_TIMEOUT,
            *_WRITE_ERRORS,
        ),
        _write(
            "project.unbind",
            p.UnbindParams,
            Workspace,
            "Takes a project out of a workspace; its directory is left alone.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
        ),
        _prepared(
            "project.check",
            p.CheckProjectsParams,
            Workspace,
            "Looks whether the projects of a workspace can be reached, and makes them stale or active.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
        ),
        _write(
            "session.begin",
            p.BeginSessionParams,
            Session,
            "Begins a session in an active workspace; it ends with the connection.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
        ),
        _write(
            "session.end",
            p.EndSessionParams,
            None,
            "Ends a session that this connection began.",
            ErrorCode.NOT_FOUND,
        ),
        _read(
            "session.list",
            p.ListSessionsParams,
            list[Session],
            "Lists the sessions by start time, all or those of one workspace.",
        ),
        _read("store.getAll", p.NoParams, list[Workspace], "Gives all workspaces by creation time."),
        _read("store.getById", p.ByIdParams, Workspace | None, "Gives the workspace of an id, or null."),
        _read(
            "store.getByName",
            p.ByNameParams,
            Workspace | None,
            "Gives the workspace of a name (compared without case), or null.",
        ),
        _write(
            "store.save",
            p.SaveParams,
            Workspace,
            "Puts a workspace in place as it is given; only its revision is set by the store.",
            ErrorCode.NAME_CONFLICT,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "store.remove",
            p.RemoveParams,
            None,
            "Takes a workspace out; an unknown id is no error.",
            ErrorCode.ACTIVE_SESSIONS,
        ),
        _write(
            "store.apply",
            p.ApplyParams,
            StoreRevision,
            "Saves and removes several workspaces in one commit, all of them or none.",
            ErrorCode.NAME_CONFLICT,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write("store.flush", p.WriteParams, StoreRevision, "Writes both files anew from memory."),
        _task(
            "store.check",
            p.NoParams,
            StoreCheck,
            "Checks the store's files as they are on the disk now.",
            *_FILE_ERRORS,
        ),
        _write(
            "store.acknowledgeRecovery",
            p.WriteParams,
            None,
            "Clears the notice of a recovery or a data loss.",
        ),
        _task(
            "store.backup",
            p.BackupParams,
            Backup,
            "Makes a verified copy of the store as it is now.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.listBackups",
            p.NoParams,
            list[Backup],
            "Lists the daemon's copies, the newest first.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.previewRestore",
            p.BackupSourceParams,
            StoreDifference,
            "Checks a copy, and tells what restoring it would change.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.restore",
            p.RestoreParams,
            StoreRevision,
            "Makes the store what a copy holds, in one commit; what it held before is kept in quarantine.",
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
            *_WRITE_ERRORS,
        ),
        _task(
            "store.salvage",
            p.NoParams,
            Salvage,
            "Gives what can still be read in the files that the last recovery set aside.",
            *_FILE_ERRORS,
        ),
        _read(
            "events.subscribe",
            p.SubscribeParams,
            StoreRevision,
            "Sends events from now on, or from after a revision, in place of an earlier subscription.",
        ),
        _read("events.unsubscribe", p.NoParams, None, "Sends no more events."),
        _read("rpc.discover", p.NoParams, dict[str, Any], "Gives this table as an OpenRPC document."),
    )
}
"""Every method that the daemon serves, by name."""
