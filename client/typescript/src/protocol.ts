// Made by protocol/typescript.py from the daemon's table of methods: change that, not this file.
/** The protocol of workspaced: its types, its methods and its errors. */

/** The release of this client. */
export const VERSION = "0.1.0";

/** The version of the protocol that this client speaks. */
export const PROTOCOL_VERSION = 1;

/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** Any JSON object. */
export type JsonObject = { [key: string]: JsonValue };

export type WorkspaceState = "active" | "closed" | "deleted";

export type WorkspaceSort = "created" | "name" | "recent";

export type ProjectStatus = "active" | "stale";

export type Unreachable = "missing" | "notADirectory" | "permission" | "timedOut" | "unusable";

export type RecoveryOutcome = "fresh" | "clean" | "recovered" | "dataLoss";

export type StoreState = "ok" | "degraded" | "readOnly";

export type Topic = "workspace.created" | "workspace.opened" | "workspace.closed" | "workspace.updated" | "workspace.deleted" | "project.bound" | "project.unbound" | "project.statusChanged" | "session.began" | "session.ended" | "store.recovered" | "store.dataLoss" | "store.degraded" | "store.ok";

/** A topic, or a pattern of topics. */
export type TopicPattern = Topic | "project.*" | "session.*" | "store.*" | "workspace.*";

/** The answer to `daemon.hello`. */
export interface Hello {
  server: string;
  version: string;
  protocol: number;
  capabilities: string[];
}

/**
 * The answer to `daemon.status`.
 *
 * `machine` is the daemon's machine: `machine` of workspaces and projects that lie there. It is absent if the
 * store belongs to one machine.
 */
export interface DaemonStatusReport {
  version: string;
  protocol: number;
  pid: number;
  dataDir: string;
  socket: string;
  startedAt: number;
  revision: number;
  workspaces: number;
  sessions: number;
  connections: number;
  recovery: RecoveryStatus;
  store: StoreStatus;
  commits: CommitStatistics;
  machine?: string;
}

/**
 * The result of the recovery at startup, and whether a user has acknowledged it.
 *
 * A file that another program edited while the daemon runs is told here too, until the daemon ends: `reason`
 * names the file, `quarantined` has the copy, and `outcome` stays.
 *
 * `salvageableCount` is the number of workspaces that `store.salvage` would find, and that can be brought
 * back now. It is absent once the recovery is acknowledged.
 */
export interface RecoveryStatus {
  outcome: RecoveryOutcome;
  quarantined: string[];
  acknowledged: boolean;
  reason?: string;
  occurredAt?: number;
  salvageableCount?: number;
}

/**
 * Whether writes succeed: `degraded` after a failed write, `readOnly` until the store is repaired or
 * reachable again.
 *
 * `since` is the time of the change to this state, absent if it is `ok`.
 */
export interface StoreStatus {
  state: StoreState;
  lastError?: string;
  since?: number;
}

/** The commits since the start. The percentiles cover the newest commits, in milliseconds. */
export interface CommitStatistics {
  count: number;
  requests: number;
  p50Ms: number;
  p95Ms: number;
}

/**
 * A connected client: its process, its requests, its subscription and its sessions.
 *
 * `program` is its name from `daemon.hello`, at most 100 characters, absent without a hello. `subscription`
 * is absent without one. `sessions` are the ids of its sessions.
 */
export interface ConnectedClient {
  connection: number;
  pid: number;
  uid: number;
  program?: string;
  connectedAt: number;
  requests: number;
  inFlight: InFlight;
  subscription?: Subscribed;
  sessions: string[];
}

/** The number of requests in flight, and at most ten of them, oldest first. */
export interface InFlight {
  count: number;
  oldest: RequestInFlight[];
}

/** A request without an answer, and its age in milliseconds. */
export interface RequestInFlight {
  method: string;
  forMs: number;
}

/** The topics and patterns of a subscription; absent for all topics. */
export interface Subscribed {
  topics?: string[];
}

/**
 * A name, a root path and a lifecycle state, with the projects bound to it.
 *
 * `tags` are at most 32; those that differ only in case are one. `metadata` is a JSON object that apps share:
 * by convention its keys are `app.key`, and it has at most 16 KiB as JSON. Both are absent if empty.
 * `machine` is the machine on which the root path lies; it is absent if the store belongs to one machine.
 */
export interface Workspace {
  id: string;
  name: string;
  rootPath: string;
  state: WorkspaceState;
  createdAt: number;
  updatedAt: number;
  revision: number;
  tags?: string[];
  metadata?: JsonObject;
  machine?: string;
  projects: ProjectBinding[];
}

/**
 * A directory, or a git clone, that belongs to a workspace. `gitUrl` never holds a secret.
 *
 * `machine` is the machine on which the directory lies; it is absent if the store belongs to one machine.
 */
export interface ProjectBinding {
  id: string;
  workspaceId: string;
  rootPath: string;
  gitUrl?: string;
  status: ProjectStatus;
  boundAt: number;
  machine?: string;
}

/**
 * The innermost workspace or project that holds a path.
 *
 * `project` is absent if the workspace's own root path holds it. `relativePath` leads to the path from the
 * root path of the project, or of the workspace; it is empty if they are the same.
 */
export interface ResolvedPath {
  workspace: Workspace;
  project?: ProjectBinding;
  relativePath: string;
}

/**
 * The last use of a workspace, and its score now.
 *
 * Each use adds 1 to the score. The score fades: after a week, half of it is left.
 */
export interface WorkspaceUsageReport {
  workspaceId: string;
  lastUsedAt: number;
  score: number;
}

/**
 * One change of a workspace.
 *
 * `before` and `after` are the workspace before and after the change, null if there was none. `by` is the
 * client that made the change, `method` its request, `at` the time, and `name` the name of the workspace
 * then. `revision` is the store's revision after the change; a change of several projects takes several
 * revisions, and this is the last of them. `correlationId` is also that of the change's events.
 */
export interface HistoryEntry {
  revision: number;
  at: number;
  method: string;
  workspaceId: string;
  name: string;
  before: Workspace | null;
  after: Workspace | null;
  by: Peer;
  correlationId: string;
}

/**
 * The process and the user of a client. `program` is its name from `daemon.hello`, absent without a hello.
 *
 * `machine` is the machine on which it ran; it is absent if the store belongs to one machine.
 */
export interface Peer {
  pid: number;
  uid: number;
  program?: string;
  machine?: string;
}

/**
 * A session of an app in a workspace. It ends with the app's connection.
 *
 * `exclusive` is absent unless it is true: then no other exclusive session can begin in the workspace
 * meanwhile. `machine` is the app's machine, absent where the store is not shared with others.
 */
export interface Session {
  id: string;
  workspaceId: string;
  label: string | null;
  pid: number;
  startedAt: number;
  exclusive?: boolean;
  machine?: string;
}

/** The store's revision after a write. */
export interface StoreRevision {
  revision: number;
}

/**
 * The answer to `store.check`.
 *
 * Of a SQLite store, `primary` is the database with its log. It has no snapshot: there the `reason` of
 * `snapshot` begins with `none`.
 */
export interface StoreCheckReport {
  primary: FileCheck;
  snapshot: FileCheck;
}

/**
 * The state of one of the store's files on the disk.
 *
 * `reason` says why the file is corrupted. For a file that is not corrupted, it says that the file is
 * missing, unreadable, written by a newer release, or valid but not what the daemon holds (edited, or another
 * store's).
 */
export interface FileCheck {
  corrupted: boolean;
  reason?: string;
}

/** A backup of the store: its name, its path, its time and its revision. */
export interface Backup {
  name: string;
  path: string;
  madeAt: number;
  revision: number;
}

/** The changes that a restore would make to the store at `revision`. */
export interface StoreDifference {
  revision: number;
  added: Workspace[];
  changed: Workspace[];
  removed: Workspace[];
}

/** The workspaces that are whole in damaged files, the newest version of each, and the files that were read. */
export interface Salvage {
  workspaces: Workspace[];
  files: string[];
}

/**
 * The params of a `$/progress` notification: the progress of the request with this id.
 *
 * `percent` is the progress of the phase, null if it is unknown. `message` is a line for people. The phase
 * “Warning” is no progress: its message tells of something that failed beside the task.
 */
export interface Progress {
  id: number | string | null;
  phase: string;
  percent: number | null;
  message: string;
}

/**
 * The params of an `event` notification.
 *
 * `sequence` rises by one per topic while the daemon runs, replayed events included. `revision` is the
 * store's revision; an event of a session or of the store's health has the revision of the last change before
 * it. `timestamp` is in Unix milliseconds. `peer` is the client that caused the event, absent if the daemon
 * caused it; then `correlationId` is empty.
 */
export interface EventNotification {
  topic: string;
  revision: number;
  sequence: number;
  timestamp: number;
  correlationId: string;
  peer?: Peer;
  payload: JsonObject;
}

/** Payload of `events.gap`: the first and the last revision whose events were missed. */
export interface EventsMissed {
  from: number;
  to: number;
}

/** Payload of `workspace.created`. */
export interface WorkspaceCreated {
  workspaceId: string;
  name: string;
  rootPath: string;
  workspace: Workspace | null;
  previous: Workspace | null;
  by: Peer;
}

/** Payload of `workspace.opened`, `closed`, `updated` and `deleted`. */
export interface WorkspaceChanged {
  workspaceId: string;
  workspace: Workspace | null;
  previous: Workspace | null;
  by: Peer;
}

/** Payload of `project.bound`. */
export interface ProjectBound {
  workspaceId: string;
  projectId: string;
  rootPath: string;
  gitUrl?: string;
  workspace: Workspace | null;
  previous: Workspace | null;
  by: Peer;
}

/** Payload of `project.unbound`. */
export interface ProjectUnbound {
  workspaceId: string;
  projectId: string;
  workspace: Workspace | null;
  previous: Workspace | null;
  by: Peer;
}

/** Payload of `project.statusChanged`: `reason` says why the project became stale. */
export interface ProjectStatusChanged {
  workspaceId: string;
  projectId: string;
  status: ProjectStatus;
  reason?: Unreachable;
  workspace: Workspace | null;
  previous: Workspace | null;
  by: Peer;
}

/** Payload of `session.began` and `session.ended`. */
export interface SessionChanged {
  sessionId: string;
  workspaceId: string;
}

/** Payload of `store.recovered` and `store.dataLoss`. */
export interface StoreRecovered {
  outcome: RecoveryOutcome;
  reason: string;
  quarantined: string[];
}

/** Payload of `store.degraded` and `store.ok`: `reason` says why writes fail, absent in `store.ok`. */
export interface StoreChanged {
  reason?: string;
}

/**
 * A name, a root path and a lifecycle state, with the projects bound to it.
 *
 * `tags` are at most 32; those that differ only in case are one. `metadata` is a JSON object that apps share:
 * by convention its keys are `app.key`, and it has at most 16 KiB as JSON. Both are absent if empty.
 * `machine` is the machine on which the root path lies; it is absent if the store belongs to one machine.
 *
 * This is its form in params: an unknown member is refused.
 */
export interface WorkspaceInput {
  id: string;
  name: string;
  rootPath: string;
  state: WorkspaceState;
  createdAt: number;
  updatedAt: number;
  revision?: number | undefined;
  tags?: readonly string[] | undefined;
  metadata?: { readonly [key: string]: unknown } | undefined;
  machine?: string | undefined;
  projects: readonly ProjectBindingInput[];
}

/**
 * A directory, or a git clone, that belongs to a workspace. `gitUrl` never holds a secret.
 *
 * `machine` is the machine on which the directory lies; it is absent if the store belongs to one machine.
 *
 * This is its form in params: an unknown member is refused.
 */
export interface ProjectBindingInput {
  id: string;
  workspaceId: string;
  rootPath: string;
  gitUrl?: string | undefined;
  status: ProjectStatus;
  boundAt: number;
  machine?: string | undefined;
}

/**
 * A change of the store: `save` is a workspace to save, `remove` the id of one to remove.
 *
 * This is its form in params: an unknown member is refused.
 */
export type ChangeInput =
  | { save: WorkspaceInput; remove?: undefined }
  | { save?: undefined; remove: string };

/** The id of the request to cancel. */
export interface CancelParams {
  id: number | string | null;
}

/** The client's name and its protocol version. */
export interface HelloParams {
  client: string;
  protocol: number;
}

/** No params. */
export type NoParams = Record<string, never>;

/** The name, the root path (absolute), the tags and the metadata of the new workspace. */
export interface CreateParams {
  name: string;
  rootPath: string;
  requestKey?: string | undefined;
  tags?: readonly string[] | undefined;
  metadata?: { readonly [key: string]: unknown } | undefined;
}

/** The workspace, and the revision that it must have. */
export interface TransitionParams {
  id: string;
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
}

/**
 * The workspace to change, its new name or root path, and the revision that it must have.
 *
 * `tags` replace all its tags. `metadata` is a merge patch (RFC 7386): it changes the keys that it holds, and
 * null removes a key.
 */
export interface UpdateParams {
  id: string;
  name?: string | undefined;
  rootPath?: string | undefined;
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
  tags?: readonly string[] | undefined;
  metadata?: { readonly [key: string]: unknown } | undefined;
}

/** Either an id or a name. */
export type GetParams =
  | { id: string; name?: undefined }
  | { id?: undefined; name: string };

/**
 * The state and the tags that a listed workspace must have, the order, and the largest number of workspaces.
 *
 * Absent: all workspaces, by creation time.
 */
export interface ListParams {
  state?: WorkspaceState | undefined;
  tags?: readonly string[] | undefined;
  sort?: WorkspaceSort | undefined;
  limit?: number | undefined;
}

/** The absolute path of a file or a directory. It need not exist. */
export interface ResolveParams {
  path: string;
}

/** The workspace that was used. */
export interface TouchParams {
  id: string;
}

/**
 * The id of a workspace (absent for all), a revision, and the largest number of changes.
 *
 * Only changes before the revision are listed. The number is 50 if absent, and at most 1,000.
 */
export interface HistoryParams {
  workspaceId?: string | undefined;
  before?: number | undefined;
  limit?: number | undefined;
}

/**
 * The revision of the change to undo, and the revision that the workspace must have.
 *
 * For a deleted workspace, the latter is the revision of its deletion.
 */
export interface UndoParams {
  revision: number;
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
}

/** The workspace, and the absolute path of the directory to bind. */
export interface BindParams {
  workspaceId: string;
  rootPath: string;
  requestKey?: string | undefined;
}

/**
 * The workspace, the repository, and the target directory.
 *
 * Without a target, the directory is named after the repository, in the workspace's root.
 */
export interface CloneParams {
  workspaceId: string;
  gitUrl: string;
  targetDir?: string | undefined;
  requestKey?: string | undefined;
}

/** The workspace, and the project to remove from it. */
export interface UnbindParams {
  workspaceId: string;
  projectId: string;
  requestKey?: string | undefined;
}

/** The workspace of the projects to check. */
export interface CheckProjectsParams {
  workspaceId: string;
  requestKey?: string | undefined;
}

/** The workspace, a label for people, and whether the session is exclusive. */
export interface BeginSessionParams {
  workspaceId: string;
  label?: string | undefined;
  exclusive?: boolean | undefined;
}

/** The session to end. */
export interface EndSessionParams {
  id: string;
}

/** The workspace of the sessions to list; absent for all. */
export interface ListSessionsParams {
  workspaceId?: string | undefined;
}

/** A workspace's id. */
export interface ByIdParams {
  id: string;
}

/** A workspace's name, compared without case. */
export interface ByNameParams {
  name: string;
}

/** The workspace to save, and the revision that the replaced workspace must have. */
export interface SaveParams {
  workspace: WorkspaceInput;
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
}

/** The id of the workspace to remove. */
export interface RemoveParams {
  id: string;
  requestKey?: string | undefined;
}

/** The changes, applied in order, and the revision that the store must have. */
export interface ApplyParams {
  changes: readonly ChangeInput[];
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
}

/** The request key: writes with the same key are applied only once. */
export interface WriteParams {
  requestKey?: string | undefined;
}

/** The absolute path of the new backup; absent for a backup that the daemon keeps. */
export interface BackupParams {
  path?: string | undefined;
}

/** The name of a backup, or the absolute path of a store's file of any version. */
export interface BackupSourceParams {
  source: string;
}

/** The name of a backup or the absolute path of a store's file, and the revision that the store must have. */
export interface RestoreParams {
  source: string;
  ifRevision?: number | undefined;
  requestKey?: string | undefined;
}

/** The absolute paths of the files to read; absent for the damaged files in quarantine. */
export interface SalvageParams {
  files?: readonly string[] | undefined;
}

/** The topics (names or patterns such as `workspace.*`; absent for all), and the last revision seen. */
export interface SubscribeParams {
  topics?: readonly string[] | undefined;
  since?: number | undefined;
}

/** The payload of each topic. */
export interface EventPayloads {
  "workspace.created": WorkspaceCreated;
  "workspace.opened": WorkspaceChanged;
  "workspace.closed": WorkspaceChanged;
  "workspace.updated": WorkspaceChanged;
  "workspace.deleted": WorkspaceChanged;
  "project.bound": ProjectBound;
  "project.unbound": ProjectUnbound;
  "project.statusChanged": ProjectStatusChanged;
  "session.began": SessionChanged;
  "session.ended": SessionChanged;
  "store.recovered": StoreRecovered;
  "store.dataLoss": StoreRecovered;
  "store.degraded": StoreChanged;
  "store.ok": StoreChanged;
}

/** The params and the result of each method. */
export interface Methods {
  "daemon.hello": { params: HelloParams; result: Hello };
  "daemon.ping": { params: NoParams; result: "pong" };
  "daemon.status": { params: NoParams; result: DaemonStatusReport };
  "daemon.clients": { params: NoParams; result: ConnectedClient[] };
  "workspace.create": { params: CreateParams; result: Workspace };
  "workspace.open": { params: TransitionParams; result: Workspace };
  "workspace.close": { params: TransitionParams; result: Workspace };
  "workspace.update": { params: UpdateParams; result: Workspace };
  "workspace.delete": { params: TransitionParams; result: null };
  "workspace.get": { params: GetParams; result: Workspace };
  "workspace.list": { params: ListParams; result: Workspace[] };
  "workspace.resolve": { params: ResolveParams; result: ResolvedPath };
  "workspace.touch": { params: TouchParams; result: null };
  "workspace.usage": { params: NoParams; result: WorkspaceUsageReport[] };
  "history.list": { params: HistoryParams; result: HistoryEntry[] };
  "history.undo": { params: UndoParams; result: Workspace | null };
  "project.bind": { params: BindParams; result: Workspace };
  "project.clone": { params: CloneParams; result: Workspace };
  "project.unbind": { params: UnbindParams; result: Workspace };
  "project.check": { params: CheckProjectsParams; result: Workspace };
  "session.begin": { params: BeginSessionParams; result: Session };
  "session.end": { params: EndSessionParams; result: null };
  "session.list": { params: ListSessionsParams; result: Session[] };
  "store.getAll": { params: NoParams; result: Workspace[] };
  "store.getById": { params: ByIdParams; result: Workspace | null };
  "store.getByName": { params: ByNameParams; result: Workspace | null };
  "store.save": { params: SaveParams; result: Workspace };
  "store.remove": { params: RemoveParams; result: null };
  "store.apply": { params: ApplyParams; result: StoreRevision };
  "store.flush": { params: WriteParams; result: StoreRevision };
  "store.check": { params: NoParams; result: StoreCheckReport };
  "store.acknowledgeRecovery": { params: WriteParams; result: null };
  "store.backup": { params: BackupParams; result: Backup };
  "store.listBackups": { params: NoParams; result: Backup[] };
  "store.previewRestore": { params: BackupSourceParams; result: StoreDifference };
  "store.restore": { params: RestoreParams; result: StoreRevision };
  "store.salvage": { params: SalvageParams; result: Salvage };
  "events.subscribe": { params: SubscribeParams; result: StoreRevision };
  "events.unsubscribe": { params: NoParams; result: null };
  "rpc.discover": { params: NoParams; result: JsonObject };
}

/** The name of a method. */
export type MethodName = keyof Methods;

/**
 * What the client knows of each method: whether it takes a request key, whether it may be sent again after a
 * lost connection, whether it may change something, and the names of its params.
 */
export const METHODS: Readonly<Record<MethodName, {
  takesKey: boolean; mayRepeat: boolean; mayWrite: boolean; params: readonly string[];
}>> = {
  "daemon.hello": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["client", "protocol"] },
  "daemon.ping": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "daemon.status": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "daemon.clients": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "workspace.create": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["name", "rootPath", "requestKey", "tags", "metadata"] },
  "workspace.open": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["id", "ifRevision", "requestKey"] },
  "workspace.close": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["id", "ifRevision", "requestKey"] },
  "workspace.update": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["id", "name", "rootPath", "ifRevision", "requestKey", "tags", "metadata"] },
  "workspace.delete": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["id", "ifRevision", "requestKey"] },
  "workspace.get": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["id", "name"] },
  "workspace.list": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["state", "tags", "sort", "limit"] },
  "workspace.resolve": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["path"] },
  "workspace.touch": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["id"] },
  "workspace.usage": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "history.list": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["workspaceId", "before", "limit"] },
  "history.undo": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["revision", "ifRevision", "requestKey"] },
  "project.bind": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["workspaceId", "rootPath", "requestKey"] },
  "project.clone": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["workspaceId", "gitUrl", "targetDir", "requestKey"] },
  "project.unbind": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["workspaceId", "projectId", "requestKey"] },
  "project.check": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["workspaceId", "requestKey"] },
  "session.begin": { takesKey: false, mayRepeat: false, mayWrite: true, params: ["workspaceId", "label", "exclusive"] },
  "session.end": { takesKey: false, mayRepeat: false, mayWrite: true, params: ["id"] },
  "session.list": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["workspaceId"] },
  "store.getAll": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "store.getById": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["id"] },
  "store.getByName": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["name"] },
  "store.save": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["workspace", "ifRevision", "requestKey"] },
  "store.remove": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["id", "requestKey"] },
  "store.apply": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["changes", "ifRevision", "requestKey"] },
  "store.flush": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["requestKey"] },
  "store.check": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "store.acknowledgeRecovery": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["requestKey"] },
  "store.backup": { takesKey: false, mayRepeat: false, mayWrite: false, params: ["path"] },
  "store.listBackups": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
  "store.previewRestore": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["source"] },
  "store.restore": { takesKey: true, mayRepeat: true, mayWrite: true, params: ["source", "ifRevision", "requestKey"] },
  "store.salvage": { takesKey: false, mayRepeat: true, mayWrite: false, params: ["files"] },
  "events.subscribe": { takesKey: false, mayRepeat: false, mayWrite: false, params: ["topics", "since"] },
  "events.unsubscribe": { takesKey: false, mayRepeat: false, mayWrite: false, params: [] },
  "rpc.discover": { takesKey: false, mayRepeat: true, mayWrite: false, params: [] },
};

/** The code of each kind of error that the daemon answers with. */
export const ERROR_CODES = {
  /** The line is not JSON in UTF-8. */
  parseError: -32700,
  /** The JSON is not a request object, or the line is too long. */
  invalidRequest: -32600,
  /** There is no method of this name. */
  methodNotFound: -32601,
  /** A param is wrong, missing or unknown; `data.path` names it. */
  invalidParams: -32602,
  /** The daemon has a defect; its log has the details. */
  internalError: -32603,
  /** The request was cancelled by `$/cancelRequest`. */
  cancelled: -32800,
  /** There is no such workspace, project or session; or no such change in the history, whose oldest revision is `data.oldest` (null if it is empty). */
  notFound: 1001,
  /** The name is taken; `data.id` is the workspace that holds it. */
  nameConflict: 1002,
  /** The transition is not allowed; `data.state` is the current state, `data.required` the required one. */
  invalidState: 1003,
  /** The workspace has `data.count` active sessions: close them first. */
  activeSessions: 1004,
  /** `ifRevision` did not match, or the workspace was changed again after the change to undo; `data.revision` is the current revision. */
  revisionConflict: 1005,
  /** This directory is already bound to the workspace. */
  duplicateProject: 1006,
  /** A project's directory is missing or unreadable. */
  pathUnreachable: 1007,
  /** Another exclusive session is at work in the workspace; `data.session` is that session. */
  claimed: 1008,
  /** The daemon does not support this protocol version; it supports `data.minimum` to `data.maximum`. */
  protocolUnsupported: 1010,
  /** The write waited too long in the queue: it was not applied, and never will be. */
  writeTimeout: 2001,
  /** The outcome of the write is unknown; `data.revision` is the store's revision if it was applied. */
  commitUnknown: 2002,
  /** The disk refused the write: it was not applied; `data.errno` is the system's error number. */
  storageFailure: 2003,
  /** The daemon has no room for the request, for example because the write queue is full: it was not applied. */
  overloaded: 2004,
  /** The daemon is stopping: the write was not applied. */
  shuttingDown: 2005,
  /** git could not be started; `data.stderr` is empty. */
  gitUnavailable: 3001,
  /** git could not clone the repository; `data.stderr` is its output. */
  gitFailed: 3002,
  /** git did not finish in time; `data.stderr` is its output so far. */
  gitTimeout: 3003,
} as const;

/** The kind of an error that the daemon answers with. */
export type DaemonErrorKind = keyof typeof ERROR_CODES;

/** The environment variables that a daemon gets which is started for a client. */
export const INHERITED = {
  names: ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "SSH_AUTH_SOCK", "TMPDIR", "TZ", "USER"],
  families: ["GIT_", "LC_", "SSL_CERT_", "WORKSPACED_", "XDG_"],
  proxies: ["all_proxy", "http_proxy", "https_proxy", "no_proxy"],
  gitNames: ["GIT_ALLOW_PROTOCOL", "GIT_ASKPASS", "GIT_ATTR_NOSYSTEM", "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_CURL_VERBOSE", "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT", "GIT_PROTOCOL_FROM_USER", "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR",
    "GIT_TERMINAL_PROMPT"],
  gitFamilies: ["GIT_HTTP_", "GIT_LFS_", "GIT_PROXY_SSL_", "GIT_SSH", "GIT_SSL_", "GIT_TRACE"],
  gitInvocation: ["GIT_TRACE2_PARENT_"],
} as const;
