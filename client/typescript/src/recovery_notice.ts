/** The daemon's notice of a recovery, in words. */

import type { RecoveryStatus } from "./protocol.js";

/** Returns whether the user has not acknowledged this recovery or loss yet. */
export function isPending(notice: RecoveryStatus): boolean {
  return (notice.outcome === "recovered" || notice.outcome === "dataLoss") && !notice.acknowledged;
}

/** Returns one line: the event, its time, and the one command that helps. */
export function inShort(notice: RecoveryStatus): string {
  const time = notice.occurredAt === undefined ? "" : ` at ${when(notice.occurredAt)}`;
  const isLoss = notice.outcome === "dataLoss";
  const happened = `${isLoss ? "All workspaces were lost" : "The store had to be recovered"}${time}`;
  const count = notice.salvageableCount ?? 0;
  if (count > 0) {
    const workspaces = count === 1 ? "1 workspace" : `${count} workspaces`;
    return `${happened}: \`workspacectl recovery salvage\` can bring back ${workspaces}.`;
  }
  return isLoss
    ? `${happened}: \`workspacectl recovery show\` tells what can be done.`
    : `${happened}, to its last good state: \`workspacectl recovery ack\` ends this warning.`;
}

/** Tells of the notice as a warning of the process: the user sees it on stderr, and an app can handle it. */
export function warn(message: string): void {
  process.emitWarning(message, "RecoveryWarning");
}

function when(timeMs: number): string {
  const local = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace("T", " ");
}
