/** Which of client and daemon to upgrade, where one of them is too old for the other. */

import { ERROR_CODES, METHODS, PROTOCOL_VERSION, VERSION } from "./protocol.js";

/** Returns the sentences to add to an error of the daemon, if a difference of releases explains it. */
export function advice(method: string, code: number, message: string, data: Record<string, unknown>): string[] {
  if (code === ERROR_CODES.protocolUnsupported) {
    if (typeof data["maximum"] === "number" && data["maximum"] < PROTOCOL_VERSION) return [daemonIsOlder("its protocol")];
    if (typeof data["minimum"] === "number" && data["minimum"] > PROTOCOL_VERSION) return [CLIENT_IS_OLDER];
    return [];
  }
  if (!Object.hasOwn(METHODS, method)) return [];
  if (code === ERROR_CODES.methodNotFound) return [daemonIsOlder("this method")];
  const known = METHODS[method as keyof typeof METHODS].params;
  const isUnknownThere = code === ERROR_CODES.invalidParams && message.includes(" is unknown.");
  return isUnknownThere && known.includes(String(data["path"])) ? [daemonIsOlder("this param")] : [];
}

const CLIENT_IS_OLDER =
  `This client (workspaced-client ${VERSION}) is older than the daemon: upgrade the package workspaced-client in this app.`;

function daemonIsOlder(what: string): string {
  return (
    `The daemon is older than this client (workspaced-client ${VERSION}), which knows ${what}: upgrade workspaced, ` +
    "and restart the daemon once nobody is busy with it."
  );
}
