/** The documents' examples and the example app: typed strictly, and run against a real daemon. */

import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { DaemonProcess, environmentAt, PATIENCE_MS, until } from "./support.js";

const PACKAGE = join(import.meta.dirname, "../..");
const BUILT = join(PACKAGE, "build", "examples");
const TSC = join(PACKAGE, "node_modules", "typescript", "bin", "tsc");
const ROOT = join(PACKAGE, "../..");
const DOCUMENTS = ["client/typescript/README.md", "docs/integrate/typescript.md"];
const run = promisify(execFile);

let daemon: DaemonProcess;
let names: string[];
const leftovers: ChildProcess[] = [];
before(async () => {
  await rm(BUILT, { recursive: true, force: true });
  await mkdir(BUILT, { recursive: true });
  names = [];
  for (const document of DOCUMENTS) {
    const text = await readFile(join(ROOT, document), "utf-8");
    for (const [, code] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
      names.push(`example-${names.length + 1}`);
      await writeFile(join(BUILT, `${names.at(-1)}.ts`), code!);
    }
  }
  await writeFile(join(BUILT, "sidebar.ts"), await readFile(join(PACKAGE, "examples", "sidebar.ts")));
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { rootDir: ".", outDir: "out", declaration: false },
    include: ["*.ts"],
  };
  await writeFile(join(BUILT, "tsconfig.json"), JSON.stringify(config));
  daemon = await DaemonProcess.start();
});
after(async () => {
  for (const app of leftovers) app.kill("SIGKILL"); // of a test that failed
  await daemon.close();
});

test("the examples are typed strictly, and run", async () => {
  await run(process.execPath, [TSC, "--project", BUILT]).catch((error) => assert.fail(error.stdout));
  assert.ok(names.length >= 7);
  const client = await daemon.client();
  for (const name of names) {
    for (const { id } of await client.store.getAll()) await client.store.remove({ id });
    const created = await readFile(join(BUILT, `${name}.ts`), "utf-8");
    if (!/name: "(shop|seen)"/.test(created))
      await client.workspaces.create({ name: "shop", rootPath: "/home/ada/shop" });
    await run(process.execPath, [join(BUILT, "out", `${name}.js`)], {
      env: environment(),
      timeout: PATIENCE_MS,
    });
  }
});

test("the example app of fifty lines stays right through a restart and a kill", async () => {
  const client = await daemon.client();
  for (const { id } of await client.store.getAll()) await client.store.remove({ id });
  const source = await readFile(join(PACKAGE, "examples", "sidebar.ts"), "utf-8");
  assert.ok(source.trimEnd().split("\n").length <= 50);

  const app = spawn(process.execPath, [join(BUILT, "out", "sidebar.js")], {
    env: environment(),
    stdio: ["pipe", "pipe", "inherit"],
  });
  leftovers.push(app);
  const printed: string[] = [];
  createInterface(app.stdout).on("line", (line) => printed.push(line));
  const says = (line: RegExp): Promise<void> =>
    until(() => {
      assert.equal(app.exitCode, null);
      return printed.some((each) => line.test(each));
    });
  await says(/^active: $/);
  app.stdin.write("a\nA\n");
  await says(/^created a: ws_/);
  await says(/^nameConflict: .*A/);
  await daemon.end("SIGKILL");
  app.stdin.write("b\n"); // while there is no daemon
  await daemon.begin();
  await says(/^created b: ws_/);
  const shop = await client.workspaces.create({ name: "c", rootPath: "/srv/c" });
  await says(/^active: a, b, c$/);
  await daemon.end("SIGTERM");
  const closing = client.workspaces.close({ id: shop.id });
  app.stdin.write("d\n");
  await daemon.begin();
  await closing;
  await says(/^created d: ws_/);
  const shown = (): string[] => printed.filter((line) => line.startsWith("active: "));
  await until(() => shown().at(-1) === "active: a, b, d"); // an answer may be printed after the last event
  app.stdin.end();
  assert.deepEqual(await once(app, "exit"), [0, null]);
  assert.deepEqual(
    (await client.workspaces.list({ state: "active", sort: "name" })).map(({ name }) => name),
    ["a", "b", "d"],
  );
});

/** The daemon is the test's: no app starts another one. */
function environment(): Record<string, string> {
  return { ...environmentAt(daemon.home), WORKSPACED_SOCKET: daemon.socket, WORKSPACED_AUTOSTART: "0" };
}
