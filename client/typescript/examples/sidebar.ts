/** A sidebar of the active workspaces, which stays right while the daemon restarts. Each line of input creates one. */

import { createInterface } from "node:readline";

import { Client, WorkspacedError, type Workspace } from "workspaced-client";

const client = await Client.connect({ autostart: true });
const active = new Map<string, Workspace>();

function show(): void {
  const names = [...active.values()].map((workspace) => workspace.name);
  console.log(`active: ${names.sort().join(", ")}`);
}

async function listAnew(): Promise<void> {
  active.clear();
  for (const workspace of await client.workspaces.list({ state: "active" }))
    active.set(workspace.id, workspace);
  show();
}

const events = await client.events(["workspace.*"]).ready();
await listAnew();

async function follow(): Promise<void> {
  for await (const event of events) {
    if (event.gap) {
      await listAnew();
      continue;
    }
    const { workspaceId, workspace } = event.payload;
    if (workspace?.state === "active") active.set(workspaceId, workspace);
    else active.delete(workspaceId);
    show();
  }
}

const following = follow();
for await (const name of createInterface(process.stdin)) {
  try {
    const { id } = await client.workspaces.create({ name, rootPath: `/srv/${name}` });
    console.log(`created ${name}: ${id}`);
  } catch (error) {
    if (!(error instanceof WorkspacedError)) throw error;
    console.log(`${error.kind}: ${error.message}`);
  }
}
await client.close();
await following;
