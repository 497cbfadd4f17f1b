/** The store in the shape of an app's own: what was saved comes back equal, also after a kill. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDaemonStore, type WorkspaceStore } from "../src/index.js";
import { DaemonProcess, errorOf, PATIENCE_MS } from "./support.js";

// The types of an older app, whose store this takes the place of.
interface OlderWorkspace {
  id: string;
  name: string;
  rootPath: string;
  state: "active" | "closed" | "deleted";
  createdAt: number;
  updatedAt: number;
  projects: {
    id: string;
    workspaceId: string;
    rootPath: string;
    gitUrl?: string | undefined;
    status: "active" | "stale";
    boundAt: number;
  }[];
}
interface OlderStore {
  getAll(): Promise<OlderWorkspace[]>;
  getById(id: string): Promise<OlderWorkspace | undefined>;
  getByName(name: string): Promise<OlderWorkspace | undefined>;
  save(workspace: OlderWorkspace): Promise<void>;
  remove(id: string): Promise<void>;
  flush(): Promise<void>;
}

function workspace(number: number): OlderWorkspace {
  const id = `ws_${number}`;
  const project = { workspaceId: id, rootPath: "/srv/ü", status: "stale" as const, boundAt: 5 };
  return {
    id,
    name: `Wörk ${number}`,
    rootPath: "/srv//as/./given/",
    state: "closed",
    createdAt: number,
    updatedAt: 3,
    projects: [
      { id: "proj_a", gitUrl: "https://ada@host/x.git", ...project },
      { id: "proj_b", ...project },
    ],
  };
}

test("it takes the place of an older app's store", async () => {
  const daemon = await DaemonProcess.start();
  const daemonStore = await createDaemonStore({ socketPath: daemon.socket, timeoutMs: PATIENCE_MS });
  const store: OlderStore & WorkspaceStore = daemonStore;
  assert.deepEqual(await store.getAll(), []);
  assert.equal(await store.getById("ws_1"), undefined);
  assert.equal(await store.getByName("Wörk 1"), undefined);

  const all = Array.from({ length: 10 }, (_, number) => workspace(number));
  await Promise.all(all.map((each) => store.save(each)));
  await daemon.restart("SIGKILL");
  assert.deepEqual(await store.getAll(), all);
  assert.deepEqual(await store.getById("ws_3"), all[3]);
  assert.deepEqual(await store.getByName("wÖRK 3"), all[3]);

  const found = await store.getById("ws_3");
  await store.save({ ...found!, state: "active", projects: [] });
  assert.deepEqual(await store.getById("ws_3"), { ...all[3], state: "active", projects: [] });
  await store.save({ ...all[4]!, projects: [{ ...all[4]!.projects[1]!, gitUrl: undefined }] });
  assert.equal(await store.remove("ws_3"), undefined);
  await store.remove("ws_3");
  assert.equal(await store.flush(), undefined);
  assert.equal((await store.getAll()).length, 9);
  assert.equal((await errorOf(store.save({ ...workspace(1), id: "1" }))).data["path"], "workspace.id");

  await daemonStore.close();
  assert.match((await errorOf(store.getAll())).message, /this client was closed/);
  await daemon.close();
  assert.equal((await errorOf(createDaemonStore({ socketPath: daemon.socket }))).kind, "notRunning");
});
