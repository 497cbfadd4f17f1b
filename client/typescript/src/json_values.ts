/**
 * Params as JSON text, or an error that names the value that is none.
 *
 * `JSON.stringify` alone writes more than JSON values, and differently: NaN as null, a Map as {}, a Date as text. So a
 * guard could go out as no guard. Here a JSON value goes out as it is, a member that is undefined is absent, and
 * everything else is refused before anything is sent.
 */

import { isObject, unsendable } from "./errors.js";

const MAX_DEPTH = 500;

class NotJson extends Error {
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.path = path;
  }
}

/** Returns the params of a call as JSON text. Throws an `unsendable`, which names the wrong param. */
export function encodeParams(method: string, params: unknown): string {
  if (!isObject(params)) {
    const type = params === null ? "null" : Array.isArray(params) ? "an array" : `a ${typeof params}`;
    throw unsendable(method, `its params are ${type}, and must be an object such as { name: "shop" }`);
  }
  try {
    check(params, "", 0);
    return JSON.stringify(params);
  } catch (error) {
    if (!(error instanceof NotJson)) throw unsendable(method, "the code of its params threw an error", error);
    const place = error.path === "" ? "the object of its params" : `\`${error.path}\``;
    throw unsendable(method, `${place} ${error.message}`, error.cause);
  }
}

function check(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case "boolean":
      return;
    case "string":
      if (!value.isWellFormed())
        throw new NotJson(path, "has half of a surrogate pair, which is no character");
      return;
    case "number":
      if (!Number.isFinite(value)) throw new NotJson(path, `is ${value}, which is no JSON number`);
      return;
    case "object":
      if (value !== null) checkObject(value, path, depth);
      return;
    default:
      throw new NotJson(
        path,
        `is ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}, which is no JSON value`,
      );
  }
}

function checkObject(value: object, path: string, depth: number): void {
  if (depth === MAX_DEPTH) throw new NotJson(path, "is nested too deeply, or contains itself");
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) check(item, `${path}[${index}]`, depth + 1);
    return;
  }
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  if (tag !== "Object" || typeof (value as { toJSON?: unknown }).toJSON === "function") {
    const what = tag === "Object" ? "an object with a toJSON of its own" : `a ${tag}`;
    throw new NotJson(path, `is ${what}, which is no JSON value`);
  }
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed())
      throw new NotJson(path, "has a key with half of a surrogate pair, which is no character");
    if (member !== undefined) check(member, path === "" ? key : `${path}.${key}`, depth + 1);
  }
}
