/** The lifetime of a client: from `Client.connect()` to its `close()`. */

import { Daemon, History, Projects, Sessions, Store, Workspaces, type Call } from "./api.js";
import { Calls } from "./calls.js";
import { connectionLost } from "./errors.js";
import type { TopicsOf } from "./event_feed.js";
import { EventStream } from "./events.js";
import type { CloneOptions, ConnectOptions, EventOptions } from "./options.js";
import { socketPath } from "./paths.js";
import type { MethodName, Methods, RecoveryStatus, TopicPattern } from "./protocol.js";
import { inShort, isPending, warn } from "./recovery_notice.js";
import { checkedTimeout } from "./waiting.js";

const TIMEOUT_MS = 10_000;

/** The params of a method and the options of a call: params may be left out where none is required. */
type Arguments<M extends MethodName> =
  Record<string, never> extends Methods[M]["params"]
    ? [params?: Methods[M]["params"], options?: CloneOptions]
    : [params: Methods[M]["params"], options?: CloneOptions];

/**
 * A connection to the daemon; make one with `Client.connect()`.
 *
 * ```ts
 * const client = await Client.connect();
 * const workspace = await client.workspaces.create({ name: "Alpha", rootPath: "/home/me/alpha" });
 * await client.close();
 * ```
 *
 * Every call resolves to its result, or rejects with a `WorkspacedError` within the client's time limit. Calls go over
 * one connection at the same time, and none waits for another's. After the connection is lost, a call connects again
 * within its time, and is sent again if that is safe: reads are, and writes carry a key that the daemon applies once.
 */
export class Client {
  /** The lifecycle of workspaces, and their use. */
  readonly workspaces: Workspaces;
  /** The changes of all workspaces, and the way back. */
  readonly history: History;
  /** The projects bound to workspaces. */
  readonly projects: Projects;
  /** The people and programs at work in workspaces. */
  readonly sessions: Sessions;
  /** The store itself, and its upkeep. */
  readonly store: Store;
  /** The daemon itself. */
  readonly daemon: Daemon;
  /** The path of the socket. */
  readonly socketPath: string;
  readonly #timeoutMs: number;
  readonly #calls: Calls;
  readonly #streams = new Set<Pick<EventStream, "close">>();

  private constructor(path: string, timeoutMs: number, calls: Calls) {
    this.socketPath = path;
    this.#timeoutMs = timeoutMs;
    this.#calls = calls;
    // The daemon answers with the result of the method; what a later release adds to it stays there.
    const call: Call = (method, params, options) => calls.call(method, params, options) as never;
    this.workspaces = new Workspaces(call);
    this.history = new History(call);
    this.projects = new Projects(call);
    this.sessions = new Sessions(call);
    this.store = new Store(call);
    this.daemon = new Daemon(call);
  }

  /**
   * Connects and says hello, so that every obstacle shows here.
   *
   * Rejects with `notRunning`, `notStarted`, `notAllowed`, `notResponding`, `protocolUnsupported`,
   * `unusableSocketPath`, `cannotConnect` for other refusals of the system, `connectionLost` or `badAnswer`.
   */
  static async connect(options: ConnectOptions = {}): Promise<Client> {
    const timeoutMs = checkedTimeout(options.timeoutMs ?? TIMEOUT_MS);
    const path = await socketPath(options.socketPath);
    const calls = new Calls({
      path,
      timeoutMs,
      reconnects: options.reconnect ?? true,
      autostarts: options.autostart === true,
      tellRecovery: onceEach(options.onRecovery ?? warn),
    });
    try {
      await calls.begin();
    } catch (error) {
      await calls.close();
      throw error;
    }
    return new Client(path, timeoutMs, calls);
  }

  /** Calls a method of the protocol by its name, such as `workspace.create`. */
  async call<M extends MethodName>(
    method: M,
    ...[params, options]: Arguments<M>
  ): Promise<Methods[M]["result"]> {
    return (await this.#calls.call(method, params ?? {}, options)) as Methods[M]["result"];
  }

  /**
   * Follows the daemon's events from now on, or after the store's revision `since`.
   *
   * `topics` are names or patterns such as `workspace.*`; the default is all. Each event comes once; in place of events
   * that were missed for good comes one `{ gap: { from, to } }`.
   */
  events<const P extends TopicPattern = TopicPattern>(
    topics?: readonly P[],
    options: EventOptions = {},
  ): EventStream<TopicsOf<P>> {
    if (this.#calls.closed.isSet) throw connectionLost("events.subscribe", "this client was closed");
    const stream = new EventStream<TopicsOf<P>>(this.socketPath, this.#timeoutMs, topics, options);
    this.#streams.add(stream);
    void stream.whenOver.then(() => this.#streams.delete(stream));
    return stream;
  }

  /**
   * Ends the connection, the sessions begun on it and the streams of events; resolves once all of them are closed.
   * Calls under way reject with `connectionLost`. A second call has no effect.
   */
  async close(): Promise<void> {
    await Promise.all([this.#calls.close(), ...[...this.#streams].map((stream) => stream.close())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Tells of each recovery once, however often the client connects again. */
function onceEach(
  tell: (message: string, recovery: RecoveryStatus) => void,
): (recovery: RecoveryStatus) => void {
  let told: string | undefined;
  return (recovery) => {
    const identity = `${recovery.outcome} ${recovery.occurredAt ?? ""}`;
    if (!isPending(recovery) || identity === told) return;
    told = identity;
    tell(inShort(recovery), recovery);
  };
}
