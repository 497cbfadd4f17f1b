/** The options of a client and of its calls. */

import type { WorkspacedError } from "./errors.js";
import type { Progress, RecoveryStatus } from "./protocol.js";

/** The options of `Client.connect`. */
export interface ConnectOptions {
  /** The socket's path. The default is $WORKSPACED_SOCKET, or else the platform's path, by the daemon's own rules. */
  socketPath?: string | undefined;
  /** The limit for connecting, and then for each call, in milliseconds (10,000); `Infinity` waits forever. */
  timeoutMs?: number | undefined;
  /**
   * Whether to start a daemon if none runs, now and whenever the client connects again: one, however many programs ask
   * at once. It outlives them all. The user can switch this off: by WORKSPACED_AUTOSTART=0, or
   * `autostart = false` in config.toml.
   */
  autostart?: boolean | undefined;
  /** Whether a call connects again after the connection is lost (true). */
  reconnect?: boolean | undefined;
  /**
   * Called when the daemon had to recover its store, or lost it, and no user has acknowledged that yet: with a line
   * for people that names the one command that helps. The default is a warning of the process.
   */
  onRecovery?: ((message: string, recovery: RecoveryStatus) => void) | undefined;
}

/** The options of one call, behind its params. */
export interface CallOptions {
  /** Gives the call up. The daemon is asked to cancel it; a write that was sent may be applied all the same. */
  signal?: AbortSignal | undefined;
  /** Replaces the client's time limit for this call, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** The options of a clone, which by default may take 180 seconds. */
export interface CloneOptions extends CallOptions {
  /** Called with the progress, at most ten times a second. An error of it gives the clone up. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** The options of `client.events`. */
export interface EventOptions {
  /** A revision: the events after it come first. The default is from now on. */
  since?: number | undefined;
  /** Ends the stream, as `close` does. */
  signal?: AbortSignal | undefined;
  /** Called with the reason each time the connection is lost; the stream then reconnects by itself. */
  onLost?: ((error: WorkspacedError) => void) | undefined;
  /** Called when the subscription holds again. */
  onFound?: (() => void) | undefined;
}
