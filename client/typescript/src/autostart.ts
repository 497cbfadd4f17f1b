/**
 * Start the daemon if none runs: one, however many programs ask at the same moment.
 *
 * The strategy: each starts its own, and the lock of the data directory lets one live. The others end with exit code
 * 75, and their starters wait for the one that lives. It outlives them: it has a session of its own, and none of their
 * files.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, mkdir, open, rename, stat, type FileHandle } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";

import { openSocket } from "./connecting.js";
import { isOfKind, WorkspacedError } from "./errors.js";
import { encodeRequest } from "./messages.js";
import { expanded, isAutostartOn, logDirectory } from "./paths.js";
import { INHERITED } from "./protocol.js";
import { atDeadline, now, type Closed } from "./waiting.js";

const LOOK_MS = 30; // between two attempts to reach it
const LOG_BYTES = 1024 * 1024; // the next start puts a longer log aside
const ANOTHER_RUNS = 75; // the daemon's exit code where another one owns the data directory
const ANOTHER_COMES_UP_MS = 3000; // how long that one is waited for: it may listen elsewhere

/**
 * Resolves once a daemon answers at `path`, or at the closing; starts one if none does. Resolves to false where none does
 * and the user has switched the start off.
 *
 * Rejects with `notStarted`, and the errors of connecting except `notRunning`.
 */
export async function ensureRunning(path: string, timeoutMs: number, closed: Closed): Promise<boolean> {
  const deadline = now() + timeoutMs;
  if (await answers(path, deadline, closed)) return true;
  if (!(await isAutostartOn())) return false;
  const program = await findProgram(path);
  let log;
  try {
    await makePrivateDirectory(dirname(path));
    log = await openLog(dirname(path));
  } catch (error) {
    throw notStarted(path, `a directory or the log can't be made (${(error as Error).message})`, error);
  }
  const start = new Start(program, path, log);
  try {
    await start.waitForAnswer(deadline, closed);
    return true;
  } finally {
    await log.file.close();
  }
}

/** Returns whether a daemon answers: a killed one may still accept connections for a moment, in silence. */
async function answers(path: string, deadline: number, closed: Closed): Promise<boolean> {
  const limit = Math.max(deadline, now() + LOOK_MS);
  let socket;
  try {
    socket = await openSocket(path, limit, limit - now(), closed);
  } catch (error) {
    if (isOfKind(error, "notRunning")) return false;
    if (isOfKind(error, "notResponding")) return true; // its backlog is full of clients
    throw error;
  }
  const stops: (() => void)[] = [];
  try {
    return await new Promise<boolean>((resolve) => {
      const isBusy = (): void => resolve(true); // it runs, but is too busy to answer
      stops.push(atDeadline(limit, isBusy), closed.onSet(isBusy));
      socket.on("data", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("close", () => resolve(false));
      socket.write(encodeRequest(1, "daemon.ping", "{}"));
    });
  } finally {
    for (const stop of stops) stop();
    socket.destroy();
  }
}

interface Log {
  path: string;
  file: FileHandle;
  beginsAt: number;
}

/** A daemon that was started, until it answers. */
class Start {
  readonly #path: string;
  readonly #log: Log;
  readonly #child: ChildProcess;
  #problem: Error | undefined;

  constructor(program: string, path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#child = spawn(program, ["run", "--socket", path], {
      cwd: "/",
      detached: true,
      env: environment(),
      stdio: ["ignore", log.file.fd, log.file.fd],
    });
    this.#child.on("error", (error) => (this.#problem = error));
    this.#child.unref();
  }

  async waitForAnswer(deadline: number, closed: Closed): Promise<void> {
    let givenUpAt: number | undefined;
    while (!closed.isSet && !(await answers(this.#path, deadline, closed))) {
      if (this.#problem !== undefined) throw notStarted(this.#path, this.#problem.message, this.#problem);
      const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (hasEnded) {
        givenUpAt ??= now() + (this.#child.exitCode === ANOTHER_RUNS ? ANOTHER_COMES_UP_MS : 0);
        if (now() >= Math.min(givenUpAt, deadline)) throw notStarted(this.#path, await this.#lastLine());
      }
      if (now() >= deadline)
        throw notStarted(this.#path, `it has not answered in time; its log is ${this.#log.path}`);
      await closed.pause(LOOK_MS);
    }
  }

  /** Returns the daemon's last words. */
  async #lastLine(): Promise<string> {
    const { file, beginsAt, path } = this.#log;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LOG_BYTES), 0, LOG_BYTES, beginsAt);
    const lines = buffer
      .toString("utf-8", 0, bytesRead)
      .split("\n")
      .filter((line) => line.trim() !== "");
    const said = lines
      .at(-1)
      ?.replace(/^workspaced: /, "")
      .replace(/\.$/, "");
    return said === undefined
      ? `it ended without a word; its log is ${path}`
      : `${said} (its log is ${path})`;
  }
}

async function findProgram(path: string): Promise<string> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const program = resolve(directory, "workspaced");
    try {
      await access(program, constants.X_OK);
      if ((await stat(program)).isFile()) return program;
    } catch {
      continue; // it is not in this directory
    }
  }
  throw notStarted(path, "there is no program `workspaced` on the PATH");
}

/** Returns the variables that a daemon and its git need; the rest of the environment is the app's own. */
function environment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && isInherited(name)) kept[name] = value;
  }
  // git puts the directory of its programs in front of the PATH of the programs that it starts.
  const gitPrograms = process.env["GIT_EXEC_PATH"];
  if (gitPrograms && kept["PATH"]?.startsWith(`${gitPrograms}:`))
    kept["PATH"] = kept["PATH"].slice(gitPrograms.length + 1);
  // It may be relative to the app's working directory.
  if (kept["WORKSPACED_DATA_DIR"]) kept["WORKSPACED_DATA_DIR"] = expanded(kept["WORKSPACED_DATA_DIR"]);
  return kept;
}

function isInherited(name: string): boolean {
  const is = (names: readonly string[]): boolean => names.includes(name);
  const isOf = (families: readonly string[]): boolean => families.some((family) => name.startsWith(family));
  if (
    name.startsWith("GIT_") &&
    (!(is(INHERITED.gitNames) || isOf(INHERITED.gitFamilies)) || isOf(INHERITED.gitInvocation))
  ) {
    return false; // of one git invocation
  }
  return (
    is(INHERITED.names) ||
    isOf(INHERITED.families) ||
    (INHERITED.proxies as readonly string[]).includes(name.toLowerCase())
  );
}

/** Returns the log of daemons that are started here, ready to write; a user without a home has it in `otherwise`. */
async function openLog(otherwise: string): Promise<Log> {
  const directory = logDirectory() ?? otherwise;
  await makePrivateDirectory(directory);
  const path = join(directory, "daemon.log");
  const size = await stat(path).then(
    ({ size }) => size,
    () => 0,
  ); // there may be none yet
  if (size > LOG_BYTES) await rename(path, `${path}.1`);
  const file = await open(path, "a+", 0o600);
  await file.chmod(0o600); // a umask such as 0777 would keep the daemon from its log
  return { path, file, beginsAt: (await file.stat()).size };
}

/** Makes a directory and its missing parents, each with mode 0700 whatever the umask. */
async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && directory !== dirname(directory)) {
      await makePrivateDirectory(dirname(directory));
      return makePrivateDirectory(directory);
    }
    const isThere = await stat(directory).then(
      (there) => there.isDirectory(),
      () => false,
    );
    if (!isThere) throw error; // else it was EEXIST, or EROFS for one that exists
    return;
  }
  await chmod(directory, 0o700);
}

function notStarted(path: string, reason: string, cause?: unknown): WorkspacedError {
  return new WorkspacedError(
    `The daemon could not be started: ${reason}. To see more, run \`workspaced run\`.`,
    { kind: "notStarted", data: { path, reason } },
    cause === undefined ? undefined : { cause },
  );
}
