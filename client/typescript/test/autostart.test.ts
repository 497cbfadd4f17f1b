/** A daemon that is started for a client: one, however many ask, and it outlives them. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";

import { Client, WorkspacedError } from "../src/index.js";
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
  for (const each of homes) {
    await endDaemon(each);
    await rm(each, { recursive: true });
  }
});

/** Ends the daemon that was started in a home, if any, before its directory goes. */
async function endDaemon(where: string): Promise<void> {
  try {
    const client = await Client.connect({ socketPath: join(where, "workspaced", "workspaced.sock") });
    const { pid } = await client.daemon.status();
    await client.close();
    process.kill(pid);
    await until(() => isGone(pid));
  } catch (error) {
    if (!(error instanceof WorkspacedError && error.kind === "notRunning")) throw error;
  }
}

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

const TOLD =
  "await connect().then((client) => client.close(), (error) => console.log(error.kind, error.message));";
const PID =
  "const client = await connect(); console.log((await client.daemon.status()).pid); await client.close();";

test("one daemon is started, however many programs ask, and it outlives them", async () => {
  const pids = await Promise.all([app(PID), app(PID)]);
  assert.equal(new Set(pids).size, 1, pids.join());
  assert.equal(await app(PID), pids[0]);
  assert.equal((await stat(join(home, "workspaced"))).mode & 0o777, 0o700);
  const log = join(home, ".local/state/workspaced/log/daemon.log");
  assert.equal((await stat(log)).mode & 0o777, 0o600);
  assert.match(await readFile(log, "utf-8"), /keeps its data in/);
});

test("a client with autostart starts one again after a crash", async () => {
  const told = await app(`
    const client = await connect();
    const { id } = await client.workspaces.create({ name: "kept", rootPath: "/srv" });
    process.kill((await client.daemon.status()).pid, "SIGKILL");
    console.log((await client.workspaces.get({ id })).name);
    await client.close();`);
  assert.equal(told, "kept");
});

test("where another program was faster, its daemon is waited for", async () => {
  // It does what a race does: its own daemon ends, because another one owns the data directory and comes up.
  const bin = join(home, "bin");
  await mkdir(bin);
  const loser = `#!/bin/sh\n"${WORKSPACED}" "$@" &\nexit 75\n`;
  await writeFile(join(bin, "workspaced"), loser, { mode: 0o755 });
  assert.match(await app(PID), /^\d+$/);
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test("where the user has switched it off, none is started", async () => {
  assert.match(await app(TOLD, { WORKSPACED_AUTOSTART: "Off" }), /^notRunning The daemon is not running/);
  const directory = join(home, ".config", "workspaced");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "config.toml"), "autostart = false\n");
  assert.match(await app(TOLD), /^notRunning The daemon is not running/);
});

test("a daemon that can't start says why", async () => {
  const told = await app(TOLD, { WORKSPACED_DATA_DIR: "/dev/null/data" });
  assert.match(
    told,
    /^notStarted The daemon could not be started: .*\/dev\/null.* \(its log is .*daemon\.log\)\. To see more, run `workspaced run`\.$/,
  );
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
