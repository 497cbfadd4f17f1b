/** A workspace store in the shape of an app's own, kept by the daemon. */

import { Client } from "./client.js";
import type { ConnectOptions } from "./options.js";
import type { Workspace, WorkspaceInput } from "./protocol.js";

/** A workspace without the daemon's own `revision`: what was saved comes back equal. */
export type StoredWorkspace = Omit<Workspace, "revision">;

/** The six methods of a workspace store. */
export interface WorkspaceStore {
  /** Resolves to all workspaces, by creation time. */
  getAll(): Promise<StoredWorkspace[]>;
  /** Resolves to the workspace with an id, or undefined. */
  getById(id: string): Promise<StoredWorkspace | undefined>;
  /** Resolves to the workspace with a name, compared without case, or undefined. */
  getByName(name: string): Promise<StoredWorkspace | undefined>;
  /** Saves a workspace as given, new or in place of the one with its id; resolves once that is durable. */
  save(workspace: WorkspaceInput): Promise<void>;
  /** Removes a workspace; an unknown id is no error. */
  remove(id: string): Promise<void>;
  /** Writes the store's files again. Every save is durable without it. */
  flush(): Promise<void>;
}

/** A workspace store that the daemon keeps, and its end. */
export interface DaemonStore extends WorkspaceStore {
  /** The client of this store, for all else: events, projects, the history. */
  readonly client: Client;
  /** Closes the client. */
  close(): Promise<void>;
}

/**
 * Connects to the daemon, and resolves to its store. It takes the options of `Client.connect`, and rejects with the same
 * errors.
 */
export async function createDaemonStore(options: ConnectOptions = {}): Promise<DaemonStore> {
  const client = await Client.connect(options);
  const { store } = client;
  return {
    client,
    getAll: async () => (await store.getAll()).map(withoutRevision),
    getById: async (id) => maybe(await store.getById({ id })),
    getByName: async (name) => maybe(await store.getByName({ name })),
    save: async (workspace) => void (await store.save({ workspace })),
    remove: async (id) => void (await store.remove({ id })),
    flush: async () => void (await store.flush()),
    close: () => client.close(),
  };
}

function maybe(workspace: Workspace | null): StoredWorkspace | undefined {
  return workspace === null ? undefined : withoutRevision(workspace);
}

function withoutRevision({ revision: _, ...stored }: Workspace): StoredWorkspace {
  return stored;
}
