/**
 * One setting of the daemon's configuration file, read without a library for TOML.
 *
 * Settings stand at the top of the file, one `key = value` a line, and only strings are of use here. So this reads
 * strings as TOML 1.0 has them, passes over values of other types, and ends at the first table. A value that is no
 * string is returned as its text, for the caller to refuse.
 */

/** What is wrong with the text, as a part of a sentence. */
export class NotToml extends Error {}

/** A setting as it stands in the file. */
export interface Setting {
  value: string;
  isString: boolean;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  '"': '"',
  "\\": "\\",
};
const PLAIN_VALUE = /(?:true|false|[+-]?(?:inf|nan)|[+-]?[0-9][0-9A-Za-z_.:+-]*(?: [0-9][0-9:.Z+-]*)?)/y;

/** Returns the setting of this name in a file's text, or undefined. Throws NotToml. */
export function readSetting(text: string, name: string): Setting | undefined {
  const reader = new Reader(text.replace(/^\ufeff/, ""));
  const seen = new Set<string>();
  let found: Setting | undefined;
  for (;;) {
    reader.skip(/(?:[ \t\r\n]|#[^\n]*)*/y);
    if (reader.atEnd || reader.sees("[")) return found;
    const key = reader.key();
    if (seen.has(key)) throw reader.problem(`the key ${key} is there twice`);
    seen.add(key);
    const value = reader.value();
    if (key === name) found = value;
    reader.skip(/[ \t]*(?:#[^\n]*)?/y);
    if (!reader.atEnd && !reader.take("\n") && !reader.take("\r\n"))
      throw reader.problem("a line goes on after its value");
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  sees(token: string): boolean {
    return this.#text.startsWith(token, this.#at);
  }

  take(token: string): boolean {
    const is = this.sees(token);
    if (is) this.#at += token.length;
    return is;
  }

  /** Passes over what a sticky pattern matches here, and returns it. */
  skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const matched = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += matched.length;
    return matched;
  }

  problem(what: string): NotToml {
    return new NotToml(`${what}, in line ${this.#text.slice(0, this.#at).split("\n").length}`);
  }

  /** Takes a key, dotted or not, and its equals sign. */
  key(): string {
    const steps: string[] = [];
    do {
      this.skip(/[ \t]*/y);
      const isQuoted = this.sees('"') || this.sees("'");
      const step = isQuoted ? this.#line(this.#text[this.#at]!) : this.skip(/[A-Za-z0-9_-]+/y);
      if (step === "" && !isQuoted) throw this.problem("there is no key");
      steps.push(step);
      this.skip(/[ \t]*/y);
    } while (this.take("."));
    if (!this.take("=")) throw this.problem("there is no = behind the key");
    this.skip(/[ \t]*/y);
    return steps.join(".");
  }

  value(): Setting {
    const begin = this.#at;
    for (const quote of ['"""', "'''"])
      if (this.sees(quote)) return { value: this.#lines(quote), isString: true };
    for (const quote of ['"', "'"]) if (this.sees(quote)) return { value: this.#line(quote), isString: true };
    if (this.sees("[") || this.sees("{")) this.#brackets();
    else if (this.skip(PLAIN_VALUE) === "") throw this.problem("there is no value");
    return { value: this.#text.slice(begin, this.#at), isString: false };
  }

  /** Passes over an array or an inline table. */
  #brackets(): void {
    const open: string[] = [];
    do {
      this.skip(/(?:[ \t\r\n,=.]|#[^\n]*|[A-Za-z0-9_+:-])*/y);
      if (this.take("[")) open.push("]");
      else if (this.take("{")) open.push("}");
      else if (open.length > 0 && this.take(open.at(-1)!)) open.pop();
      else if (this.sees('"') || this.sees("'")) this.value();
      else throw this.problem("brackets are not closed");
    } while (open.length > 0);
  }

  /** Takes a string on one line. */
  #line(quote: string): string {
    this.#at += 1;
    let text = "";
    for (;;) {
      text += quote === "'" ? this.skip(/[^'\r\n]*/y) : this.skip(/[^"\\\r\n]*/y);
      if (this.take(quote)) return text;
      if (quote === "'" || !this.sees("\\")) throw this.problem("a string is not closed");
      text += this.#escape();
    }
  }

  /** Takes a string of several lines. */
  #lines(quote: string): string {
    this.#at += quote.length;
    this.skip(/\r?\n/y);
    let text = "";
    for (;;) {
      if (this.atEnd) throw this.problem("a string is not closed");
      if (this.take(quote)) return text + this.skip(quote === '"""' ? /"{0,2}/y : /'{0,2}/y);
      if (quote === '"""' && this.sees("\\")) {
        if (this.skip(/\\[ \t]*\r?\n[ \t\r\n]*/y) === "") text += this.#escape();
      } else {
        text += this.#text[this.#at++];
      }
    }
  }

  #escape(): string {
    const escape = this.skip(/\\(?:[btnfr"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})/y);
    const letter = ESCAPES[escape.charAt(1)];
    if (letter !== undefined) return letter;
    const code = Number.parseInt(escape.slice(2), 16);
    const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    if (!isCharacter) throw this.problem("a string has a wrong escape");
    return String.fromCodePoint(code);
  }
}
