"""The table of methods: the name, params, result, errors and description of each.

The dispatcher, both clients, the OpenRPC document and the reference page use this table. The fields of a
params struct are in the order of params by position.
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

_QUOTED_CHARACTERS: Final = 200  # of a client's text in an error message


class InvalidParams(ValueError):
    """Invalid params; `path` is that of the wrong field, such as `workspace.projects[0].id`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True)
class Method:
    """One row of the table.

    `mode` is the way it is served:
    - `read`: at once, from the last durable state
    - `write`: by the writer, in the order sent
    - `prepared`: as a write, after its paths are checked
    - `task`: concurrently with all others, because it waits for something other than its turn
    """

    name: str
    mode: Literal["read", "write", "prepared", "task"]
    params: type[p.Params]
    result: object
    errors: tuple[ErrorCode, ...]
    doc: str

    @property
    def is_write(self) -> bool:
        """Whether the writer serves it, in the order sent."""
        return self.mode in ("write", "prepared")

    @property
    def changes_nothing(self) -> bool:
        """Whether a request without an answer can be sent again unchanged on a new connection.

        Not so for a backup, which makes a file, and for a subscription, which belongs to its connection.
        """
        if issubclass(self.params, p.WriteParams) or self.name == "store.backup":
            return False
        return not self.is_write and not self.name.startswith("events.")

    def decode_params(self, raw: msgspec.Raw | None) -> p.Params:
        """Decode the params as this method's struct. Raises InvalidParams."""
        text = b"{}" if raw is None else bytes(raw)
        if text.startswith(b"["):
            text = self._by_name(text)
        try:
            return msgspec.json.decode(text, type=self.params)
        except msgspec.ValidationError as error:
            raise self._explain(text, error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidParams("", f"{self.name}: the params can't be decoded: {error}.") from error

    def _by_name(self, text: bytes) -> bytes:
        """Convert params by position to params by name."""
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
        """Return the names of the params on the wire, in their order by position."""
        return self.params.__struct_encode_fields__

    def _explain(self, text: bytes, error: msgspec.ValidationError) -> InvalidParams:
        """Return msgspec's error as a sentence with the path of the wrong field."""
        problem = str(error)
        if "contains unknown field" in problem and (unknown := unknown_members(text, self.params)):
            path = unknown[0][:_QUOTED_CHARACTERS]
            known = ", ".join(self.param_names()) or "no params"
            is_param = unknown[0] in msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            allowed = f" It takes {known}." if is_param else ""
            return InvalidParams(path, f"{self.name}: `{path}` is unknown.{allowed}")
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


# The errors of tasks that read or write files.
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
            "Returns the daemon's name and version; optional. An unsupported protocol version is refused.",
            ErrorCode.PROTOCOL_UNSUPPORTED,
        ),
        _read("daemon.ping", p.NoParams, Literal["pong"], "Checks that the daemon answers."),
        _read("daemon.status", p.NoParams, DaemonStatus, "Returns the status of the daemon and its store."),
        _read(
            "daemon.clients",
            p.NoParams,
            list[ConnectedClient],
            "Lists the connected clients and their requests in flight, oldest connection first.",
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
            "Opens a closed workspace, and checks its projects: a project whose directory can't be reached becomes stale.",
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
            "Changes the name or the root path of a workspace.",
            ErrorCode.NOT_FOUND,
            ErrorCode.NAME_CONFLICT,
            ErrorCode.INVALID_STATE,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "workspace.delete",
            p.TransitionParams,
            None,
            "Removes a workspace without active sessions from the store; its name is free again.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _read(
            "workspace.get",
            p.GetParams,
            Workspace,
            "Returns the workspace with an id or a name (compared without case).",
            ErrorCode.NOT_FOUND,
        ),
        _read(
            "workspace.list",
            p.ListParams,
            list[Workspace],
            "Lists all workspaces, or those in one state, by creation time.",
        ),
        _prepared(
            "project.bind",
            p.BindParams,
            Workspace,
            "Binds a directory to a workspace. It must be readable, and not bound to the workspace yet.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.DUPLICATE_PROJECT,
            ErrorCode.PATH_UNREACHABLE,
        ),
        _task(
            "project.clone",
            p.CloneParams,
            Workspace,
            "Clones a git repository, then binds it to an existing workspace. It can take minutes, so later writes "
            "do not wait for it: its own write takes its turn when git is done.",
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
            "Removes a project from a workspace; its directory stays unchanged.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
        ),
        _prepared(
            "project.check",
            p.CheckProjectsParams,
            Workspace,
            "Checks whether the projects of a workspace can be reached, and makes them stale or active.",
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
            "Ends a session of this connection.",
            ErrorCode.NOT_FOUND,
        ),
        _read(
            "session.list",
            p.ListSessionsParams,
            list[Session],
            "Lists all sessions, or those of one workspace, by start time.",
        ),
        _read("store.getAll", p.NoParams, list[Workspace], "Returns all workspaces by creation time."),
        _read("store.getById", p.ByIdParams, Workspace | None, "Returns the workspace with an id, or null."),
        _read(
            "store.getByName",
            p.ByNameParams,
            Workspace | None,
            "Returns the workspace with a name (compared without case), or null.",
        ),
        _write(
            "store.save",
            p.SaveParams,
            Workspace,
            "Saves a workspace as given, new or in place of the one with its id; the store sets only its revision.",
            ErrorCode.NAME_CONFLICT,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write(
            "store.remove",
            p.RemoveParams,
            None,
            "Removes a workspace; an unknown id is no error.",
            ErrorCode.ACTIVE_SESSIONS,
        ),
        _write(
            "store.apply",
            p.ApplyParams,
            StoreRevision,
            "Saves and removes several workspaces in one commit, all or none.",
            ErrorCode.NAME_CONFLICT,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _write("store.flush", p.WriteParams, StoreRevision, "Writes both files again from memory."),
        _task(
            "store.check",
            p.NoParams,
            StoreCheck,
            "Checks the store's files on the disk.",
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
            "Makes a verified backup of the store.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.listBackups",
            p.NoParams,
            list[Backup],
            "Lists the backups that the daemon keeps, newest first.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.previewRestore",
            p.BackupSourceParams,
            StoreDifference,
            "Checks a backup, and returns the changes that restoring it would make.",
            *_FILE_ERRORS,
        ),
        _task(
            "store.restore",
            p.RestoreParams,
            StoreRevision,
            "Replaces the store's content with a backup, in one commit; the previous primary is kept in quarantine.",
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
            *_WRITE_ERRORS,
        ),
        _task(
            "store.salvage",
            p.NoParams,
            Salvage,
            "Returns the workspaces that can still be read in the files that the last recovery quarantined.",
            *_FILE_ERRORS,
        ),
        _read(
            "events.subscribe",
            p.SubscribeParams,
            StoreRevision,
            "Subscribes to events from now on, or since a revision, in place of an earlier subscription.",
        ),
        _read("events.unsubscribe", p.NoParams, None, "Ends the subscription."),
        _read("rpc.discover", p.NoParams, dict[str, Any], "Returns this table as an OpenRPC document."),
    )
}
"""Every method of the daemon, by name."""
