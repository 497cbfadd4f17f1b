/**
 * The client's connection: calls of an app over one socket, at the same time.
 *
 * A call that has no room in the socket waits in the order of the calls, and one that is given up meanwhile is never
 * sent.
 */

import type { Socket } from "node:net";

import { Conversation, PendingCall } from "./conversation.js";
import { connectionLost, mayWrite, notResponding } from "./errors.js";
import { CANCEL_REQUEST, encodeNotification } from "./messages.js";
import type { Progress } from "./protocol.js";
import { atDeadline } from "./waiting.js";

/** What one attempt at a call needs. */
export interface Request {
  readonly method: string;
  /** As JSON text. */
  readonly params: string;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly options: {
    signal?: AbortSignal | undefined;
    onProgress?: ((progress: Progress) => void) | undefined;
  };
}

/** One connected socket. */
export class Connection {
  readonly #socket: Socket;
  readonly #conversation = new Conversation();
  #unsent: PendingCall[] = [];
  /** Resolves once the socket is closed. */
  readonly whenClosed: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.whenClosed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (data: Buffer) => {
      this.#conversation.receive(data);
      if (this.isOver) socket.destroy(); // after nonsense, the peer is still connected
    });
    socket.on("drain", () => this.#send());
    socket.on("end", () => this.#end("the daemon closed it"));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // EPIPE and ECONNRESET: the daemon has closed it, perhaps with a request unread.
      const isClosing = error.code === "EPIPE" || error.code === "ECONNRESET";
      this.#end(isClosing ? "the daemon closed it" : `it failed: ${error.message}`);
    });
    socket.on("close", () => this.#end("the daemon closed it"));
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#conversation.endReason !== undefined;
  }

  /** The reason of its end; empty before it. */
  get endReason(): string {
    return this.#conversation.endReason ?? "";
  }

  /**
   * Sends a call, and resolves to its result. Rejects with the daemon's error, `connectionLost`, `badAnswer`,
   * `notResponding` at the deadline, or the signal's reason. The daemon is asked to cancel a call that is given up.
   */
  async request({ method, params, deadline, timeoutMs, options }: Request): Promise<unknown> {
    const call = new PendingCall(method, params, options.onProgress);
    const abort = (): void => call.fail(options.signal?.reason);
    const stopWaiting = atDeadline(deadline, () => {
      const isSent = call.id !== 0;
      call.fail(notResponding(method, timeoutMs, isSent && mayWrite(method)));
    });
    options.signal?.addEventListener("abort", abort, { once: true });
    if (options.signal?.aborted === true) abort(); // since the call began: it is never sent
    try {
      this.#unsent.push(call);
      this.#send();
      return await call.outcome;
    } finally {
      stopWaiting();
      options.signal?.removeEventListener("abort", abort);
      this.#leave(call);
    }
  }

  /** Ends the connection: calls under way reject with `connectionLost`. A second call has no effect. */
  close(): void {
    this.#end("this client was closed");
  }

  #send(): void {
    while (!this.#socket.writableNeedDrain) {
      const call = this.#unsent.shift();
      if (call === undefined) return;
      if (call.isSettled) continue;
      const line = this.#conversation.send(call);
      if (line !== undefined) this.#socket.write(line);
    }
  }

  /** The last step of every call: what the daemon still works on for nobody is cancelled. */
  #leave(call: PendingCall): void {
    const place = this.#unsent.indexOf(call);
    if (place !== -1) this.#unsent.splice(place, 1);
    if (!this.#conversation.isWaiting(call)) return;
    this.#socket.write(encodeNotification(CANCEL_REQUEST, `{"id":${call.id}}`));
  }

  #end(reason: string): void {
    this.#conversation.end(reason);
    for (const call of this.#unsent.splice(0)) call.fail(connectionLost(call.method, this.endReason));
    this.#socket.destroy();
  }
}
