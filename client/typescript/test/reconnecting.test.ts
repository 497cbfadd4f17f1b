/** Calls through the restart and the kill of a daemon, and through answers that are lost. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { DaemonProcess, errorOf, ScriptedServer, until } from "./support.js";

const open: { close(): Promise<void> }[] = [];
after(async () => {
  for (const each of open) await each.close();
});

async function scripted(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start();
  open.push(server);
  return server;
}

test("writes go on through a kill and a restart, each applied once, and no answered one is lost", async () => {
  const daemon = await DaemonProcess.start();
  open.push(daemon);
  const client = await daemon.client();
  const answered: string[] = [];
  const writer = async (number: number): Promise<void> => {
    for (let turn = 0; turn < 12; turn++) {
      const { id } = await client.workspaces.create({ name: `${number}.${turn}`, rootPath: "/srv" });
      answered.push(id);
      if (turn % 2 === 1) await client.workspaces.delete({ id });
    }
  };
  const writers = Promise.all([writer(0), writer(1), writer(2)]);
  await until(() => answered.length >= 3);
  await daemon.restart("SIGKILL");
  await until(() => answered.length >= 12);
  await daemon.restart("SIGTERM");
  await writers;
  assert.equal(new Set(answered).size, 36);
  const kept = await client.store.getAll();
  assert.deepEqual(
    kept.map(({ name }) => name).sort(),
    [0, 1, 2].flatMap((each) => [0, 10, 2, 4, 6, 8].map((turn) => `${each}.${turn}`)).sort(),
  );
  const revisions = (await client.history.list({ limit: 1000 })).map(({ revision }) => revision);
  assert.equal(revisions.length, 36 + 18);
});

test("a write whose answer is lost is sent again with the same key, an answered one never", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = (_, answer) =>
    server.of("workspace.create").length === 2 ? answer.hangUp() : answer.result({ id: "ws_a" });
  await client.workspaces.create({ name: "a", rootPath: "/a" });
  await client.workspaces.create({ name: "b", rootPath: "/b" });
  await client.workspaces.create({ name: "c", rootPath: "/c", requestKey: "mine" });
  const sent = server.of("workspace.create").map(({ params }) => [params["name"], params["requestKey"]]);
  assert.deepEqual(
    sent.map(([name]) => name),
    ["a", "b", "b", "c"],
  );
  assert.equal(sent[1]![1], sent[2]![1]);
  assert.notEqual(sent[0]![1], sent[1]![1]);
  assert.match(String(sent[0]![1]), /^.{16,128}$/);
  assert.equal(sent[3]![1], "mine");
});

test("a daemon that hangs up at each attempt is called with pauses, which an abort ends", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = (_, answer) => answer.hangUp();
  const lost = await errorOf(client.workspaces.create({ name: "a", rootPath: "/a" }, { timeoutMs: 300 }));
  assert.deepEqual([lost.kind, lost.outcomeUnknown], ["connectionLost", true]);
  assert.ok(server.received.length < 60, `${server.received.length} attempts`);
  const abort = new AbortController();
  const call = assert.rejects(client.workspaces.list({}, { signal: abort.signal }), /never mind/);
  await until(() => server.of("workspace.list").length > 1);
  abort.abort(new Error("never mind"));
  await call;
});

test("a session is not begun twice, and its loss is told once", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = ({ method }, answer) =>
    method === "session.begin" ? answer.result({ id: "ss_1" }) : answer.result(null);
  await client.sessions.begin({ workspaceId: "ws_a" });
  server.script = (_, answer) => answer.hangUp();
  const lost = await errorOf(client.sessions.begin({ workspaceId: "ws_b" }));
  assert.equal(lost.kind, "connectionLost");
  assert.equal(lost.outcomeUnknown, true);
  assert.match(lost.message, /Whether it was applied is not known/);
  server.script = (_, answer) => answer.result([]);
  const told = await errorOf(client.sessions.list());
  assert.equal(told.kind, "sessionsLost");
  assert.deepEqual(told.data["sessionIds"], ["ss_1"]);
  assert.deepEqual(await client.sessions.list(), []);
  assert.equal(server.of("session.begin").length, 2);
});

test("a session that was ended is not missed", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = ({ method }, answer) => answer.result(method === "session.begin" ? { id: "ss_1" } : null);
  await client.sessions.begin({ workspaceId: "ws_a" });
  await client.sessions.end({ id: "ss_1" });
  server.hangUp();
  assert.equal(await client.workspaces.touch({ id: "ws_a" }), null);
});

test("a session that another client ended is not missed", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = ({ method }, answer) =>
    method === "session.end"
      ? answer.error(1001, "There is no session ss_1.", { kind: "notFound" })
      : answer.result(method === "session.begin" ? { id: "ss_1" } : null);
  await client.sessions.begin({ workspaceId: "ws_a" });
  assert.equal((await errorOf(client.sessions.end({ id: "ss_1" }))).kind, "notFound");
  server.hangUp();
  assert.equal(await client.workspaces.touch({ id: "ws_a" }), null);
});

test("a daemon that is stopping is asked again", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = (_, answer) =>
    server.received.length < 3
      ? answer.error(2005, "stopping", { kind: "shuttingDown" })
      : answer.result(null);
  assert.equal(await client.store.remove({ id: "ws_a" }), null);
  assert.equal(new Set(server.received.map(({ params }) => params["requestKey"])).size, 1);
});

test("without `reconnect`, a lost connection stays lost", async () => {
  const server = await scripted();
  const client = await server.client({ reconnect: false });
  server.script = (_, answer) => answer.hangUp();
  assert.equal((await errorOf(client.daemon.ping())).kind, "connectionLost");
  assert.equal((await errorOf(client.daemon.ping())).kind, "connectionLost");
  assert.equal(server.received.length, 1);
});

test("a call that finds no daemon ends in its time, and says what it knows", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = () => server.vanish();
  const lost = await errorOf(client.workspaces.create({ name: "a", rootPath: "/a" }, { timeoutMs: 150 }));
  assert.equal(lost.kind, "connectionLost");
  assert.equal(lost.outcomeUnknown, true);
  assert.equal((await errorOf(client.daemon.ping({}, { timeoutMs: 60 }))).kind, "notRunning");
});

test("a call without an answer ends in its time, and an answer that comes late is dropped", async () => {
  const server = await scripted();
  const client = await server.client();
  let late = (): void => undefined;
  server.script = (request, answer) => {
    if (request.method === "store.remove") late = () => answer.result(null);
    else answer.result("pong");
  };
  const error = await errorOf(client.store.remove({ id: "ws_a" }, { timeoutMs: 30 }));
  assert.equal(error.kind, "notResponding");
  assert.equal(error.outcomeUnknown, true);
  assert.match(error.message, /did not answer store\.remove within 0\.03 seconds/);
  await until(() => server.of("$/cancelRequest").length === 1);
  late();
  assert.equal(await client.daemon.ping(), "pong");
});

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("an answer that is there at the deadline counts, however late the process notices", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = (_, answer) => {
    answer.result("pong");
    block(100);
  };
  assert.equal(await client.daemon.ping({}, { timeoutMs: 50 }), "pong");
});

test("after the process was stopped past the deadline, the answer has another second", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = (_, answer) => {
    block(600);
    setTimeout(() => answer.result("pong"), 20);
  };
  assert.equal(await client.daemon.ping({}, { timeoutMs: 50 }), "pong");
});

test("an abort asks the daemon to cancel, and rejects with the signal's reason", async () => {
  const server = await scripted();
  const client = await server.client();
  const abort = new AbortController();
  server.script = ({ method }) => {
    if (method === "project.clone") abort.abort();
  };
  const clone = client.projects.clone({ workspaceId: "ws_a", gitUrl: "file:///a" }, { signal: abort.signal });
  await assert.rejects(clone, { name: "AbortError" });
  await until(() => server.of("$/cancelRequest").length === 1);
  assert.equal(server.of("$/cancelRequest")[0]!.params["id"], server.of("project.clone")[0]!.id);
});

test("an abort ends a call that waits for a daemon", async () => {
  const server = await scripted();
  const client = await server.client();
  const abort = new AbortController();
  server.greet = () => abort.abort(); // it accepts, and says nothing
  server.hangUp();
  await assert.rejects(client.daemon.ping({}, { signal: abort.signal }), { name: "AbortError" });
});

test("progress is told, and an error of the app's function gives the clone up", async () => {
  const server = await scripted();
  const client = await server.client();
  server.script = ({ method, id }, answer) => {
    const params = { id, phase: "Receiving objects", percent: 1, message: "" };
    if (method !== "project.clone") return;
    answer.raw(`${JSON.stringify({ jsonrpc: "2.0", method: "$/progress", params })}\n`);
    if (server.of("project.clone").length === 1) answer.result({ id: "ws_a" });
  };
  const phases: string[] = [];
  const params = { workspaceId: "ws_a", gitUrl: "file:///a" };
  await client.projects.clone(params, { onProgress: ({ phase }) => phases.push(phase) });
  assert.deepEqual(phases, ["Receiving objects"]);
  const onProgress = (): void => {
    throw new Error("the window is gone");
  };
  await assert.rejects(client.projects.clone(params, { onProgress }), /the window is gone/);
  await until(() => server.of("$/cancelRequest").length === 1);
});
