/** A daemon that is started for a client: one, however many ask, and it outlives them. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";

import { environmentAt, newHome, PATIENCE_MS, until, WORKSPACED } from "./support.js";

const CLIENT = join(import.meta.dirname, "../src/index.js");
const run = promisify(execFile);
const homes: string[] = [];
let home: string;
before(() => assert.ok(WORKSPACED.endsWith("/workspaced")));
beforeEach(async () => {
  home = await newHome();
  homes.push(home);
});
after(async () => {
  for (const each of homes) await rm(each, { recursive: true });
});

/** Runs a program in a process of its own, in this home; returns what it prints. */
async function app(code: string, env: Record<string, string> = {}): Promise<string> {
  const program = `import { Client } from ${JSON.stringify(CLIENT)};
    const connect = () => Client.connect({ autostart: true, timeoutMs: ${PATIENCE_MS} });
    ${code}`;
  const bin = join(home, "bin");
  await mkdir(bin, { recursive: true });
  await symlink(WORKSPACED, join(bin, "workspaced")).catch(() => undefined); // it is there
  const PATH = `${bin}:${process.env["PATH"]}`;
  await writeFile(join(home, "app.mjs"), program);
  const { stdout } = await run(process.execPath, [join(home, "app.mjs")], {
    env: { ...environmentAt(home), PATH, XDG_RUNTIME_DIR: home, ...env },
    cwd: home,
  });
  return stdout.trim();
}

const PID = "const client = await connect(); console.log((await client.daemon.status()).pid); await client.close();";

test("one daemon is started, however many programs ask, and it outlives them", async () => {
  const pids = await Promise.all([app(PID), app(PID), app(PID)]);
  const pid = Number(pids[0]);
  try {
    assert.equal(new Set(pids).size, 1, pids.join());
    assert.equal(await app(PID), pids[0]);
    assert.equal((await stat(join(home, "workspaced"))).mode & 0o777, 0o700);
    const log = join(home, ".local/state/workspaced/log/daemon.log");
    assert.equal((await stat(log)).mode & 0o777, 0o600);
    assert.match(await readFile(log, "utf-8"), /keeps its data in/);
  } finally {
    process.kill(pid);
    await until(() => isGone(pid));
  }
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

const TOLD = "await connect().catch((error) => console.log(error.kind, error.message));";

test("WORKSPACED_AUTOSTART=0 starts none", async () => {
  assert.match(await app(TOLD, { WORKSPACED_AUTOSTART: "0" }), /^notRunning The daemon is not running/);
});

test("a daemon that can't start says why", async () => {
  const told = await app(TOLD, { WORKSPACED_DATA_DIR: "/dev/null/data" });
  assert.match(told, /^notStarted The daemon could not be started: .*\/dev\/null.* \(its log is .*daemon\.log\)\. To see more, run `workspaced run`\.$/);
});

test("without the program, the error says so", async () => {
  const told = await app(TOLD, { PATH: "/nowhere:relative" });
  assert.match(told, /there is no program `workspaced` on the PATH/);
});

test("a socket's directory that can't be made is told", async () => {
  await writeFile(join(home, "file"), "");
  const told = await app(TOLD, { WORKSPACED_SOCKET: join(home, "file/d.sock") });
  assert.match(told, /^notStarted .*a directory or the log can't be made/);
});
