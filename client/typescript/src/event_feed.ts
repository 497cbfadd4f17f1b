/**
 * The events of a daemon, without I/O: each once, in order, over many connections.
 *
 * The strategy:
 * - It knows the revision of the last event that the app took, and the next connection resumes after it.
 * - Events of sessions and of the store's health have no revision of their own, so the daemon sends the ones at that
 *   revision again. Among these, sequence numbers, which rise per topic while one daemon lives, reveal repeats.
 * - Events that the daemon can't send any more are reported as a gap.
 * - The next connection is made once the app has taken all received events. So receiving needs no accounting.
 */

import { badAnswer, fromAnswer, isObject } from "./errors.js";
import { LineSplitter } from "./framing.js";
import { greeting } from "./hello.js";
import { encodeParams } from "./json_values.js";
import { encodeRequest, EVENT, NotAnAnswer, parseAnswer } from "./messages.js";
import type { EventPayloads, JsonObject, Peer, Topic, TopicPattern } from "./protocol.js";

/** A change that is durable, or news of a session or of the store's health. */
export type WorkspacedEvent<T extends Topic = Topic> = {
  [Each in T]: {
    topic: Each;
    payload: EventPayloads[Each];
    /** The store's revision; events of sessions and of the store's health have that of the last change. */
    revision: number;
    /** Rises by one per topic while the daemon lives. */
    sequence: number;
    /** In Unix milliseconds. */
    timestamp: number;
    /** That of the request that caused it; empty if the daemon did. */
    correlationId: string;
    /** The process that caused it and its user. */
    peer?: Peer;
    gap?: undefined;
  };
}[T];

/** The topics of a name or a pattern. */
export type TopicsOf<P extends TopicPattern> = P extends `${infer Family}.*`
  ? Extract<Topic, `${Family}.${string}`>
  : P;

/** Events that were missed for good, by their first and last revision: list their subjects again. */
export interface EventGap {
  gap: { from: number; to: number };
  topic?: undefined;
}

const GAP = "events.gap";
const IDS = { hello: 1, status: 2, subscribe: 3 } as const;

/** The place of one subscriber in the events, through all of its connections. */
export class EventFeed {
  readonly #topics: readonly TopicPattern[] | undefined;
  #revision: number | undefined;
  #waiting: (WorkspacedEvent | EventGap)[] = [];
  #daemon = "";
  /** The last sequence number of each topic. */
  readonly #taken = new Map<string, number>();
  /** Where this connection goes on: only an event at that revision can be a repeat. */
  #since: number | undefined;
  #lines = new LineSplitter();
  #open = new Set<number | string | null>();
  /** Events that came before the status, which tells the daemon. */
  #early: JsonObject[] = [];

  /** Throws `unsendable` for topics or a revision that are no JSON values. */
  constructor(topics: readonly TopicPattern[] | undefined, since: number | undefined) {
    if (topics !== undefined && !Array.isArray(topics)) {
      throw new TypeError(
        `topics must be an array of names such as ["workspace.*"], not a ${typeof topics}.`,
      );
    }
    this.#topics = topics === undefined ? undefined : [...topics];
    this.#revision = since;
    this.#subscription();
  }

  /** The revision of the last event taken; before the first one, that of the subscription, or undefined before it. */
  get revision(): number | undefined {
    return this.#revision;
  }

  /** Whether the subscription of this connection holds. */
  get isSubscribed(): boolean {
    return this.#open.size === 0;
  }

  /** Whether an event can be taken. */
  get hasEvents(): boolean {
    return this.#waiting.length > 0;
  }

  /** Returns the next event, or undefined if there is none. */
  take(): WorkspacedEvent | EventGap | undefined {
    const event = this.#waiting.shift();
    if (event?.gap !== undefined) {
      this.#revision = event.gap.to;
    } else if (event !== undefined) {
      // A change of the store is one event, the first with its revision. Events that share the revision come later, and
      // the daemon sends them again after it.
      this.#revision = event.revision;
      this.#taken.set(event.topic, event.sequence);
    }
    return event;
  }

  /** Starts on a new connection, once all events are taken; returns the lines to send. */
  begin(): string {
    this.#lines = new LineSplitter();
    this.#open = new Set(Object.values(IDS));
    this.#early = [];
    this.#since = this.#revision;
    return (
      encodeRequest(IDS.hello, "daemon.hello", JSON.stringify(greeting())) +
      encodeRequest(IDS.status, "daemon.status", "{}") +
      encodeRequest(IDS.subscribe, "events.subscribe", this.#subscription())
    );
  }

  /** Reads received bytes, whose events can then be taken. Throws `badAnswer` for nonsense, and the daemon's errors. */
  receive(data: Buffer): void {
    try {
      for (const line of this.#lines.feed(data)) this.#read(line);
      if (this.#lines.overflowed) throw new NotAnAnswer("one line has more bytes than any answer");
    } catch (error) {
      throw error instanceof NotAnAnswer ? badAnswer("events.subscribe", error.message) : error;
    }
  }

  #subscription(): string {
    return encodeParams("events.subscribe", { topics: this.#topics, since: this.#revision });
  }

  #read(line: Buffer): void {
    const message = parseAnswer(line);
    if ("method" in message) {
      if (message.method !== EVENT) return;
      const event = objectOf(message.params, "the params of an event");
      if (this.#open.has(IDS.status)) this.#early.push(event);
      else this.#readEvent(event);
      return;
    }
    if (message.error !== undefined) throw fromAnswer(message.error, "events.subscribe");
    if (!this.#open.delete(message.id)) {
      throw new NotAnAnswer(`there is an answer to ${JSON.stringify(message.id)}, which was never asked`);
    }
    const result = objectOf(message.result, "a result");
    if (message.id === IDS.status) {
      this.#isOf(`${String(result["pid"])} ${String(result["startedAt"])}`);
      for (const event of this.#early.splice(0)) this.#readEvent(event);
    } else if (message.id === IDS.subscribe) {
      this.#revision ??= revisionOf(result["revision"]);
    }
  }

  /** Notes which daemon this connection leads to: another one than before numbers its events from the first. */
  #isOf(daemon: string): void {
    if (daemon !== this.#daemon) this.#taken.clear();
    this.#daemon = daemon;
  }

  #readEvent(event: JsonObject): void {
    const { topic, sequence } = event;
    const payload = objectOf(event["payload"], "the payload of an event");
    if (typeof topic !== "string" || typeof sequence !== "number") {
      throw new NotAnAnswer("an event has no topic or no sequence number");
    }
    if (topic === GAP) {
      this.#waiting.push({ gap: { from: revisionOf(payload["from"]), to: revisionOf(payload["to"]) } });
      return;
    }
    const revision = revisionOf(event["revision"]);
    if (revision === this.#since && sequence <= (this.#taken.get(topic) ?? 0)) return; // sent again
    this.#waiting.push(event as unknown as WorkspacedEvent);
  }
}

function objectOf(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw new NotAnAnswer(`${what} is no object`);
  return value as JsonObject;
}

function revisionOf(value: unknown): number {
  if (!Number.isSafeInteger(value))
    throw new NotAnAnswer(`a revision is ${JSON.stringify(value)}, which is no integer`);
  return value as number;
}
