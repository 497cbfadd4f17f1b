/** JSON-RPC 2.0 messages as text: requests out, answers and notifications in. */

import { isObject, type WireError } from "./errors.js";

/** The notification by which a client cancels a request. */
export const CANCEL_REQUEST = "$/cancelRequest";
/** The notification of how far a task has come. */
export const PROGRESS = "$/progress";
/** The notification of an event. */
export const EVENT = "event";

/** A line from the daemon that is neither an answer nor a notification; the message is no whole sentence. */
export class NotAnAnswer extends Error {}

/** An answer to a request: its result, or its error. */
export interface Answer {
  id: number | string | null;
  result?: unknown;
  error?: WireError;
}

/** A message from the daemon that answers no request. */
export interface Notification {
  method: string;
  params: unknown;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the line of a request; `params` is JSON already. */
export function encodeRequest(id: number, method: string, params: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}\n`;
}

/** Returns the line of a notification; `params` is JSON already. */
export function encodeNotification(method: string, params: string): string {
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${params}}\n`;
}

/** Parses a line from the daemon. Throws NotAnAnswer if it is not JSON-RPC. */
export function parseAnswer(line: Buffer): Answer | Notification {
  const message = parseJson(line);
  if (!isObject(message) || message["jsonrpc"] !== "2.0")
    throw new NotAnAnswer(`it is not JSON-RPC: ${shown(line)}`);
  const { id, method, result, error } = message;
  if (typeof method === "string" && id === undefined) return { method, params: message["params"] ?? {} };
  const isId = id === null || typeof id === "string" || Number.isSafeInteger(id);
  if (method !== undefined || !isId)
    throw new NotAnAnswer(`it is neither an answer nor a notification: ${shown(line)}`);
  const answered = id as Answer["id"];
  if (isWireError(error) && result === undefined) return { id: answered, error };
  if (error === undefined && result !== undefined) return { id: answered, result };
  throw new NotAnAnswer(`it must have either a result or an error: ${shown(line)}`);
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(line));
  } catch (error) {
    const problem = error instanceof SyntaxError ? "JSON" : "UTF-8, or too long for one text";
    throw new NotAnAnswer(`it is not ${problem}: ${shown(line)}`, { cause: error });
  }
}

function isWireError(error: unknown): error is WireError {
  return isObject(error) && Number.isSafeInteger(error["code"]) && typeof error["message"] === "string";
}

function shown(line: Buffer): string {
  const beginning = line
    .subarray(0, 60)
    .toString("utf-8")
    .replace(/[\p{Cc}\p{Cf}]/gu, "�");
  return line.length > 60 ? `“${beginning}…”` : `“${beginning}”`;
}
