/** The daemon's OpenRPC document, as a generator of another project reads it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { METHODS } from "../src/index.js";
import { DaemonProcess } from "./support.js";

const PACKAGE = join(import.meta.dirname, "../..");
const OUT = join(PACKAGE, "build", "openrpc");
const run = promisify(execFile);

test("open-rpc-typings makes types of it that compile strictly, with a type for each choice", async () => {
  const daemon = await DaemonProcess.start();
  const client = await daemon.client();
  await mkdir(OUT, { recursive: true });
  await writeFile(join(OUT, "openrpc.json"), JSON.stringify(await client.daemon.discover()));
  await daemon.close();

  const module = (...path: string[]): string => join(PACKAGE, "node_modules", ...path);
  const typings = [module("@open-rpc", "typings", "build", "cli.js"), "-d", join(OUT, "openrpc.json")];
  await run(process.execPath, [...typings, "--output-ts", OUT, "--name-ts", "api"]);
  const tsc = [
    module("typescript", "bin", "tsc"),
    "--ignoreConfig",
    "--strict",
    "--noEmit",
    join(OUT, "api.ts"),
  ];
  await run(process.execPath, tsc, { cwd: OUT }).catch((error) => assert.fail(error.stdout));

  const made = await readFile(join(OUT, "api.ts"), "utf-8");
  const choices = ["active", "stale", "dataLoss", "readOnly", "recent", "pong"];
  assert.deepEqual(
    choices.filter((choice) => !new RegExp(`^export type \\w+ = .*"${choice}"`, "m").test(made)),
    [],
  );
  const functions = [...made.matchAll(/^export type (\w+) = \(/gm)].map(([, name]) => name);
  assert.equal(functions.length, Object.keys(METHODS).length);
});
