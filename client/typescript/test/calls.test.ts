/** Calls of a real daemon: their results, their errors, and what they refuse to send. */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { after, before, test } from "node:test";

import { Client, ERROR_CODES, VERSION } from "../src/index.js";
import { DaemonProcess, errorOf, newHome } from "./support.js";

let daemon: DaemonProcess;
let client: Client;
before(async () => {
  daemon = await DaemonProcess.start();
  client = await daemon.client();
});
after(() => daemon.close());

test("the namespaces and `call` are the same calls", async () => {
  const shop = await client.workspaces.create({ name: "shop", rootPath: "/srv/shop", tags: ["web"] });
  assert.deepEqual(await client.call("workspace.get", { name: "SHOP" }), shop);
  assert.deepEqual(await client.call("store.getAll"), [shop]);
  assert.equal((await client.daemon.status()).version, VERSION);
  assert.equal((await client.workspaces.close({ id: shop.id, ifRevision: shop.revision })).state, "closed");
  const entries = await client.history.list({ workspaceId: shop.id, limit: 1 });
  assert.equal(entries[0]?.after?.state, "closed");
  assert.equal(entries[0]?.by.program, basename(process.argv[1]!));
  assert.equal(await client.store.getById({ id: "ws_none" }), null);
  assert.equal((await errorOf(client.workspaces.close({ id: shop.id }))).kind, "invalidState");
});

test("text is UTF-8, and metadata comes back as it was sent", async () => {
  const metadata = {
    "app.key": { "é😀": [1, 0.1, 1e300, -0.5, true, null, "\u2028\u0000"], __proto__x: {} },
  };
  const made = await client.workspaces.create({ name: "Grün 😀", rootPath: "/srv/ü", metadata });
  assert.equal(made.name, "Grün 😀");
  assert.deepEqual((await client.workspaces.get({ id: made.id })).metadata, metadata);
});

test("an error has the daemon's sentence, its kind, its code and its data", async () => {
  const taken = await client.workspaces.create({ name: "taken", rootPath: "/srv/t" });
  const error = await errorOf(client.workspaces.create({ name: "TAKEN", rootPath: "/srv/t" }));
  assert.equal(error.kind, "nameConflict");
  assert.equal(error.code, ERROR_CODES.nameConflict);
  assert.equal(error.data["id"], taken.id);
  assert.match(error.message, /TAKEN/);
  assert.equal(error.outcomeUnknown, false);
  assert.match(error.stack ?? "", /calls\.test/);
});

test("a line over the daemon's limit is told, and the next call connects again", async () => {
  const error = await errorOf(client.workspaces.create({ name: "x".repeat(3_000_000), rootPath: "/srv/x" }));
  assert.equal(error.kind, "invalidRequest");
  assert.match(error.message, /1,048,576 bytes/);
  assert.equal(await client.daemon.ping(), "pong");
});

test("many calls at once have each its own answer", async () => {
  const names = Array.from({ length: 3000 }, (_, number) => `none ${number}`);
  const errors = await Promise.all(names.map((name) => errorOf(client.workspaces.get({ name }))));
  assert.deepEqual(
    errors.map((error) => /none \d+/.exec(error.message)?.[0]),
    names,
  );
});

const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;
const throwing = {
  get "app.x"(): never {
    throw new Error("broken");
  },
};
const unsendable: [unknown, RegExp][] = [
  [{ ifRevision: Number.NaN }, /`ifRevision` is NaN, which is no JSON number/],
  [{ ifRevision: 1n }, /`ifRevision` is a bigint/],
  [{ metadata: { when: new Date() } }, /`metadata\.when` is a Date/],
  [{ metadata: { all: [1, new Map()] } }, /`metadata\.all\[1\]` is a Map/],
  [{ metadata: { all: [undefined] } }, /`metadata\.all\[0\]` is undefined/],
  [{ metadata: { act: () => 1 } }, /`metadata\.act` is a function/],
  [{ metadata: { url: new URL("file:///x") } }, /`metadata\.url` is a URL/],
  [{ metadata: { "\ud800": 1 } }, /`metadata` has a key with half of a surrogate pair/],
  [{ metadata: { own: { toJSON: () => 1 } } }, /`metadata\.own` is an object with a toJSON of its own/],
  [{ name: "\ud800" }, /`name` has half of a surrogate pair/],
  [{ metadata: cyclic }, /contains itself/],
  [{ metadata: throwing }, /threw an error/],
  ["shop", /its params are a string/],
  [["shop"], /its params are an array/],
];
for (const [params, message] of unsendable) {
  test(`what is no JSON value is not sent: ${message}`, async () => {
    const error = await errorOf(client.workspaces.update(params as never));
    assert.equal(error.kind, "unsendable");
    assert.match(error.message, message);
  });
}

test("a param that is undefined is absent, and null stands for absent", async () => {
  const made = await client.workspaces.create({ name: "absent", rootPath: "/srv/a", tags: undefined });
  assert.equal(made.tags, undefined);
  const params = { id: made.id, name: undefined, rootPath: null as never, tags: ["a"] };
  assert.deepEqual((await client.workspaces.update(params)).tags, ["a"]);
});

/** Never run: the compiler checks that each of these is wrong. */
export function mistyped(): unknown {
  return [
    // @ts-expect-error there is no such method
    client.call("workspace.creat", { name: "a", rootPath: "/a" }),
    // @ts-expect-error a param is missing
    client.workspaces.create({ name: "a" }),
    // @ts-expect-error the params of this method are required
    client.call("workspace.get"),
    // @ts-expect-error either of both
    client.workspaces.get({ id: "ws_a", name: "a" }),
    // @ts-expect-error no such state
    client.workspaces.list({ state: "open" }),
    // @ts-expect-error options follow the params
    client.daemon.status({ signal: AbortSignal.abort() }),
    // @ts-expect-error no such topic
    client.events(["workspace.moved"]),
    client.call("history.list"),
    client.call("history.list", {}, { timeoutMs: 1 }),
  ];
}

test("an abort before the call sends nothing, and rejects with the signal's reason", async () => {
  const signal = AbortSignal.abort(new Error("never mind"));
  await assert.rejects(
    client.workspaces.create({ name: "aborted", rootPath: "/srv/a" }, { signal }),
    /never mind/,
  );
  assert.equal((await errorOf(client.workspaces.get({ name: "aborted" }))).kind, "notFound");
});

test("an abort while the call is on its way to the connection sends nothing", async () => {
  const aborts = [new AbortController(), new AbortController()] as const;
  const calls = [
    client.workspaces.create({ name: "aborted", rootPath: "/srv/a" }, { signal: aborts[0].signal }),
    client.call("session.begin", { workspaceId: "ws_none" }, { signal: aborts[1].signal }),
  ].map((call) => assert.rejects(call, /never mind/));
  for (const abort of aborts) abort.abort(new Error("never mind"));
  await Promise.all(calls);
  assert.equal((await errorOf(client.workspaces.get({ name: "aborted" }))).kind, "notFound");
});

test("wrong options are refused with a sentence", async () => {
  await assert.rejects(Client.connect({ timeoutMs: 0 }), /timeoutMs must be more than 0, not 0/);
  await assert.rejects(Client.connect({ timeoutMs: "1" as never }), /timeoutMs must be a number/);
  await assert.rejects(Client.connect({ socketPath: 1 as never }), /socketPath must be a path as a string/);
  await assert.rejects(client.call(1 as never, {} as never), /The method must be a string/);
  assert.throws(() => client.events("workspace.*" as never), /topics must be an array/);
});

test("without a daemon the error says how to start one", async () => {
  const home = await newHome();
  const error = await errorOf(Client.connect({ socketPath: `${home}/none.sock` }));
  assert.equal(error.kind, "notRunning");
  assert.match(error.message, /there is no socket at .*none\.sock\. Start it with `workspacectl start`/);
  assert.match(
    (await errorOf(Client.connect({ socketPath: home }))).message,
    /a directory instead of a socket/,
  );
  await rm(home, { recursive: true });
});

test("a closed client says so", async () => {
  const closed = await daemon.client();
  const pending = errorOf(closed.sessions.list());
  await closed.close();
  await closed.close();
  assert.match((await pending).message, /this client was closed/);
  assert.match((await errorOf(closed.daemon.ping())).message, /this client was closed/);
  assert.throws(() => closed.events(), /this client was closed/);
});
