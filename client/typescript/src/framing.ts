/** The framing of the transport: bytes in, whole lines out, without I/O. */

/** The longest accepted line: what fits in a string of V8. A whole store's file has 256 MiB at most. */
export const ANSWER_LIMIT_BYTES = 511 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Splits a stream of bytes into lines; a line does not include its newline. Empty lines are skipped. */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Whether a line was longer than the limit; all further bytes are ignored. */
  overflowed = false;

  constructor(maxLineBytes: number = ANSWER_LIMIT_BYTES) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The number of bytes of an unfinished line. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Returns the lines that `data` completes, in order; those before an overlong one, too. */
  feed(data: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    while (!this.overflowed) {
      const end = data.indexOf(NEWLINE, start);
      this.#keep(data.subarray(start, end === -1 ? data.length : end));
      if (end === -1 || this.overflowed) break;
      const line = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
      this.#pending = [];
      this.#pendingBytes = 0;
      if (!isBlank(line)) lines.push(line);
      start = end + 1;
    }
    return lines;
  }

  #keep(piece: Buffer): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > this.#maxLineBytes) {
      this.overflowed = true;
      this.#pending = [];
    }
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
