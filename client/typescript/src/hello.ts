/** The hello that opens each connection: this program's name and the protocol it speaks. */

import { basename } from "node:path";

import { PROTOCOL_VERSION, type HelloParams } from "./protocol.js";

/** Returns the params of `daemon.hello`. */
export function greeting(): HelloParams {
  const program = basename(process.argv[1] ?? "") || basename(process.execPath);
  return { client: program.toWellFormed(), protocol: PROTOCOL_VERSION };
}
