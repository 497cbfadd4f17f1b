/**
 * One connection seen from the client, without I/O: calls become lines, and bytes become outcomes of calls.
 *
 * The strategy:
 * - A `Conversation` numbers the calls and keeps the unanswered ones, in the order sent.
 * - A call whose caller gave up stays until its late answer has come, which is dropped. So an answer to an unknown call
 *   is proof that the peer speaks another protocol.
 * - At the end of the connection, every unanswered call is settled with an error of its own.
 */

import { badAnswer, connectionLost, fromAnswer, isObject, mayWrite, type WorkspacedError } from "./errors.js";
import { ANSWER_LIMIT_BYTES, LineSplitter } from "./framing.js";
import { encodeRequest, NotAnAnswer, parseAnswer, PROGRESS, type Notification } from "./messages.js";
import type { Progress } from "./protocol.js";

/** A call under way: its request, and the promise of its outcome. */
export class PendingCall {
  readonly method: string;
  /** The params as JSON text. */
  readonly params: string;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  /** The request's id; 0 until it is sent. */
  id = 0;
  requestBytes = 0;
  isSettled = false;
  readonly outcome: Promise<unknown>;
  // To settle it again, as by a late answer, has no effect.
  #resolve!: (result: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(method: string, params: string, onProgress?: (progress: Progress) => void) {
    this.method = method;
    this.params = params;
    this.onProgress = onProgress;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  succeed(result: unknown): void {
    this.isSettled = true;
    this.#resolve(result);
  }

  /** Settles the call with an error: its outcome, or the reason why its caller gives it up. */
  fail(error: unknown): void {
    this.isSettled = true;
    this.#reject(error);
  }
}

/** The calls of one connection, and the lines that carry them. */
export class Conversation {
  readonly #lines: LineSplitter;
  readonly #waiting = new Map<number, PendingCall>();
  #lastId = 0;
  #refusal = "";
  #endReason: string | undefined;

  constructor(answerLimitBytes: number = ANSWER_LIMIT_BYTES) {
    this.#lines = new LineSplitter(answerLimitBytes);
  }

  /** The reason of the end of the connection; undefined before it. */
  get endReason(): string | undefined {
    return this.#endReason;
  }

  /** Returns the line of the call's request, or undefined after the end, which settles the call. */
  send(call: PendingCall): string | undefined {
    if (this.#endReason !== undefined) {
      call.fail(connectionLost(call.method, this.#endReason));
      return undefined;
    }
    call.id = ++this.#lastId;
    const line = encodeRequest(call.id, call.method, call.params);
    call.requestBytes = Buffer.byteLength(line);
    this.#waiting.set(call.id, call);
    return line;
  }

  /** Returns whether the daemon has the call's request, and has not answered it. */
  isWaiting(call: PendingCall): boolean {
    return this.#waiting.has(call.id);
  }

  /** Takes received bytes, and settles the calls that they answer. */
  receive(data: Buffer): void {
    if (this.#endReason !== undefined) return;
    try {
      for (const line of this.#lines.feed(data)) this.#take(line);
      if (this.#lines.overflowed) throw new NotAnAnswer("one line has more bytes than any answer");
    } catch (error) {
      if (!(error instanceof NotAnAnswer)) throw error;
      this.#end(`the daemon sent something that is no answer: ${error.message}`, (call) =>
        badAnswer(call.method, error.message, mayWrite(call.method)),
      );
    }
  }

  /** Ends the conversation, and settles every unanswered call; a second call has no effect. */
  end(reason: string): void {
    const cut = this.#lines.pendingBytes > 0 ? " in the middle of an answer" : "";
    this.#end(reason + cut + this.#refusal, (call) =>
      connectionLost(call.method, this.#endReason ?? reason, mayWrite(call.method)),
    );
  }

  #end(reason: string, errorOf: (call: PendingCall) => WorkspacedError): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    for (const call of this.#waiting.values()) if (!call.isSettled) call.fail(errorOf(call));
    this.#waiting.clear();
  }

  #take(line: Buffer): void {
    const message = parseAnswer(line);
    if ("method" in message) return this.#tellProgress(message);
    const call = message.id === null ? this.#refusedCall(message.error) : this.#callOf(message.id);
    if (call === undefined) return;
    this.#waiting.delete(call.id);
    if (message.error !== undefined) call.fail(fromAnswer(message.error, call.method));
    else call.succeed(message.result);
  }

  #callOf(id: number | string): PendingCall {
    const call = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (call === undefined)
      throw new NotAnAnswer(`there is an answer to ${JSON.stringify(id)}, which was never asked`);
    return call;
  }

  /**
   * Returns the call that the daemon refused without an id. Every request is well formed, so it was too long. Then it
   * was the longest one, and the daemon has not read it.
   */
  #refusedCall(error: { message: string } | undefined): PendingCall | undefined {
    if (error === undefined) throw new NotAnAnswer("an answer has no id");
    this.#refusal = `, saying: ${error.message.replace(/\.$/, "")}`;
    let longest: PendingCall | undefined;
    for (const call of this.#waiting.values()) {
      if (longest === undefined || call.requestBytes > longest.requestBytes) longest = call;
    }
    return longest;
  }

  #tellProgress({ method, params }: Notification): void {
    if (method !== PROGRESS || !isObject(params)) return; // a later release may send other notifications
    const call = typeof params["id"] === "number" ? this.#waiting.get(params["id"]) : undefined;
    if (call?.onProgress === undefined || call.isSettled) return;
    try {
      call.onProgress(params as unknown as Progress);
    } catch (error) {
      call.fail(error); // the connection then asks the daemon to end the work
    }
  }
}
