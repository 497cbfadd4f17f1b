/** What the tests share: a real daemon in a home of its own, and a server that does what a test says. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, type ConnectOptions, WorkspacedError } from "../src/index.js";

/** How long a test waits for what must happen: long, because the machine may be busy. */
export const PATIENCE_MS = 60_000;

/** The program under test: that of this checkout. */
export const WORKSPACED =
  process.env["WORKSPACED"] ?? join(import.meta.dirname, "../../../../.venv/bin/workspaced");

/** Resolves once the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Returns the environment of this process without what leads to the user's own daemon, and with another home. */
export function environmentAt(home: string): Record<string, string> {
  const leads = /^(WORKSPACED|XDG|LISTEN|NOTIFY|WATCHDOG)_?/;
  const kept = Object.entries(process.env).filter((each): each is [string, string] => !leads.test(each[0]));
  return { ...Object.fromEntries(kept), HOME: home };
}

/** Makes a directory with a short name, for a socket's path has about a hundred bytes. */
export async function newHome(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), "wsd-")));
}

/** A real daemon in a home of its own. */
export class DaemonProcess {
  readonly home: string;
  readonly socket: string;
  readonly dataDir: string;
  readonly #clients: Client[] = [];
  #child: ChildProcess | undefined;

  private constructor(home: string) {
    this.home = home;
    this.socket = join(home, "d.sock");
    this.dataDir = join(home, "data");
  }

  static async start(): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(await newHome());
    await daemon.begin();
    return daemon;
  }

  /** Starts it, and waits until it listens. */
  async begin(): Promise<void> {
    const args = ["run", "--data-dir", this.dataDir, "--socket", this.socket];
    this.#child = spawn(WORKSPACED, args, { stdio: "ignore", env: environmentAt(this.home) });
    await until(() => listens(this.socket));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#child!, "exit");
    this.#child!.kill(signal);
    await ended;
  }

  /** Ends it by a signal, and starts it again. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.end(signal);
    await this.begin();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal);
  }

  /** Returns a client of it, which `close` closes. */
  async client(options: ConnectOptions = {}): Promise<Client> {
    const client = await Client.connect({ socketPath: this.socket, timeoutMs: PATIENCE_MS, ...options });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.end("SIGKILL");
    await rm(this.home, { recursive: true });
  }
}

/** Returns whether somebody accepts connections there. */
export async function listens(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A request as a scripted server got it. */
export interface Received {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

/** What a scripted server does with a request, apart from hello and status. */
export type Script = (request: Received, answer: Answering) => void;

/** The ways to answer a request. */
export interface Answering {
  result(value: unknown): void;
  error(code: number, message: string, data?: object): void;
  /** Sends bytes as they are; returns whether there is room for more, which `onDrain` waits for. */
  raw(text: string | Uint8Array): boolean;
  onDrain(act: () => void): void;
  hangUp(): void;
}

const RECOVERY = { outcome: "clean", quarantined: [], acknowledged: true };

/** A server in place of the daemon: it greets as one, and answers all else as a test says. */
export class ScriptedServer {
  readonly home: string;
  readonly socket: string;
  readonly received: Received[] = [];
  script: Script;
  /** Answers hello and status in place of a daemon's answers. */
  greet: Script = (request, answer) =>
    answer.result(
      request.method === "daemon.hello"
        ? { server: "workspaced", version: "0.1.0", protocol: 1, capabilities: [] }
        : { pid: process.pid, startedAt: 1, recovery: RECOVERY },
    );
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients: Client[] = [];

  private constructor(home: string, script: Script) {
    this.home = home;
    this.socket = join(home, "s.sock");
    this.script = script;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(script: Script = () => undefined): Promise<ScriptedServer> {
    const server = new ScriptedServer(await newHome(), script);
    server.#server.listen(server.socket);
    await once(server.#server, "listening");
    return server;
  }

  /** The requests of a method, without hello and status. */
  of(method: string): Received[] {
    return this.received.filter((request) => request.method === method);
  }

  async client(options: ConnectOptions = {}): Promise<Client> {
    const client = await Client.connect({ socketPath: this.socket, timeoutMs: PATIENCE_MS, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Closes all connections; new ones are accepted. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends, as a daemon that is killed: nobody listens any more. */
  vanish(): void {
    this.#server.close();
    this.hangUp();
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    this.vanish();
    await rm(this.home, { recursive: true });
  }

  #serve(socket: Socket): void {
    let text = "";
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined); // a client that left
    socket.setEncoding("utf-8");
    socket.on("data", (data: string) => {
      const lines = (text + data).split("\n");
      text = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as Received, socket);
    });
  }

  #take(request: Received, socket: Socket): void {
    const send = (message: object): void =>
      void socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: request.id, ...message })}\n`);
    const answer: Answering = {
      result: (result) => send({ result }),
      error: (code, message, data = {}) => send({ error: { code, message, data } }),
      raw: (data) => socket.write(data),
      onDrain: (act) => void socket.once("drain", act),
      hangUp: () => void socket.destroy(),
    };
    if (request.method === "daemon.hello" || request.method === "daemon.status")
      return this.greet(request, answer);
    this.received.push(request);
    this.script(request, answer);
  }
}

/** Returns the error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<WorkspacedError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof WorkspacedError) return error;
    throw error;
  }
  throw new Error("it did not reject");
}
