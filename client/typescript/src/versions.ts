/** Which of client and daemon to upgrade, where one of them is too old for the other. */

import { ERROR_CODES, METHODS, PROTOCOL_VERSION, VERSION } from "./protocol.js";

/** Returns a sentence to add to an error of the daemon, if a difference of releases explains it. */
export function adviceOn(
  method: string,
  code: number,
  message: string,
  data: Record<string, unknown>,
): string | undefined {
  if (code === ERROR_CODES.protocolUnsupported) {
    const { minimum, maximum } = data;
    if (typeof maximum === "number" && maximum < PROTOCOL_VERSION) return daemonIsOlder("its protocol");
    return typeof minimum === "number" && minimum > PROTOCOL_VERSION ? CLIENT_IS_OLDER : undefined;
  }
  if (!Object.hasOwn(METHODS, method)) return undefined;
  if (code === ERROR_CODES.methodNotFound) return daemonIsOlder("this method");
  const known = METHODS[method as keyof typeof METHODS].params;
  const isUnknownThere = code === ERROR_CODES.invalidParams && message.includes(" is unknown.");
  return isUnknownThere && known.includes(String(data["path"])) ? daemonIsOlder("this param") : undefined;
}

const THIS_CLIENT = `this client (workspaced-client ${VERSION})`;
const CLIENT_IS_OLDER = `The daemon is newer than ${THIS_CLIENT}: upgrade the package workspaced-client in this app.`;

function daemonIsOlder(what: string): string {
  return (
    `The daemon is older than ${THIS_CLIENT}, which knows ${what}: upgrade workspaced, then restart the daemon when its ` +
    "other clients can spare it."
  );
}
