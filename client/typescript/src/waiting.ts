/** Waiting: the clock, deadlines, the closing of a client, and pauses. */

/** The longest timer of JavaScript; a longer wait goes on when it has passed. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A deadline that is noticed this late says nothing about the daemon: this process was stopped meanwhile. */
const STOPPED_MS = 500;
/** What a call still gets after such a stop: its answer may be on its way. */
const RESUMED_MS = 1000;
/** A timer of this length lets the event loop read first what has arrived; Bun's immediates do not. */
const TURN_MS = 1;
const PAUSES_MS = { first: 50, longest: 2000 };

/** Returns the time in milliseconds, by the clock that deadlines are in. */
export function now(): number {
  return performance.now();
}

/** Returns a time limit. Throws TypeError unless it is a number, RangeError unless it is more than 0. */
export function checkedTimeout(timeoutMs: number): number {
  if (typeof timeoutMs !== "number") {
    throw new TypeError(
      `timeoutMs must be a number of milliseconds, not a ${typeof timeoutMs}; use Infinity to wait forever.`,
    );
  }
  if (!(timeoutMs > 0))
    throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}; use Infinity to wait forever.`);
  return timeoutMs;
}

/**
 * Calls a function at the deadline, unless the returned function is called before.
 *
 * What has arrived by then is looked at first. After a stop of the process (SIGSTOP, a suspended machine) it is called a
 * second later.
 */
export function atDeadline(deadline: number, act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (until: number): void => {
    const left = until - now();
    if (left === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(
      () => {
        const late = now() - until;
        if (late < 0) wait(until);
        else if (late > STOPPED_MS && until === deadline) wait(now() + RESUMED_MS);
        else timer = setTimeout(act, TURN_MS);
      },
      Math.min(Math.max(Math.ceil(left), 0), LONGEST_TIMER_MS),
    );
  };
  wait(deadline);
  return () => clearTimeout(timer);
}

/** Resolves once the input that has arrived is looked at. */
export function inputTaken(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TURN_MS));
}

/** A flag that is set once, and ends waits early. */
export class Closed {
  readonly #waits = new Set<() => void>();
  #isSet = false;

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Ends all waits, present and future. */
  set(): void {
    this.#isSet = true;
    for (const end of [...this.#waits]) end();
  }

  /** Calls a function once this is set, unless the returned function is called before. */
  onSet(act: () => void): () => void {
    if (this.#isSet) act();
    else this.#waits.add(act);
    return () => this.#waits.delete(act);
  }

  /** Resolves after that time, or once this is set. */
  async pause(ms: number): Promise<void> {
    let stop = (): void => undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const forget = this.onSet(resolve);
      stop = () => {
        clearTimeout(timer);
        forget();
      };
    });
    stop();
  }
}

/**
 * Yields the pauses between attempts to connect, in milliseconds: growing, and random so that many clients of a restarted
 * daemon do not return at the same moment.
 */
export function* pausesMs(): Generator<number, never> {
  let pause = PAUSES_MS.first;
  for (;;) {
    yield pause * (0.5 + Math.random() / 2);
    pause = Math.min(pause * 2, PAUSES_MS.longest);
  }
}
