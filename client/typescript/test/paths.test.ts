/** The socket's path, by samples that the daemon's own rules answered (protocol/socket_path_samples.py). */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { readSetting } from "../src/config_file.js";
import { socketPath, thisMachine } from "../src/paths.js";
import { errorOf, newHome } from "./support.js";

interface Sample {
  about: string;
  platform: "linux" | "darwin";
  explicit: string | null;
  env: Record<string, string>;
  own: string[];
  files: Record<string, string>;
  path?: string;
  problem?: string;
}

const HOME = "/home/ada";
const samples = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/socket_paths.json"), "utf-8"),
) as Sample[];

function machineOf(sample: Sample): typeof thisMachine {
  return {
    platform: sample.platform,
    env: { HOME, ...sample.env },
    uid: 1000,
    isOwnDirectory: async (path) => sample.own.includes(path),
    read: async (path) => {
      const text = sample.files[path.replace(HOME, "~")];
      return text === undefined ? undefined : Buffer.from(text);
    },
    homeOfSystem: () => HOME,
  };
}

for (const sample of samples) {
  test(`the socket's path: ${sample.about}`, async () => {
    const path = socketPath(sample.explicit ?? undefined, machineOf(sample));
    if (sample.path !== undefined) {
      assert.equal(await path, sample.path);
    } else {
      const error = await errorOf(path);
      assert.equal(error.kind, "unusableSocketPath");
      assert.ok(error.message.replaceAll('"', "'").startsWith(sample.problem!), error.message);
    }
  });
}

test("this machine's files are read as they are", async () => {
  const home = await newHome();
  const machine = { ...thisMachine, platform: "linux" as const, uid: thisMachine.uid, env: { HOME: home } };
  const file = join(home, ".config", "workspaced", "config.toml");
  await mkdir(join(home, ".config", "workspaced"), { recursive: true });
  await writeFile(file, `socket = "${home}/mine.sock"\n`);
  assert.equal(await socketPath(undefined, machine), `${home}/mine.sock`);
  await writeFile(file, Buffer.from([0x73, 0xff]));
  assert.match((await errorOf(socketPath(undefined, machine))).message, /config\.toml is not UTF-8/);
  await writeFile(file, "#".repeat(2 ** 20 + 1));
  assert.match((await errorOf(socketPath(undefined, machine))).message, /is larger than 1 MiB/);
  await rm(file);
  execFileSync("mkfifo", [file]);
  assert.match((await errorOf(socketPath(undefined, machine))).message, /is a pipe/);
  await rm(file);
  await mkdir(file);
  assert.match((await errorOf(socketPath(undefined, machine))).message, /config\.toml can't be read/);
  const run = join(home, "run");
  await mkdir(run);
  assert.equal(await thisMachine.isOwnDirectory(run), true);
  assert.equal(await thisMachine.isOwnDirectory(join(home, "none")), false);
  assert.equal(await thisMachine.isOwnDirectory(file.replace("config.toml", "")), true);
  await chmod(run, 0o500);
  assert.equal(await thisMachine.isOwnDirectory(run), thisMachine.uid === 0);
  await rm(home, { recursive: true });
});

test("a path that no file can have, or of another user's home, is refused", async () => {
  assert.match((await errorOf(socketPath("/a\0b"))).message, /No file can have the name "\/a\\u0000b"/);
  assert.match((await errorOf(socketPath("~ada/d.sock"))).message, /begins with the name of a user/);
});

test("any text is a setting, none, or a problem in a sentence with its line", () => {
  const pieces = [
    "socket",
    " = ",
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "\\u00e9",
    "[",
    "]",
    "{",
    "}",
    "#",
    "\n",
    ",",
    "1",
    "a.b",
    "=",
    "\r\n",
    "é",
  ];
  let seed = 1;
  const next = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: next(12) }, () => pieces[next(pieces.length)]).join("");
    try {
      readSetting(text, "socket");
    } catch (error) {
      assert.match((error as Error).message, /, in line \d+$/, text);
    }
  }
});
