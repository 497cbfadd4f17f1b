// Made by protocol/typescript.py from the daemon's table of methods: change that, not this file.
/** The methods of a client, in namespaces. Each takes its params as one object, then options. */

import type {
  ApplyParams,
  Backup,
  BackupParams,
  BackupSourceParams,
  BeginSessionParams,
  BindParams,
  ByIdParams,
  ByNameParams,
  CheckProjectsParams,
  CloneParams,
  ConnectedClient,
  CreateParams,
  DaemonStatusReport,
  EndSessionParams,
  GetParams,
  Hello,
  HelloParams,
  HistoryEntry,
  HistoryParams,
  JsonObject,
  ListParams,
  ListSessionsParams,
  MethodName,
  Methods,
  NoParams,
  RemoveParams,
  ResolveParams,
  ResolvedPath,
  RestoreParams,
  Salvage,
  SalvageParams,
  SaveParams,
  Session,
  StoreCheckReport,
  StoreDifference,
  StoreRevision,
  TouchParams,
  TransitionParams,
  UnbindParams,
  UndoParams,
  UpdateParams,
  Workspace,
  WorkspaceUsageReport,
  WriteParams,
} from "./protocol.js";
import type { CallOptions, CloneOptions } from "./options.js";

/** Sends a call, and returns its result. */
export type Call = <M extends MethodName>(
  method: M, params: Methods[M]["params"], options?: CloneOptions,
) => Promise<Methods[M]["result"]>;

/** The daemon itself: its identity, its health, its clients. */
export class Daemon {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Returns the daemon's name and version; optional. An unsupported protocol version is refused.
   *
   * Errors of the daemon: protocolUnsupported, invalidParams, internalError.
   */
  hello(params: HelloParams, options?: CallOptions): Promise<Hello> {
    return this.#call("daemon.hello", params, options);
  }

  /**
   * Checks that the daemon answers.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  ping(params: NoParams = {}, options?: CallOptions): Promise<"pong"> {
    return this.#call("daemon.ping", params, options);
  }

  /**
   * Returns the status of the daemon and its store.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  status(params: NoParams = {}, options?: CallOptions): Promise<DaemonStatusReport> {
    return this.#call("daemon.status", params, options);
  }

  /**
   * Lists the connected clients and their requests in flight, oldest connection first.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  clients(params: NoParams = {}, options?: CallOptions): Promise<ConnectedClient[]> {
    return this.#call("daemon.clients", params, options);
  }

  /**
   * Returns this table as an OpenRPC document.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  discover(params: NoParams = {}, options?: CallOptions): Promise<JsonObject> {
    return this.#call("rpc.discover", params, options);
  }
}

/** The lifecycle of workspaces, and their use. */
export class Workspaces {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Creates an active workspace. The name loses white space at both ends, and the path loses empty and `.`
   * components. A name that shows nothing or holds a control character is refused. Tags follow the rules of
   * names and are sorted; of those that differ only in case, the first is kept.
   *
   * Errors of the daemon: nameConflict, writeTimeout, commitUnknown, storageFailure, overloaded,
   * shuttingDown, cancelled, invalidParams, internalError.
   */
  create(params: CreateParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("workspace.create", params, options);
  }

  /**
   * Opens a closed workspace, and checks its projects: a project whose directory can't be reached becomes
   * stale.
   *
   * Errors of the daemon: notFound, invalidState, revisionConflict, writeTimeout, commitUnknown,
   * storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  open(params: TransitionParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("workspace.open", params, options);
  }

  /**
   * Closes an active workspace.
   *
   * Errors of the daemon: notFound, invalidState, revisionConflict, writeTimeout, commitUnknown,
   * storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  close(params: TransitionParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("workspace.close", params, options);
  }

  /**
   * Changes the name, the root path, the tags or the metadata of a workspace, by the rules of
   * `workspace.create`.
   *
   * Errors of the daemon: notFound, nameConflict, invalidState, revisionConflict, writeTimeout,
   * commitUnknown, storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  update(params: UpdateParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("workspace.update", params, options);
  }

  /**
   * Removes a workspace without active sessions from the store; its name is free again.
   *
   * Errors of the daemon: notFound, invalidState, activeSessions, revisionConflict, writeTimeout,
   * commitUnknown, storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  delete(params: TransitionParams, options?: CallOptions): Promise<null> {
    return this.#call("workspace.delete", params, options);
  }

  /**
   * Returns the workspace with an id or a name (compared without case).
   *
   * Errors of the daemon: notFound, invalidParams, internalError.
   */
  get(params: GetParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("workspace.get", params, options);
  }

  /**
   * Lists the workspaces, or those in one state, or those that have all of some tags (compared without case).
   * The order is by creation time, by name (without case), or the last used first.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  list(params: ListParams = {}, options?: CallOptions): Promise<Workspace[]> {
    return this.#call("workspace.list", params, options);
  }

  /**
   * Returns the innermost workspace or project that holds a path. Whole components are compared: `/w/app`
   * does not hold `/w/app-copy`. The path is compared as given. If nothing holds it, its real path is
   * compared, without symbolic links. If several hold it by the same directory, a project comes before a root
   * path, and an active workspace before a closed one. Deleted workspaces hold nothing.
   *
   * Errors of the daemon: notFound, pathUnreachable, overloaded, shuttingDown, cancelled, invalidParams,
   * internalError.
   */
  resolve(params: ResolveParams, options?: CallOptions): Promise<ResolvedPath> {
    return this.#call("workspace.resolve", params, options);
  }

  /**
   * Notes that a workspace was used just now. Nothing else changes: there is no new revision and no event.
   * `workspace.open` and `session.begin` note a use, too.
   *
   * Errors of the daemon: notFound, invalidParams, internalError.
   */
  touch(params: TouchParams, options?: CallOptions): Promise<null> {
    return this.#call("workspace.touch", params, options);
  }

  /**
   * Lists the workspaces that were used, the highest score first. The score tells how often and how recently.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  usage(params: NoParams = {}, options?: CallOptions): Promise<WorkspaceUsageReport[]> {
    return this.#call("workspace.usage", params, options);
  }
}

/** The changes of all workspaces, and the way back. */
export class History {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Lists the changes of all workspaces or of one, newest first. For the next page, set `before` to the
   * revision of the last entry.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  list(params: HistoryParams = {}, options?: CallOptions): Promise<HistoryEntry[]> {
    return this.#call("history.list", params, options);
  }

  /**
   * Undoes a change: the workspace becomes what it was before. The result is null if there was none. An undo
   * is a change of its own, and can be undone. It is refused if the workspace was changed again since then,
   * if its name is taken by now, if it would remove a workspace with sessions, and if the history does not
   * reach that far.
   *
   * Errors of the daemon: notFound, nameConflict, activeSessions, revisionConflict, writeTimeout,
   * commitUnknown, storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  undo(params: UndoParams, options?: CallOptions): Promise<Workspace | null> {
    return this.#call("history.undo", params, options);
  }
}

/** The projects bound to workspaces: directories, and clones of git repositories. */
export class Projects {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Binds a directory to a workspace. It must be readable, not bound to the workspace yet, and outside the
   * daemon's data directory.
   *
   * Errors of the daemon: notFound, invalidState, duplicateProject, pathUnreachable, writeTimeout,
   * commitUnknown, storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  bind(params: BindParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("project.bind", params, options);
  }

  /**
   * Clones a git repository, then binds it to an existing workspace. It can take minutes, so later writes do
   * not wait for it: its own write takes its turn when git is done. No secret of the URL is kept or told.
   *
   * Errors of the daemon: notFound, invalidState, duplicateProject, pathUnreachable, gitUnavailable,
   * gitFailed, gitTimeout, writeTimeout, commitUnknown, storageFailure, overloaded, shuttingDown, cancelled,
   * invalidParams, internalError.
   */
  clone(params: CloneParams, options?: CloneOptions): Promise<Workspace> {
    return this.#call("project.clone", params, options);
  }

  /**
   * Removes a project from a workspace; its directory stays unchanged.
   *
   * Errors of the daemon: notFound, invalidState, writeTimeout, commitUnknown, storageFailure, overloaded,
   * shuttingDown, cancelled, invalidParams, internalError.
   */
  unbind(params: UnbindParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("project.unbind", params, options);
  }

  /**
   * Checks whether the projects of a workspace can be reached, and makes them stale or active.
   *
   * Errors of the daemon: notFound, invalidState, writeTimeout, commitUnknown, storageFailure, overloaded,
   * shuttingDown, cancelled, invalidParams, internalError.
   */
  check(params: CheckProjectsParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("project.check", params, options);
  }
}

/** Sessions mark a program as at work in a workspace. They end with the client's connection. */
export class Sessions {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Begins a session in an active workspace. It ends with the connection. A workspace has one exclusive
   * session at a time; sessions that are not exclusive may begin and go on beside it.
   *
   * Errors of the daemon: notFound, invalidState, claimed, writeTimeout, commitUnknown, storageFailure,
   * overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  begin(params: BeginSessionParams, options?: CallOptions): Promise<Session> {
    return this.#call("session.begin", params, options);
  }

  /**
   * Ends a session of this connection.
   *
   * Errors of the daemon: notFound, writeTimeout, commitUnknown, storageFailure, overloaded, shuttingDown,
   * cancelled, invalidParams, internalError.
   */
  end(params: EndSessionParams, options?: CallOptions): Promise<null> {
    return this.#call("session.end", params, options);
  }

  /**
   * Lists all sessions, or those of one workspace, by start time.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  list(params: ListSessionsParams = {}, options?: CallOptions): Promise<Session[]> {
    return this.#call("session.list", params, options);
  }
}

/** The store itself, without the rules of the lifecycle, and its upkeep. */
export class Store {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Returns all workspaces by creation time.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  getAll(params: NoParams = {}, options?: CallOptions): Promise<Workspace[]> {
    return this.#call("store.getAll", params, options);
  }

  /**
   * Returns the workspace with an id, or null.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  getById(params: ByIdParams, options?: CallOptions): Promise<Workspace | null> {
    return this.#call("store.getById", params, options);
  }

  /**
   * Returns the workspace with a name (compared without case), or null.
   *
   * Errors of the daemon: invalidParams, internalError.
   */
  getByName(params: ByNameParams, options?: CallOptions): Promise<Workspace | null> {
    return this.#call("store.getByName", params, options);
  }

  /**
   * Saves a workspace as given, but for secrets in URLs, new or in place of the one with its id; the store
   * sets only its revision.
   *
   * Errors of the daemon: nameConflict, activeSessions, revisionConflict, writeTimeout, commitUnknown,
   * storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  save(params: SaveParams, options?: CallOptions): Promise<Workspace> {
    return this.#call("store.save", params, options);
  }

  /**
   * Removes a workspace; an unknown id is no error.
   *
   * Errors of the daemon: activeSessions, writeTimeout, commitUnknown, storageFailure, overloaded,
   * shuttingDown, cancelled, invalidParams, internalError.
   */
  remove(params: RemoveParams, options?: CallOptions): Promise<null> {
    return this.#call("store.remove", params, options);
  }

  /**
   * Saves and removes several workspaces in one commit, all or none.
   *
   * Errors of the daemon: nameConflict, activeSessions, revisionConflict, writeTimeout, commitUnknown,
   * storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  apply(params: ApplyParams, options?: CallOptions): Promise<StoreRevision> {
    return this.#call("store.apply", params, options);
  }

  /**
   * Writes the whole store again from memory.
   *
   * Errors of the daemon: writeTimeout, commitUnknown, storageFailure, overloaded, shuttingDown, cancelled,
   * invalidParams, internalError.
   */
  flush(params: WriteParams = {}, options?: CallOptions): Promise<StoreRevision> {
    return this.#call("store.flush", params, options);
  }

  /**
   * Checks the store's files on the disk.
   *
   * Errors of the daemon: storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  check(params: NoParams = {}, options?: CallOptions): Promise<StoreCheckReport> {
    return this.#call("store.check", params, options);
  }

  /**
   * Clears the notice of a recovery or a data loss.
   *
   * Errors of the daemon: writeTimeout, commitUnknown, storageFailure, overloaded, shuttingDown, cancelled,
   * invalidParams, internalError.
   */
  acknowledgeRecovery(params: WriteParams = {}, options?: CallOptions): Promise<null> {
    return this.#call("store.acknowledgeRecovery", params, options);
  }

  /**
   * Makes a verified backup of the store.
   *
   * Errors of the daemon: storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  backup(params: BackupParams = {}, options?: CallOptions): Promise<Backup> {
    return this.#call("store.backup", params, options);
  }

  /**
   * Lists the backups that the daemon keeps, newest first.
   *
   * Errors of the daemon: storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  listBackups(params: NoParams = {}, options?: CallOptions): Promise<Backup[]> {
    return this.#call("store.listBackups", params, options);
  }

  /**
   * Checks a backup, and returns the changes that restoring it would make.
   *
   * Errors of the daemon: storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  previewRestore(params: BackupSourceParams, options?: CallOptions): Promise<StoreDifference> {
    return this.#call("store.previewRestore", params, options);
  }

  /**
   * Replaces the store's content with a backup, in one commit; the previous primary is kept in quarantine.
   *
   * Errors of the daemon: activeSessions, revisionConflict, writeTimeout, commitUnknown, storageFailure,
   * overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  restore(params: RestoreParams, options?: CallOptions): Promise<StoreRevision> {
    return this.#call("store.restore", params, options);
  }

  /**
   * Returns the workspaces that are whole in the damaged files in quarantine, or in other files.
   *
   * Errors of the daemon: storageFailure, overloaded, shuttingDown, cancelled, invalidParams, internalError.
   */
  salvage(params: SalvageParams = {}, options?: CallOptions): Promise<Salvage> {
    return this.#call("store.salvage", params, options);
  }
}
