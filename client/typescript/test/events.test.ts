/** Streams of events: through restarts and kills, behind slow readers, and their ends. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Client, EventGap, EventStream, WorkspacedError, WorkspacedEvent } from "../src/index.js";
import { DaemonProcess, errorOf, ScriptedServer, until } from "./support.js";

let daemon: DaemonProcess;
let client: Client;
before(async () => {
  daemon = await DaemonProcess.start();
  client = await daemon.client();
});
after(() => daemon.close());

type Item = WorkspacedEvent | EventGap;

async function taken(events: AsyncIterator<Item, undefined>, count: number): Promise<Item[]> {
  const items: Item[] = [];
  while (items.length < count) {
    const { value } = await events.next();
    assert.ok(value !== undefined, "the stream ended");
    items.push(value);
  }
  return items;
}

/** An event as a line from a daemon. */
function event(topic: string, revision: number, sequence: number, payload: object = {}): string {
  const params = { topic, revision, sequence, timestamp: 0, correlationId: "", payload };
  return `${JSON.stringify({ jsonrpc: "2.0", method: "event", params })}\n`;
}

function nameOf(item: Item): string {
  assert.equal(item.topic, "workspace.created");
  return item.topic === "workspace.created" ? item.payload.name : "";
}

test("each event comes once through a kill, and typed payloads tell what changed", async () => {
  const losses: WorkspacedError[] = [];
  let found = 0;
  const options = { onLost: (error: WorkspacedError) => losses.push(error), onFound: () => found++ };
  const events = await client.events(["workspace.created"], options).ready();
  const names = Array.from({ length: 20 }, (_, number) => `event ${number}`);
  const create = async (some: string[]): Promise<void> => {
    for (const name of some) await client.workspaces.create({ name, rootPath: "/srv" });
  };
  await create(names.slice(0, 10));
  assert.deepEqual((await taken(events, 5)).map(nameOf), names.slice(0, 5));
  await daemon.restart("SIGKILL");
  await create(names.slice(10));
  assert.deepEqual((await taken(events, 15)).map(nameOf), names.slice(5));
  assert.ok(losses.length >= 1);
  assert.equal(found, 1);
  assert.equal(events.revision, (await client.daemon.status()).revision);
  await events.close();
});

test("a stream resumes at a revision, and `break` ends it", async () => {
  const { revision } = await client.daemon.status();
  const { id } = await client.workspaces.create({ name: "resumed", rootPath: "/srv" });
  await client.workspaces.close({ id });
  const topics: string[] = [];
  for await (const event of client.events(undefined, { since: revision })) {
    topics.push(event.topic ?? "gap");
    if (topics.length === 2) break;
  }
  assert.deepEqual(topics, ["workspace.created", "workspace.closed"]);
  await until(async () =>
    (await client.daemon.clients()).every(({ subscription }) => subscription === undefined),
  );
});

test("events that were missed for good are a gap, as a value", async () => {
  const { revision } = await client.daemon.status();
  const events = client.events(["workspace.*"], { since: revision + 1000 });
  const [first] = await taken(events, 1);
  assert.deepEqual(first, { gap: first!.gap });
  assert.ok(first!.gap!.to <= revision);
  assert.equal(events.revision, first!.gap!.to);
  await events.close();
});

test("a slow reader delays no call, and gets what it missed as a gap", async () => {
  const server = await ScriptedServer.start();
  const slow = await server.client();
  let sent = 0;
  let drained = 0;
  const pad = "x".repeat(10_000);
  server.script = ({ method }, answer) => {
    if (method === "daemon.ping") return answer.result("pong");
    answer.result({ revision: 0 });
    const send = (): void => {
      while (sent < 3000) {
        sent++;
        const line = event("workspace.created", sent, sent, { pad });
        if (!answer.raw(line)) return void answer.onDrain(send);
        drained = sent;
      }
    };
    send();
  };
  const events = await slow.events().ready();
  for (let turn = 0; turn < 500; turn++) assert.equal(await slow.daemon.ping(), "pong");
  assert.ok(drained < 1000, `${drained} events were read ahead`);
  const all = await taken(events, 3000);
  assert.deepEqual(
    all.map((event) => event.topic && event.revision),
    Array.from({ length: 3000 }, (_, index) => index + 1),
  );
  await server.close();
});

test("events that a connection sends again are told once, also those without a revision of their own", async () => {
  const server = await ScriptedServer.start();
  const other = await server.client();
  server.script = ({ params }, answer) => {
    answer.result({ revision: params["since"] ?? 7 });
    answer.raw(event("session.began", 7, 1) + event("session.began", 7, 2));
    if (server.received.length === 2)
      answer.raw(event("workspace.closed", 8, 1) + event("later.topic", 8, 1));
  };
  const events = other.events();
  await taken(events, 2);
  server.hangUp();
  assert.deepEqual(
    (await taken(events, 2)).map((each) => each.topic),
    ["workspace.closed", "later.topic"],
  );
  assert.equal(server.received[1]!.params["since"], 7);
  await server.close();
});

test("the events of another daemon are no repeats, though its numbers begin anew", async () => {
  const server = await ScriptedServer.start();
  const other = await server.client();
  const greet = server.greet;
  server.script = (_, answer) => {
    answer.result({ revision: 7 });
    answer.raw(event("session.began", 7, server.received.length === 1 ? 5 : 1));
  };
  const events = other.events();
  await taken(events, 1);
  server.greet = (request, answer) => {
    if (request.method === "daemon.status") answer.result({ pid: 1, startedAt: 2 });
    else greet(request, answer);
  };
  server.hangUp();
  const [again] = await taken(events, 1);
  assert.equal(again?.gap === undefined && again?.sequence, 1);
  await server.close();
});

test("a signal ends a stream, and so does its client", async () => {
  const abort = new AbortController();
  const events = client.events([], { signal: abort.signal });
  const waiting = events.next();
  abort.abort();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual(await client.events(undefined, { signal: AbortSignal.abort() }).next(), {
    done: true,
    value: undefined,
  });

  const closing = await daemon.client();
  const stream = closing.events();
  const [first, second] = [stream.next(), stream.next()];
  await closing.close();
  assert.deepEqual([(await first).done, (await second).done, (await stream.next()).done], [true, true, true]);
  assert.match((await errorOf(stream.ready())).message, /this stream was closed/);
});

test("a stream survives a daemon that ends with the connection in its backlog", async () => {
  const server = await ScriptedServer.start((_, answer) => answer.result({ revision: 1 }));
  const client = await server.client({ reconnect: false });
  let stream: EventStream | undefined;
  const lost = await new Promise<WorkspacedError>((resolve) => {
    stream = client.events(["workspace.*"], { onLost: resolve });
    server.vanish(); // in the same turn: the connection is made, and not accepted
    stream.ready().catch(resolve);
  });
  assert.equal(lost.kind, "notRunning");
  assert.match(lost.message, /it ended before it accepted the connection at/);
  await stream!.close();
  await server.close();
});

test("a topic that the daemon does not have is an error of the stream", async () => {
  const wrong = client.events(["workspace.moved" as never]);
  assert.equal((await errorOf(wrong.ready())).kind, "invalidParams");
  assert.match((await errorOf(wrong.next())).message, /workspace\.moved/);
  assert.equal((await wrong.next()).done, true);
  assert.throws(() => client.events([], { since: Number.NaN }), /`since` is NaN/);
});

test("nonsense ends a stream with a sentence, after what came before it", async () => {
  const server = await ScriptedServer.start();
  const other = await server.client();
  server.script = (_, answer) => {
    answer.result({ revision: 0 });
    answer.raw(event("events.gap", 3, 1, { from: 1, to: 3 }));
    answer.raw('{"jsonrpc":"2.0","method":"event","params":{"topic":7}}\n');
  };
  const events = other.events();
  assert.deepEqual((await events.next()).value, { gap: { from: 1, to: 3 } });
  const error = await errorOf(events.next());
  assert.equal(error.kind, "badAnswer");
  assert.match(
    error.message,
    /events\.subscribe got an answer that makes no sense: the payload of an event is no object/,
  );
  await server.close();
});
