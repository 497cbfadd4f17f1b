/** The errors of this library: those that the daemon answers with, and those that the client finds itself. */

import { ERROR_CODES, METHODS, type DaemonErrorKind } from "./protocol.js";
import { adviceOn } from "./versions.js";

/** The kind of an error that the client finds itself, on the way to the daemon and back. */
export type LocalErrorKind =
  /** Nobody listens on the socket at `data.path`. */
  | "notRunning"
  /** No daemon ran at `data.path`, and none could be started. */
  | "notStarted"
  /** The daemon at `data.path` serves another user. */
  | "notAllowed"
  /** The system refused the connection to `data.path` for another reason. */
  | "cannotConnect"
  /** This platform can't use the socket's path. */
  | "unusableSocketPath"
  /** The call can't be written as JSON: nothing was sent. */
  | "unsendable"
  /** No answer came within `data.timeoutMs`. */
  | "notResponding"
  /** The connection ended before the answer came. */
  | "connectionLost"
  /** The connection ended, and so did the sessions `data.sessionIds`: begin them again. */
  | "sessionsLost"
  /** The answer is not JSON-RPC. */
  | "badAnswer";

/** The kind of an error; a daemon of a later release may answer with others. */
export type ErrorKind = DaemonErrorKind | LocalErrorKind | (string & {});

/** The parts of an error. */
export interface ErrorParts {
  kind: ErrorKind;
  code?: number | undefined;
  data?: Readonly<Record<string, unknown>> | undefined;
  outcomeUnknown?: boolean | undefined;
}

/** The one class of this library's errors: `message` is a sentence for people, and `kind` is for programs. */
export class WorkspacedError extends Error {
  override readonly name: string = "WorkspacedError";
  /** What happened, such as `nameConflict` or `notRunning`. */
  readonly kind: ErrorKind;
  /** The code of the daemon's answer, such as 1002; undefined for an error that the client found itself. */
  readonly code: number | undefined;
  /** The details, such as `data.id` of a `nameConflict`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether the call may or may not have been applied; if false, nothing in the store was changed. */
  readonly outcomeUnknown: boolean;

  constructor(message: string, parts: ErrorParts, options?: ErrorOptions) {
    super(message, options);
    this.kind = parts.kind;
    this.code = parts.code;
    this.data = parts.data ?? {};
    this.outcomeUnknown = parts.outcomeUnknown ?? false;
  }
}

/** An error of an answer, as on the wire. */
export interface WireError {
  code: number;
  message: string;
  data?: unknown;
}

/** Returns the error of the daemon's answer to a call of `method`. */
export function fromAnswer(answer: WireError, method: string): WorkspacedError {
  const data = isObject(answer.data) ? answer.data : {};
  const kind = typeof data["kind"] === "string" ? data["kind"] : "";
  const advice = adviceOn(method, answer.code, answer.message, data);
  const message = advice === undefined ? answer.message : `${answer.message} ${advice}`;
  return new WorkspacedError(message, {
    kind,
    code: answer.code,
    data,
    outcomeUnknown: answer.code === ERROR_CODES.commitUnknown,
  });
}

/** Returns the error of a call whose connection ended. */
export function connectionLost(method: string, reason: string, outcomeUnknown = false): WorkspacedError {
  return new WorkspacedError(
    `${method} got no answer, because the connection ended: ${reason}.${lookFirst(outcomeUnknown)}`,
    { kind: "connectionLost", data: { method, reason }, outcomeUnknown },
  );
}

/** Returns the error that the first call after the loss of sessions rejects with. */
export function sessionsLost(
  method: string,
  reason: string,
  sessionIds: readonly string[],
  outcomeUnknown: boolean,
): WorkspacedError {
  return new WorkspacedError(
    `${method} got no answer, because the connection ended: ${reason}. With it ended these sessions: ` +
      `${sessionIds.join(", ")}. Begin them again; the client is connected again.${lookFirst(outcomeUnknown)}`,
    { kind: "sessionsLost", data: { method, reason, sessionIds }, outcomeUnknown },
  );
}

/** Returns the error of a call whose answer is no answer. */
export function badAnswer(method: string, reason: string, outcomeUnknown = false): WorkspacedError {
  return new WorkspacedError(
    `${method} got an answer that makes no sense: ${reason}. Check that a workspaced listens on this socket, and ` +
      `that it and this program are of the same release.${lookFirst(outcomeUnknown)}`,
    { kind: "badAnswer", data: { method, reason }, outcomeUnknown },
  );
}

/** Returns the error of a call, or of connecting (`connect`), that took too long. */
export function notResponding(method: string, timeoutMs: number, outcomeUnknown = false): WorkspacedError {
  const deed = method === "connect" ? "accept the connection" : `answer ${method}`;
  return new WorkspacedError(
    `The daemon did not ${deed} within ${timeoutMs / 1000} seconds.${lookFirst(outcomeUnknown)}`,
    { kind: "notResponding", data: { method, timeoutMs }, outcomeUnknown },
  );
}

/** Returns the error of params that can't be written as JSON. */
export function unsendable(method: string, problem: string, cause?: unknown): WorkspacedError {
  return new WorkspacedError(
    `${method} was not sent, because it can't be written as JSON: ${problem}.`,
    { kind: "unsendable", data: { method, problem } },
    cause === undefined ? undefined : { cause },
  );
}

/** Returns the error of a socket's path that can't be used. */
export function unusableSocketPath(message: string): WorkspacedError {
  return new WorkspacedError(message, { kind: "unusableSocketPath" });
}

/** Returns whether a method may change something; true also for one that this release does not know. */
export function mayWrite(method: string): boolean {
  return Object.hasOwn(METHODS, method) ? METHODS[method as keyof typeof METHODS].mayWrite : true;
}

/** Returns whether this is an error of one of these kinds. */
export function isOfKind(error: unknown, ...kinds: ErrorKind[]): error is WorkspacedError {
  return error instanceof WorkspacedError && kinds.includes(error.kind);
}

/** Returns whether the value is an object with members, as JSON has it. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lookFirst(outcomeUnknown: boolean): string {
  return outcomeUnknown ? " Whether it was applied is not known: look before you repeat it." : "";
}
