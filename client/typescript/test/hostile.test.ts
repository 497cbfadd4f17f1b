/** A peer that is no daemon, or one of another release: each ends in a sentence, and harms nothing else. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Conversation, PendingCall } from "../src/conversation.js";
import { LineSplitter } from "../src/framing.js";
import { Client } from "../src/index.js";
import { errorOf, ScriptedServer } from "./support.js";

let server: ScriptedServer;
let client: Client;
before(async () => {
  server = await ScriptedServer.start();
  client = await server.client();
});
after(() => server.close());

const nonsense: [string, string | Uint8Array, RegExp][] = [
  ["no JSON", "HTTP/1.1 400 Bad Request\n", /it is not JSON: “HTTP\/1\.1 400 Bad Request”/],
  ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), /it is not UTF-8/],
  ["no JSON-RPC", '{"id":1,"result":1}\n', /it is not JSON-RPC/],
  ["an array", "[]\n", /it is not JSON-RPC/],
  [
    "an answer to nothing",
    '{"jsonrpc":"2.0","id":999,"result":1}\n',
    /an answer to 999, which was never asked/,
  ],
  [
    "an id of another kind",
    '{"jsonrpc":"2.0","id":"1","result":1}\n',
    /an answer to "1", which was never asked/,
  ],
  ["an id that is no id", '{"jsonrpc":"2.0","id":{},"result":1}\n', /neither an answer nor a notification/],
  ["neither result nor error", '{"jsonrpc":"2.0","id":3}\n', /either a result or an error/],
  [
    "both",
    '{"jsonrpc":"2.0","id":3,"result":1,"error":{"code":1,"message":""}}\n',
    /either a result or an error/,
  ],
  [
    "an error without a message",
    '{"jsonrpc":"2.0","id":3,"error":{"code":1}}\n',
    /either a result or an error/,
  ],
  ["a result without an id", '{"jsonrpc":"2.0","id":null,"result":1}\n', /an answer has no id/],
  [
    "a request",
    '{"jsonrpc":"2.0","id":3,"method":"window/show","params":{}}\n',
    /neither an answer nor a notif/,
  ],
  ["control characters", '\u001b[2J{"a"\n', /it is not JSON: “�\[2J/],
];
for (const [what, bytes, problem] of nonsense) {
  test(`${what} is no answer, and the next call connects again`, async () => {
    server.script = (_, answer) => answer.raw(bytes);
    const error = await errorOf(client.workspaces.list());
    assert.equal(error.kind, "badAnswer");
    assert.match(error.message, problem);
    assert.match(error.message, /^workspace\.list got an answer that makes no sense: .*Check that/s);
    server.script = (_, answer) => answer.result("pong");
    assert.equal(await client.daemon.ping(), "pong");
  });
}

test("a greeting without a status is no daemon's", async () => {
  const other = await ScriptedServer.start();
  other.greet = (_, answer) => answer.result(null);
  const error = await errorOf(other.client());
  assert.equal(error.kind, "badAnswer");
  assert.match(error.message, /^daemon\.status got an answer that makes no sense: its result is no object/);
  other.greet = (_, answer) => answer.result({ recovery: null });
  await other.client();
  await other.close();
});

test("an answer that is cut off is a lost connection", async () => {
  const alone = await server.client({ reconnect: false });
  server.script = (_, answer) => {
    answer.raw('{"jsonrpc":');
    setImmediate(answer.hangUp);
  };
  assert.match((await errorOf(alone.workspaces.list())).message, /closed it in the middle of an answer/);
});

test("a line without end is refused at the limit", async () => {
  const lines = new LineSplitter(10);
  assert.deepEqual(lines.feed(Buffer.from("0123456789\n\n \t\r\nab")).map(String), ["0123456789"]);
  assert.deepEqual(lines.feed(Buffer.from("c\nxyz")).map(String), ["abc"]);
  assert.equal(lines.pendingBytes, 3);
  assert.deepEqual(lines.feed(Buffer.from("0\n01234567890\n1\n")).map(String), ["xyz0"]);
  assert.equal(lines.overflowed, true);
  assert.deepEqual(lines.feed(Buffer.from("1\n")), []);

  const conversation = new Conversation(10);
  const call = new PendingCall("store.flush", "{}");
  conversation.send(call);
  conversation.receive(Buffer.alloc(11, "x"));
  const error = await errorOf(call.outcome);
  assert.match(error.message, /one line has more bytes than any answer/);
  assert.equal(error.outcomeUnknown, true);
});

test("pieces of any size make the same lines", () => {
  const text = Buffer.from('{"é":"😀"}\n{}\n'.repeat(3));
  for (let size = 1; size < text.length; size++) {
    const lines = new LineSplitter();
    const found: string[] = [];
    for (let at = 0; at < text.length; at += size)
      found.push(...lines.feed(text.subarray(at, at + size)).map(String));
    assert.deepEqual(found, ['{"é":"😀"}', "{}", '{"é":"😀"}', "{}", '{"é":"😀"}', "{}"]);
  }
});

test("what a later release adds to an answer breaks nothing, and is there", async () => {
  const later = { id: "ws_a", name: "a", projects: [{ id: "proj_a", later: { deep: [1] } }], later: 1 };
  server.script = (_, answer) => {
    answer.raw('{"jsonrpc":"2.0","method":"$/later","params":{}}\n{"jsonrpc":"2.0","method":"$/bare"}\n');
    answer.result(later);
  };
  assert.deepEqual(await client.workspaces.get({ id: "ws_a" }), later);
  server.script = (_, answer) => answer.error(4001, "Something new.", { kind: "new", more: 1 });
  const error = await errorOf(client.workspaces.get({ id: "ws_a" }));
  assert.deepEqual(
    [error.code, error.kind, error.data["more"], error.message],
    [4001, "new", 1, "Something new."],
  );
});

test("a method or a param that only the client knows: the daemon is to be upgraded", async () => {
  server.script = (_, answer) =>
    answer.error(-32601, "There is no method 'workspace.usage'.", { kind: "methodNotFound" });
  assert.match(
    (await errorOf(client.workspaces.usage())).message,
    /older than this client .*, which knows this method: upgrade workspaced, then restart the daemon/,
  );
  assert.equal(
    (await errorOf(client.call("later.method" as never, {} as never))).message,
    "There is no method 'workspace.usage'.",
  );
  server.script = (_, answer) =>
    answer.error(-32602, "workspace.create: `tags` is unknown. It takes name.", {
      kind: "invalidParams",
      path: "tags",
    });
  const params = { name: "a", rootPath: "/a", tags: ["b"] };
  assert.match(
    (await errorOf(client.workspaces.create(params))).message,
    /which knows this param: upgrade workspaced/,
  );
  server.script = (_, answer) =>
    answer.error(-32602, "`tagz` is unknown.", { kind: "invalidParams", path: "tagz" });
  assert.doesNotMatch((await errorOf(client.workspaces.create(params))).message, /upgrade/);
});

for (const [range, advice] of [
  [{ minimum: 0, maximum: 0 }, /The daemon is older than this client .*upgrade workspaced/],
  [
    { minimum: 2, maximum: 9 },
    /The daemon is newer than this client .*: upgrade the package workspaced-client/,
  ],
] as const) {
  test(`a daemon of the protocol ${range.maximum}: the error says which of both to upgrade`, async () => {
    const other = await ScriptedServer.start();
    other.greet = ({ method }, answer) =>
      method === "daemon.hello"
        ? answer.error(1010, "Protocol 1 is not supported.", { kind: "protocolUnsupported", ...range })
        : answer.result({});
    const error = await errorOf(other.client());
    assert.equal(error.kind, "protocolUnsupported");
    assert.match(error.message, advice);
    await other.close();
  });
}

test("a recovery that nobody has acknowledged is told once", async () => {
  const damaged = await ScriptedServer.start((_, answer) => answer.result("pong"));
  const recovery = {
    outcome: "dataLoss",
    quarantined: [],
    acknowledged: false,
    occurredAt: 1e12,
    salvageableCount: 2,
  };
  damaged.greet = (_, answer) => answer.result({ recovery });
  const told: string[] = [];
  const watching = await damaged.client({ onRecovery: (message) => told.push(message) });
  damaged.hangUp();
  await watching.daemon.ping();
  assert.equal(told.length, 1);
  assert.match(
    told[0]!,
    /^All workspaces were lost at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: `workspacectl recovery salvage` can bring back 2 workspaces\.$/,
  );

  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  await damaged.client();
  damaged.greet = (_, answer) => answer.result({ recovery: { ...recovery, acknowledged: true } });
  await damaged.client({ onRecovery: () => assert.fail("it is acknowledged") });
  assert.equal((await warned).name, "RecoveryWarning");
  await damaged.close();
});
