/**
 * The calls of a client: each over the current connection, and over the next one if that is lost.
 *
 * The strategy:
 * - A call looks at the current connection. If that has ended, one task connects again for all the calls that wait, for
 *   as long as one waits.
 * - A call that got no answer is sent again if `Attempts` allows it.
 * - Closing ends every wait: for the daemon, for its greeting, for an answer.
 */

import { Attempts, isPassing } from "./attempts.js";
import { ensureRunning } from "./autostart.js";
import { openSocket, turnedAway } from "./connecting.js";
import { Connection } from "./connection.js";
import { badAnswer, isObject, isOfKind, WorkspacedError } from "./errors.js";
import { greeting } from "./hello.js";
import type { CloneOptions } from "./options.js";
import type { DaemonStatusReport, RecoveryStatus } from "./protocol.js";
import { atDeadline, Closed, inputTaken, now, pausesMs } from "./waiting.js";

/** What `Calls` needs to know of its client. */
export interface Settings {
  readonly path: string;
  readonly timeoutMs: number;
  readonly reconnects: boolean;
  /** Whether to start a daemon where none runs. */
  readonly autostarts: boolean;
  /** Called with the daemon's notice at each connection. */
  readonly tellRecovery: (recovery: RecoveryStatus) => void;
}

/** The connections of a client, one after the other, and its calls over them. */
export class Calls {
  readonly closed = new Closed();
  readonly #settings: Settings;
  readonly #waiting = new Set<Attempts>();
  #connection: Connection | undefined;
  #renewal: Promise<void> | undefined;
  #failure: WorkspacedError | undefined;
  readonly #sessionIds = new Set<string>();
  /** The sessions of a lost connection, until a call has told of them. */
  #lostSessions: { reason: string; ids: string[] } | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Connects for the first time. */
  async begin(): Promise<void> {
    const { path, timeoutMs, autostarts } = this.#settings;
    if (autostarts) await ensureRunning(path, timeoutMs, this.closed);
    this.#connection = await this.#begin();
  }

  /** Calls a method, and resolves to its result. */
  async call(method: string, params: unknown, options: CloneOptions = {}): Promise<unknown> {
    try {
      return await this.#call(method, params, options);
    } catch (error) {
      // It was made where the answer was read: with the caller in its stack, an app's log tells more.
      if (error instanceof WorkspacedError) Error.captureStackTrace(error);
      throw error;
    }
  }

  async #call(method: string, params: unknown, options: CloneOptions): Promise<unknown> {
    const attempts = new Attempts(method, params, options, this.#settings.timeoutMs);
    options.signal?.throwIfAborted();
    if (!attempts.mayRepeat) await inputTaken(); // it may tell that the connection has ended
    const pauses = pausesMs();
    for (let losses = 0; ; losses++) {
      const connection = await this.#current(attempts);
      try {
        const result = await connection.request(attempts);
        this.#noteSessions(method, params, result);
        return result;
      } catch (error) {
        // A session that is to end may have ended already: somebody else ended it.
        if (isOfKind(error, "notFound")) this.#noteSessions(method, params, undefined);
        if (isOfKind(error, "notResponding")) throw attempts.timedOut(error);
        if (!this.#settings.reconnects || this.closed.isSet || !isPassing(error)) throw error;
        attempts.lost(error);
        // A first loss is most often a restart; a daemon that ends at each attempt is not called in a busy loop.
        if (losses > 0 || isOfKind(error, "shuttingDown"))
          await this.#inTime(this.#pauseFor([attempts], pauses), attempts);
      }
    }
  }

  /** Closes the connection and ends every wait. A second call has no effect. */
  async close(): Promise<void> {
    this.closed.set();
    this.#connection?.close();
    await Promise.allSettled([this.#renewal, this.#connection?.whenClosed]);
  }

  async #current(attempts: Attempts): Promise<Connection> {
    for (;;) {
      const connection = this.#connection;
      const lost = this.#lostSessions;
      if (lost !== undefined) {
        this.#lostSessions = undefined;
        throw attempts.sessionsLost(lost.reason, lost.ids);
      }
      const mayRenew = this.#settings.reconnects && !this.closed.isSet;
      if (connection !== undefined && (!connection.isOver || !mayRenew)) return connection;
      this.#waiting.add(attempts);
      try {
        this.#renewal ??= this.#renew();
        this.#renewal.catch(() => undefined); // of no interest where no call waits any more
        await this.#inTime(this.#renewal, attempts);
      } catch (error) {
        throw isOfKind(error, "notStarted") ? attempts.notStarted(error) : error;
      } finally {
        this.#waiting.delete(attempts);
      }
    }
  }

  /** Waits for a promise until the call's deadline, its abort or the closing. */
  async #inTime(promise: Promise<void>, attempts: Attempts): Promise<void> {
    const { signal } = attempts.options;
    signal?.throwIfAborted();
    let stop = (): void => undefined;
    const end = new Promise<never>((_, reject) => {
      const abort = (): void => reject(signal?.reason);
      const stops = [
        atDeadline(attempts.deadline, () => reject(attempts.notReached(this.#failure))),
        this.closed.onSet(() => reject(attempts.closed())),
      ];
      signal?.addEventListener("abort", abort, { once: true });
      stop = () => {
        for (const each of stops) each();
        signal?.removeEventListener("abort", abort);
      };
    });
    try {
      await Promise.race([promise, end]);
    } finally {
      stop();
    }
  }

  /** Connects again, for as long as a call waits for it. */
  async #renew(): Promise<void> {
    const pauses = pausesMs();
    try {
      while (this.#waiting.size > 0 && !this.closed.isSet) {
        try {
          const reason = this.#connection?.endReason ?? "";
          this.#connection = await this.#begin();
          if (this.#sessionIds.size > 0) this.#lostSessions = { reason, ids: [...this.#sessionIds].sort() };
          this.#sessionIds.clear();
          return;
        } catch (error) {
          if (!isPassing(error)) throw error;
          this.#failure = error;
          const { autostarts, path, timeoutMs } = this.#settings;
          const isAbsent = isOfKind(error, "notRunning");
          if (autostarts && isAbsent && (await ensureRunning(path, timeoutMs, this.closed))) continue;
        }
        await this.#pauseFor(this.#waiting, pauses);
      }
    } finally {
      this.#renewal = undefined;
    }
  }

  /** Pauses between two attempts; the last pauses become shorter, so that time is left for the calls. */
  async #pauseFor(calls: Iterable<Attempts>, pauses: Iterator<number, never>): Promise<void> {
    const left = Math.min(...[...calls].map((each) => each.deadline - now()));
    await this.closed.pause(Math.max(Math.min(pauses.next().value, left / 2), 1));
  }

  /** Resolves to a new connection, once the daemon has answered its hello. */
  async #begin(): Promise<Connection> {
    const { path, timeoutMs, tellRecovery } = this.#settings;
    const deadline = now() + timeoutMs;
    const connection = new Connection(await openSocket(path, deadline, timeoutMs, this.closed));
    const forget = this.closed.onSet(() => connection.close());
    try {
      const ask = (method: string, params: unknown): Promise<unknown> =>
        connection.request({ method, params: JSON.stringify(params), deadline, timeoutMs, options: {} });
      const [, status] = await Promise.all([ask("daemon.hello", greeting()), ask("daemon.status", {})]);
      if (!isObject(status)) throw badAnswer("daemon.status", "its result is no object");
      const { recovery } = status as Partial<DaemonStatusReport>;
      if (isObject(recovery)) tellRecovery(recovery);
      return connection;
    } catch (error) {
      connection.close();
      if (isOfKind(error, "connectionLost")) throw this.closed.isSet ? error : turnedAway(path, error);
      throw error;
    } finally {
      forget();
    }
  }

  #noteSessions(method: string, params: unknown, result: unknown): void {
    if (method === "session.begin" && isObject(result)) this.#sessionIds.add(String(result["id"]));
    if (method === "session.end" && isObject(params)) this.#sessionIds.delete(String(params["id"]));
  }
}
