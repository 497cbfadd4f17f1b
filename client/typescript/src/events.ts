/** The stream of events: an iterator that reconnects by itself, and tells each event that it had to miss. */

import type { Socket } from "node:net";

import { isPassing } from "./attempts.js";
import { openSocket, turnedAway } from "./connecting.js";
import { connectionLost, isOfKind, notResponding, type WorkspacedError } from "./errors.js";
import { EventFeed, type EventGap, type WorkspacedEvent } from "./event_feed.js";
import type { EventOptions } from "./options.js";
import type { Topic, TopicPattern } from "./protocol.js";
import { atDeadline, Closed, now, pausesMs } from "./waiting.js";

/**
 * Events as they happen, or a `{ gap: { from, to } }` for those that were missed; made by `client.events()`.
 *
 * ```ts
 * for await (const event of client.events(["workspace.*"])) {
 *   if (event.gap) console.log("missed", event.gap.from, event.gap.to);
 *   else console.log(event.topic, event.payload);
 * }
 * ```
 *
 * It has a connection of its own, so that an app that is slow with an event delays no call: while events wait for the
 * app, nothing more is read. It ends when it is closed, when its signal aborts, when the loop is left, and with the
 * client. It throws the errors that reconnecting can't cure: `notAllowed`, `protocolUnsupported`, `badAnswer`, and
 * `invalidParams` for a topic that the daemon does not have.
 */
export class EventStream<T extends Topic = Topic> implements AsyncIterableIterator<
  WorkspacedEvent<T> | EventGap
> {
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #options: EventOptions;
  readonly #feed: EventFeed;
  readonly #closed = new Closed();
  /** Resolves once nothing of this stream runs any more. */
  readonly whenOver: Promise<void>;
  #socket: Socket | undefined;
  #pauses = pausesMs();
  #wasSubscribed = false;
  #isOver = false;
  #failure: { error: unknown } | undefined;
  #lastLoss: WorkspacedError | undefined;
  #wakes: (() => void)[] = [];
  #lastStep: Promise<unknown> = Promise.resolve();

  constructor(
    path: string,
    timeoutMs: number,
    topics: readonly TopicPattern[] | undefined,
    options: EventOptions,
  ) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#options = options;
    this.#feed = new EventFeed(topics, options.since);
    this.whenOver = this.#run();
  }

  /** The `since` for a stream that resumes here. Events without a revision of their own may come again. */
  get revision(): number | undefined {
    return this.#feed.revision;
  }

  /**
   * Resolves once the subscription holds: what happens from then on is told. Rejects with the stream's error, or after
   * the client's time limit; then the stream still goes on trying.
   */
  async ready(): Promise<this> {
    let isLate = false;
    const stop = atDeadline(now() + this.#timeoutMs, () => {
      isLate = true;
      this.#tell();
    });
    try {
      while (!this.#wasSubscribed) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#isOver) throw connectionLost("events.subscribe", "this stream was closed");
        if (isLate) throw this.#lastLoss ?? notResponding("events.subscribe", this.#timeoutMs);
        await this.#news();
      }
      return this;
    } finally {
      stop();
    }
  }

  /** Resolves to the next event or gap, or to the end. Each call has its turn. */
  next(): Promise<IteratorResult<WorkspacedEvent<T> | EventGap, undefined>> {
    const step = this.#lastStep.then(() => this.#next());
    this.#lastStep = step.catch(() => undefined); // its caller is told
    return step;
  }

  /** Ends the stream, as when a loop is left. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Ends the stream at once, also for those who wait for an event. A second call has no effect. */
  async close(): Promise<void> {
    this.#closed.set();
    await this.whenOver;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #next(): Promise<IteratorResult<WorkspacedEvent<T> | EventGap, undefined>> {
    while (!this.#closed.isSet) {
      const event = this.#feed.take();
      if (event !== undefined) {
        if (!this.#feed.hasEvents) {
          this.#socket?.resume();
          this.#tell();
        }
        return { done: false, value: event as WorkspacedEvent<T> | EventGap }; // of the topics asked for
      }
      if (this.#failure !== undefined) {
        this.#closed.set();
        throw this.#failure.error;
      }
      await this.#news();
    }
    return { done: true, value: undefined };
  }

  /** Follows the events over one connection after the other, until the end. */
  async #run(): Promise<void> {
    const { signal, onLost } = this.#options;
    const end = (): void => this.#closed.set();
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted === true) end();
    try {
      while (!this.#closed.isSet) {
        const error = await this.#follow().catch((error: unknown) => error);
        if (this.#closed.isSet) break;
        if (!isPassing(error)) throw error;
        this.#lastLoss = error;
        onLost?.(error);
        while (this.#feed.hasEvents && !this.#closed.isSet) await this.#news();
        await this.#closed.pause(this.#pauses.next().value);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      signal?.removeEventListener("abort", end);
      this.#isOver = true;
      this.#tell();
    }
  }

  /** Subscribes on a new connection, and follows it to its end. Always rejects. */
  async #follow(): Promise<never> {
    const deadline = now() + this.#timeoutMs;
    const socket = await openSocket(this.#path, deadline, this.#timeoutMs, this.#closed);
    this.#socket = socket;
    const stops: (() => void)[] = [];
    try {
      return await new Promise<never>((_, reject) => {
        const lose = (reason: string): void => reject(connectionLost("events.subscribe", reason));
        const isLate = (): void => reject(notResponding("events.subscribe", this.#timeoutMs));
        const subscribed = atDeadline(deadline, isLate);
        stops.push(
          subscribed,
          this.#closed.onSet(() => lose("this stream was closed")),
        );
        socket.on("data", (data: Buffer) => {
          try {
            this.#receive(data, subscribed);
          } catch (error) {
            reject(error);
          }
        });
        socket.on("error", (error) => lose(error.message));
        socket.on("close", () => lose("the daemon closed it"));
        socket.write(this.#feed.begin());
      });
    } catch (error) {
      const isTurnedAway = isOfKind(error, "connectionLost") && !this.#feed.isSubscribed;
      throw isTurnedAway ? turnedAway(this.#path, error) : error;
    } finally {
      for (const stop of stops) stop();
      socket.destroy();
    }
  }

  #receive(data: Buffer, subscribed: () => void): void {
    const before = this.#feed.isSubscribed;
    try {
      this.#feed.receive(data);
    } finally {
      if (this.#feed.hasEvents) this.#socket?.pause();
      this.#tell();
    }
    if (before || !this.#feed.isSubscribed) return;
    subscribed();
    this.#pauses = pausesMs();
    if (this.#wasSubscribed) this.#options.onFound?.();
    this.#wasSubscribed = true;
  }

  /** Resolves when something has happened. */
  async #news(): Promise<void> {
    let stop = (): void => undefined;
    await new Promise<void>((resolve) => {
      this.#wakes.push(resolve);
      stop = this.#closed.onSet(resolve);
    });
    stop();
  }

  #tell(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}
