/**
 * The attempts at one call, without I/O: whether it may be sent again, and for how long.
 *
 * The strategy: a read changes nothing, and a write carries a key that the daemon applies once. So after a lost
 * connection both are sent again, even if the first request was applied. Other calls are sent once: a session, for
 * instance, ends with its connection.
 */

import { randomUUID } from "node:crypto";

import {
  connectionLost,
  isObject,
  isOfKind,
  notResponding,
  sessionsLost,
  type WorkspacedError,
} from "./errors.js";
import { encodeParams } from "./json_values.js";
import type { CloneOptions } from "./options.js";
import { METHODS } from "./protocol.js";
import { checkedTimeout, now } from "./waiting.js";

/** A clone ends after the daemon's `git_timeout_seconds` (120 by default); the rest is for cleaning up and binding. */
const CLONE_TIMEOUT_MS = 180_000;

/** A call that is repeated until it has an answer, must not be repeated, or is out of time. */
export class Attempts {
  readonly method: string;
  /** The params as JSON text, the same for each attempt. */
  readonly params: string;
  readonly options: CloneOptions;
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly mayRepeat: boolean;
  #loss: WorkspacedError | undefined;
  #mayBeApplied = false;

  constructor(method: string, params: unknown, options: CloneOptions, timeoutMs: number) {
    if (typeof method !== "string") {
      throw new TypeError(`The method must be a string such as "workspace.create", not a ${typeof method}.`);
    }
    const known = Object.hasOwn(METHODS, method) ? METHODS[method as keyof typeof METHODS] : undefined;
    this.method = method;
    this.params = encodeParams(method, known?.takesKey === true ? withKey(params) : params);
    this.options = options;
    this.timeoutMs = checkedTimeout(
      options.timeoutMs ?? (method === "project.clone" ? CLONE_TIMEOUT_MS : timeoutMs),
    );
    this.deadline = now() + this.timeoutMs;
    this.mayRepeat = known?.mayRepeat === true;
  }

  /** Notes that a connection gave no answer. Throws the loss to report unless another attempt may follow. */
  lost(error: WorkspacedError): void {
    if (!this.#mayBeApplied) {
      // else keep the first loss, which says so
      this.#loss = error;
      this.#mayBeApplied = error.outcomeUnknown;
    }
    if (now() >= this.deadline || !this.mayRepeat) throw this.#loss ?? error;
  }

  /** Returns the error to throw if the lost connection held sessions. */
  sessionsLost(reason: string, sessionIds: readonly string[]): WorkspacedError {
    return sessionsLost(this.method, reason, sessionIds, this.#mayBeApplied);
  }

  /** Returns the error of a call that found no daemon in its time; `failure` is that of the last attempt to connect. */
  notReached(failure: WorkspacedError | undefined): WorkspacedError {
    return this.#loss ?? failure ?? notResponding("connect", this.timeoutMs);
  }

  /** Returns the error of a call whose daemon could not be started again: whether it was applied counts more. */
  notStarted(error: WorkspacedError): WorkspacedError {
    return this.#mayBeApplied ? (this.#loss ?? error) : error;
  }

  /** Returns the error of a call whose client was closed before it found a daemon. */
  closed(): WorkspacedError {
    return connectionLost(this.method, "this client was closed", this.#mayBeApplied);
  }

  /** Returns the error of the whole call when its last attempt got no answer in time. */
  timedOut(error: WorkspacedError): WorkspacedError {
    return notResponding(this.method, this.timeoutMs, error.outcomeUnknown || this.#mayBeApplied);
  }
}

/** Returns whether connecting again may cure this error. */
export function isPassing(error: unknown): error is WorkspacedError {
  return isOfKind(error, "connectionLost", "notRunning", "notResponding", "shuttingDown");
}

function withKey(params: unknown): unknown {
  return isObject(params) && (params["requestKey"] ?? undefined) === undefined
    ? { ...params, requestKey: randomUUID() }
    : params;
}
