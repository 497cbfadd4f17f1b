/** The client of workspaced for Node and Bun. */

export * from "./protocol.js";
export { Client } from "./client.js";
export {
  createDaemonStore,
  type DaemonStore,
  type StoredWorkspace,
  type WorkspaceStore,
} from "./daemon_store.js";
export { WorkspacedError, type ErrorKind, type LocalErrorKind } from "./errors.js";
export type { EventGap, WorkspacedEvent } from "./event_feed.js";
export type { EventStream } from "./events.js";
export type { CallOptions, CloneOptions, ConnectOptions, EventOptions } from "./options.js";
