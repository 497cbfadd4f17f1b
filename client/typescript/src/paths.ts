/**
 * The paths of the socket and the log, and whether a client may start a daemon, by the rules of the daemon and of its
 * other clients.
 *
 * The environment overrides the configuration file, and the file overrides the platform's default. The samples in
 * test/socket_paths.json are the daemon's own answers.
 */

import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

import { NotToml, readSetting, type Setting } from "./config_file.js";
import { unusableSocketPath } from "./errors.js";

/** What the paths depend on. */
export interface Machine {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  /** Returns whether the user owns the directory and can make files there. */
  isOwnDirectory(path: string): Promise<boolean>;
  /** Returns the bytes of a file, or undefined if there is none. Throws the system's errors, and `notAFile`. */
  read(path: string): Promise<Buffer | undefined>;
  /** Returns the home directory that the system knows for a user, or for this one without a HOME. */
  homeOfSystem(): string;
}

const APP = "workspaced";
// The words of the daemon, which checks the same setting.
const OFF = ["0", "false", "off", "no", "n", "f"];
const LARGEST_CONFIG_FILE_BYTES = 2 ** 20;
const NO_HOME =
  "set HOME, or give both paths: --data-dir and --socket, or WORKSPACED_DATA_DIR and WORKSPACED_SOCKET.";

/** This machine, as it is now. */
export const thisMachine: Machine = {
  platform: process.platform,
  env: process.env,
  get uid() {
    return process.geteuid?.() ?? 0;
  },
  async isOwnDirectory(path) {
    try {
      const status = await stat(path);
      await access(path, constants.W_OK | constants.X_OK);
      return status.isDirectory() && status.uid === this.uid;
    } catch {
      return false; // whatever the reason, no file can be made there
    }
  },
  async read(path) {
    let file;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // no wait for the writer of a named pipe
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      if ((await file.stat()).isFIFO())
        throw unusableSocketPath(`${path} is a pipe, and can't be a configuration file: move it away.`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(LARGEST_CONFIG_FILE_BYTES + 1));
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
  homeOfSystem: homedir,
};

/** Returns the socket to connect to: `explicit`, else as set, else the default. Throws `unusableSocketPath`. */
export async function socketPath(
  explicit: string | undefined,
  machine: Machine = thisMachine,
): Promise<string> {
  if (explicit !== undefined && typeof explicit !== "string") {
    throw new TypeError(`socketPath must be a path as a string, not a ${typeof explicit}.`);
  }
  if (explicit?.includes("\0"))
    throw unusableSocketPath(
      `No file can have the name ${JSON.stringify(explicit)}: give another path for the socket.`,
    );
  if (explicit) return checked(expanded(explicit, machine), machine);
  return checked((await asSet(machine)) ?? (await defaultSocketPath(machine)), machine);
}

/**
 * Returns whether clients may start a daemon: by the environment, else by the configuration file, else yes. Wrong values
 * count as yes: the daemon that is started then names them. Throws `unusableSocketPath` for a file that can't be read.
 */
export async function isAutostartOn(machine: Machine = thisMachine): Promise<boolean> {
  const file = configFile(machine);
  const given =
    machine.env["WORKSPACED_AUTOSTART"] ||
    (file !== undefined && (await settingIn(file, "autostart", machine))?.value);
  return !(given && OFF.includes(given.toLowerCase()));
}

/** Returns the directory of the user's logs, or undefined for a user without a home. */
export function logDirectory(machine: Machine = thisMachine): string | undefined {
  try {
    return machine.platform === "darwin"
      ? join(home(machine), "Library", "Logs", APP)
      : join(userDirectory("STATE", [".local", "state"], machine), "log");
  } catch {
    return undefined;
  }
}

/** Returns a path of the environment with its home directory in place of `~`, as an absolute path. */
export function expanded(path: string, machine: Machine = thisMachine): string {
  const isBelowHome = path === "~" || path.startsWith("~/");
  if (path.startsWith("~") && !isBelowHome) {
    throw unusableSocketPath(`The path ${path} begins with the name of a user: give an absolute path.`);
  }
  return resolve(isBelowHome ? join(home(machine), path.slice(1)) : path);
}

async function defaultSocketPath(machine: Machine): Promise<string> {
  // By the XDG base directory specification, relative paths are ignored, and the user must own the directory. After
  // `su` and `sudo -E` it is another user's.
  const given = machine.env["XDG_RUNTIME_DIR"] ?? "";
  if (given.startsWith("/") && (await machine.isOwnDirectory(given))) return join(given, APP, `${APP}.sock`);
  if (machine.platform === "darwin")
    return join(home(machine), "Library", "Caches", "TemporaryItems", APP, `${APP}.sock`);
  const ofSystem = `/run/user/${machine.uid}`;
  if (await machine.isOwnDirectory(ofSystem)) return join(ofSystem, APP, `${APP}.sock`);
  return join(userDirectory("STATE", [".local", "state"], machine), `${APP}.sock`);
}

async function asSet(machine: Machine): Promise<string | undefined> {
  const given = machine.env["WORKSPACED_SOCKET"];
  if (given) return expanded(given, machine);
  const file = configFile(machine);
  if (file === undefined) return undefined;
  const setting = await settingIn(file, "socket", machine);
  if (setting === undefined) return undefined;
  const path = setting.isString && !setting.value.includes("\0") ? setting.value : "";
  if (!isAbsolute(path) && !path.startsWith("~")) {
    const shown = setting.isString ? JSON.stringify(setting.value) : setting.value;
    throw unusableSocketPath(
      `\`socket\` in ${file} is ${shown}: give an absolute path, or one that begins with ~/.`,
    );
  }
  return expanded(path, machine);
}

function configFile(machine: Machine): string | undefined {
  try {
    return join(userDirectory("CONFIG", [".config"], machine), "config.toml");
  } catch {
    return undefined; // a user without a home directory has none
  }
}

async function settingIn(file: string, name: string, machine: Machine): Promise<Setting | undefined> {
  let content;
  try {
    content = await machine.read(file);
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw unusableSocketPath(`${file} can't be read (${error.message}): fix that, or move the file away.`);
  }
  if (content === undefined) return undefined;
  if (content.length > LARGEST_CONFIG_FILE_BYTES) {
    throw unusableSocketPath(
      `${file} is larger than 1 MiB, and can't be a configuration file: move it away.`,
    );
  }
  try {
    return readSetting(new TextDecoder("utf-8", { fatal: true }).decode(content), name);
  } catch (error) {
    if (!(error instanceof NotToml))
      throw unusableSocketPath(`${file} is not UTF-8: save it again as UTF-8.`);
    throw unusableSocketPath(
      `${file} is not TOML (${error.message}): \`workspaced config sample\` shows the format.`,
    );
  }
}

function userDirectory(kind: "STATE" | "CONFIG", otherwise: string[], machine: Machine): string {
  const given = machine.env[`XDG_${kind}_HOME`] ?? "";
  if (given.startsWith("/")) return join(given, APP);
  const below = machine.platform === "darwin" ? ["Library", "Application Support"] : otherwise;
  return join(home(machine), ...below, APP);
}

function home(machine: Machine): string {
  const given = machine.env["HOME"];
  if (given?.startsWith("/")) return given;
  if (given !== undefined) {
    throw unusableSocketPath(
      `There is no home directory (HOME is “${given}”, which is not an absolute path): ${NO_HOME}`,
    );
  }
  const ofSystem = machine.homeOfSystem();
  if (ofSystem.startsWith("/")) return ofSystem;
  throw unusableSocketPath(
    `There is no home directory (HOME is not set, and user ${machine.uid} is unknown to the system): ${NO_HOME}`,
  );
}

function checked(path: string, machine: Machine): string {
  const limit = machine.platform === "darwin" ? 103 : 107; // sun_path less its final NUL (unix(7); sys/un.h)
  const length = Buffer.byteLength(path);
  if (length <= limit) return path;
  throw unusableSocketPath(
    `The socket path ${path} has ${length} bytes, but this platform's limit is ${limit}: choose a shorter one with ` +
      "--socket or WORKSPACED_SOCKET.",
  );
}
