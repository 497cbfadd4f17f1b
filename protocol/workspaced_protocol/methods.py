"""The table of methods: the name, params, result, errors and description of each.

The dispatcher, both clients, the OpenRPC document and the reference page use this table. The fields of a
params struct are in the order of params by position.
"""

from dataclasses import replace
from typing import Any, Final, Literal

from workspaced_protocol import params as p
from workspaced_protocol.daemon_models import ConnectedClient, DaemonStatus, Hello
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.method import Method
from workspaced_protocol.models import (
    Backup,
    HistoryEntry,
    ResolvedPath,
    Salvage,
    Session,
    StoreCheck,
    StoreDifference,
    StoreRevision,
    Workspace,
    WorkspaceUsage,
)

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


def _not_repeatable(method: Method) -> Method:
    return replace(method, is_repeatable=False)


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
            "Creates an active workspace. The name loses white space at both ends, and the path loses empty and `.` "
            "components. A name that shows nothing or holds a control character is refused. Tags follow the rules of "
            "names and are sorted; of those that differ only in case, the first is kept.",
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
            "Changes the name, the root path, the tags or the metadata of a workspace, by the rules of "
            "`workspace.create`.",
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
            "Lists the workspaces, or those in one state, or those that have all of some tags (compared without case). "
            "The order is by creation time, by name (without case), or the last used first.",
        ),
        _task(
            "workspace.resolve",
            p.ResolveParams,
            ResolvedPath,
            "Returns the innermost workspace or project that holds a path. Whole components are compared: `/w/app` does "
            "not hold `/w/app-copy`. The path is compared as given. If nothing holds it, its real path is compared, "
            "without symbolic links. If several hold it by the same directory, a project comes before a root path, and "
            "an active workspace before a closed one. Deleted workspaces hold nothing.",
            ErrorCode.NOT_FOUND,
            ErrorCode.PATH_UNREACHABLE,
            ErrorCode.OVERLOADED,
            ErrorCode.SHUTTING_DOWN,
        ),
        _read(
            "workspace.touch",
            p.TouchParams,
            None,
            "Notes that a workspace was used just now. Nothing else changes: there is no new revision and no event. "
            "`workspace.open` and `session.begin` note a use, too.",
            ErrorCode.NOT_FOUND,
        ),
        _read(
            "workspace.usage",
            p.NoParams,
            list[WorkspaceUsage],
            "Lists the workspaces that were used, the highest score first. The score tells how often and how recently.",
        ),
        _read(
            "history.list",
            p.HistoryParams,
            list[HistoryEntry],
            "Lists the changes of all workspaces or of one, newest first. For the next page, set `before` to the "
            "revision of the last entry.",
        ),
        _write(
            "history.undo",
            p.UndoParams,
            Workspace | None,
            "Undoes a change: the workspace becomes what it was before. The result is null if there was none. An undo is "
            "a change of its own, and can be undone. It is refused if the workspace was changed again since then, if "
            "its name is taken by now, if it would remove a workspace with sessions, and if the history does not reach "
            "that far.",
            ErrorCode.NOT_FOUND,
            ErrorCode.NAME_CONFLICT,
            ErrorCode.ACTIVE_SESSIONS,
            ErrorCode.REVISION_CONFLICT,
        ),
        _prepared(
            "project.bind",
            p.BindParams,
            Workspace,
            "Binds a directory to a workspace. It must be readable, not bound to the workspace yet, and outside the "
            "daemon's data directory.",
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
            "do not wait for it: its own write takes its turn when git is done. No secret of the URL is kept or told.",
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
            "Begins a session in an active workspace. It ends with the connection. A workspace has one exclusive session "
            "at a time; sessions that are not exclusive may begin and go on beside it.",
            ErrorCode.NOT_FOUND,
            ErrorCode.INVALID_STATE,
            ErrorCode.CLAIMED,
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
            "Saves a workspace as given, but for secrets in URLs, new or in place of the one with its id; the store sets "
            "only its revision.",
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
        _write("store.flush", p.WriteParams, StoreRevision, "Writes the whole store again from memory."),
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
        _not_repeatable(
            _task(
                "store.backup",
                p.BackupParams,
                Backup,
                "Makes a verified backup of the store.",
                *_FILE_ERRORS,
            )
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
            p.SalvageParams,
            Salvage,
            "Returns the workspaces that are whole in the damaged files in quarantine, or in other files.",
            *_FILE_ERRORS,
        ),
        _not_repeatable(
            _read(
                "events.subscribe",
                p.SubscribeParams,
                StoreRevision,
                "Subscribes to events from now on, or since a revision, in place of an earlier subscription.",
            )
        ),
        _not_repeatable(_read("events.unsubscribe", p.NoParams, None, "Ends the subscription.")),
        _read("rpc.discover", p.NoParams, dict[str, Any], "Returns this table as an OpenRPC document."),
    )
}
"""Every method of the daemon, by name."""
