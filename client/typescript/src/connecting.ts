/** One attempt to connect to the daemon's socket, and the error for each way it can fail. */

import { statSync, type Stats } from "node:fs";
import { connect, type Socket } from "node:net";

import { notResponding, WorkspacedError } from "./errors.js";
import { atDeadline, now, type Closed } from "./waiting.js";

/** The pause before the next attempt while the daemon's backlog is full: no event announces room in it. */
const BACKLOG_RETRY_MS = 10;

/**
 * Resolves to a connected socket. Rejects with `notRunning`, `notAllowed`, `cannotConnect`, or `notResponding` at the
 * deadline or the closing.
 */
export async function openSocket(
  path: string,
  deadline: number,
  timeoutMs: number,
  closed: Closed,
): Promise<Socket> {
  for (;;) {
    try {
      return await connected(path, deadline, timeoutMs, closed);
    } catch (error) {
      if (error instanceof WorkspacedError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EAGAIN") throw failure(path, error as NodeJS.ErrnoException);
    }
    if (now() >= deadline || closed.isSet) throw notResponding("connect", timeoutMs);
    await closed.pause(BACKLOG_RETRY_MS);
  }
}

async function connected(path: string, deadline: number, timeoutMs: number, closed: Closed): Promise<Socket> {
  const socket = connect({ path });
  let stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => reject(notResponding("connect", timeoutMs));
      socket.once("connect", resolve).on("error", reject);
      stops = [atDeadline(deadline, giveUp), closed.onSet(giveUp)];
    });
    socket.removeAllListeners();
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    for (const stop of stops) stop();
  }
}

function failure(path: string, error: NodeJS.ErrnoException): WorkspacedError {
  const data = { path, reason: error.message };
  if (error.code === "EACCES" || error.code === "EPERM") {
    return notAllowed(path, `${error.message} (the socket belongs to ${owner(path)})`, error);
  }
  const there = look(path);
  if (error.code === "ECONNREFUSED" && there?.isSocket() === true)
    return notRunning(path, "nobody listens on the socket", error);
  // The listener was closed with this connection in its backlog.
  if (error.code === "ECONNRESET" || error.code === "EPIPE")
    return notRunning(path, "it ended before it accepted the connection", error);
  if (["ENOENT", "ENOTDIR", "ENOTSOCK", "ECONNREFUSED"].includes(error.code ?? "")) {
    return notRunning(
      path,
      `there is ${there?.isDirectory() === true ? "a directory instead of a socket" : "no socket"}`,
      error,
    );
  }
  const message = `Could not connect to the socket ${path}: ${error.message}.`;
  return new WorkspacedError(message, { kind: "cannotConnect", data }, { cause: error });
}

/**
 * Returns the error to throw when the daemon closed the connection before its first answer.
 *
 * The daemon closes connections of other users without a word (all but its own user's and root's). The owner of the
 * socket tells whether that is the case here.
 */
export function turnedAway(path: string, lost: WorkspacedError): WorkspacedError {
  const uid = look(path)?.uid;
  const isOfOther =
    uid !== undefined && process.geteuid !== undefined && ![0, uid].includes(process.geteuid());
  return isOfOther
    ? notAllowed(path, `it closed the connection, and its socket belongs to user id ${uid}`, lost)
    : lost;
}

function notRunning(path: string, reason: string, cause: Error): WorkspacedError {
  const message =
    `The daemon is not running: ${reason} at ${path}. Start it with \`workspacectl start\`; if it runs already, give ` +
    "it and its clients the same socket path (--socket or WORKSPACED_SOCKET).";
  return new WorkspacedError(message, { kind: "notRunning", data: { path, reason } }, { cause });
}

function notAllowed(path: string, reason: string, cause: Error): WorkspacedError {
  const message =
    `You may not use the daemon at ${path}: ${reason}. A daemon serves only the user who started it: start one of ` +
    "your own with `workspacectl start`.";
  return new WorkspacedError(message, { kind: "notAllowed", data: { path, reason } }, { cause });
}

function owner(path: string): string {
  const uid = look(path)?.uid;
  return uid === undefined ? "another user" : `user id ${uid}`;
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // there is nothing, or it is not to be looked at
  }
}
