/** The socket of the relay: it opens, watches and replaces it. */
import { HamrahApiError } from "../error.js";
import type { RelayState } from "./events.js";
import { type ClientFrame, type ServerFrame, parseFrame } from "./frames.js";

/** The type of an event, which differs between the classes of platforms and libraries. */
type SocketEvent = any;

/** The parts of a WebSocket that the client uses. */
export interface Socket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onmessage: ((event: SocketEvent) => void) | null;
  onclose: ((event: SocketEvent) => void) | null;
  onerror: ((event: SocketEvent) => void) | null;
}
/** A constructor such as the global `WebSocket`. */
export type SocketConstructor = new (url: string) => Socket;

/** The times between attempts to connect, in milliseconds. */
export interface Backoff {
  /** The longest time before the first repeated attempt. It doubles with every attempt. */
  first: number;
  /** The longest time before any attempt. */
  most: number;
}

export interface ConnectionOptions {
  /** URL of the socket, without a query. */
  url: string;
  /** Returns a ticket for one connection. */
  ticket: (signal: AbortSignal) => Promise<string>;
  WebSocket: SocketConstructor;
  backoff: Backoff;
  /** How long the client waits for a ticket and then for `Hello`, in milliseconds. */
  connectTimeout: number;
  onState: (state: RelayState) => void;
  onFrame: (frame: ServerFrame) => void;
}

/** The close codes after which a new connection would end in the same way. */
const FINAL_CLOSES: Record<number, readonly [string, string]> = {
  1003: ["unsupported_frame", "The relay does not accept a frame of this client."],
  1008: ["session_ended", "The session, the token or the account ended. Sign in again."],
  1009: ["frame_too_large", "A frame was too large for the relay. Send a smaller message."],
};
/** A connection that lasted as long as this is a success, so the times begin again. */
const STABLE_MS = 10_000;
/** The client does not believe an interval below this, which would flood the relay. */
const LEAST_HEARTBEAT_MS = 1000;
const NORMAL_CLOSE = 1000;

const clientError = (code: string, message: string, cause?: unknown) =>
  new HamrahApiError({ status: 0, code, message, cause });

/** The error of calls after `close`. */
export const closedError = () => clientError("closed", "The client was closed. Connect again.");

/** Returns true if another attempt can succeed where this error ended one. */
const isTemporary = ({ status, code }: HamrahApiError) =>
  code !== "invalid_request" && (status < 400 || status >= 500 || status === 408 || status === 429);

export class Connection {
  readonly #options: ConnectionOptions;
  #state: RelayState = { state: "idle" };
  #socket: Socket | undefined;
  #attempt: AbortController | undefined;
  /** The timer of the attempt or of the time before it. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #heardAt = 0;
  #openedAt = 0;
  #failures = 0;
  #opened: { promise: Promise<void>; done: () => void; failed: (error: unknown) => void };

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#opened = deferred();
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Connects, and resolves at the first `Hello`. Rejects if the client stops or is closed. */
  connect(): Promise<void> {
    const { state } = this.#state;
    if (state === "idle" || state === "stopped" || state === "closed") {
      this.#opened = deferred();
      this.#failures = 0;
      this.#start();
    }
    return this.#opened.promise;
  }

  /** Sends a frame if the connection is open, and returns whether it was. */
  send(frame: ClientFrame): boolean {
    if (this.#state.state !== "open" || !this.#socket) return false;
    try {
      this.#socket.send(JSON.stringify(frame));
      return true;
    } catch {
      // The socket is closing. Its close event follows.
      return false;
    }
  }

  close(): void {
    if (this.#state.state === "closed") return;
    this.#finish({ state: "closed" }, closedError());
  }

  #stop(error: HamrahApiError): void {
    this.#finish({ state: "stopped", error }, error);
  }

  #finish(state: RelayState, error: HamrahApiError): void {
    this.#release();
    // Before the listeners run, because one of them may connect again.
    this.#opened.failed(error);
    this.#enter(state);
  }

  #enter(state: RelayState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #start(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#timer = setTimeout(() => {
      this.#lose(clientError("network", "The relay did not answer in time. Try again later."));
    }, this.#options.connectTimeout);
    this.#enter({ state: "connecting" });
    this.#options.ticket(attempt.signal).then(
      (ticket) => {
        if (!attempt.signal.aborted) this.#open(ticket);
      },
      (cause: unknown) => {
        if (attempt.signal.aborted) return;
        const error =
          cause instanceof HamrahApiError
            ? cause
            : clientError("network", "The client got no ticket. Try again later.", cause);
        if (isTemporary(error)) this.#lose(error);
        else this.#stop(error);
      },
    );
  }

  #open(ticket: string): void {
    let socket: Socket;
    try {
      socket = new this.#options.WebSocket(
        `${this.#options.url}?ticket=${encodeURIComponent(ticket)}`,
      );
    } catch (cause) {
      this.#stop(clientError("invalid_request", "The platform cannot open the socket.", cause));
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }: { data: unknown }) => this.#take(parseFrame(data));
    socket.onclose = ({ code }: { code: number }) => this.#end(code);
    // The close event follows and has the reason.
    socket.onerror = () => {};
  }

  #take(frame: ServerFrame | undefined): void {
    this.#heardAt = Date.now();
    if (frame?.type === "Hello") this.#greet(frame.payload);
    if (frame && this.#state.state === "open") this.#options.onFrame(frame);
  }

  #greet(hello: { heartbeat_interval_ms: number; prekeys_left?: number }): void {
    if (this.#state.state !== "connecting") return;
    clearTimeout(this.#timer);
    this.#openedAt = Date.now();
    const interval = Math.max(hello.heartbeat_interval_ms, LEAST_HEARTBEAT_MS);
    this.#heartbeat = setInterval(() => this.send({ type: "Ping" }), interval);
    this.#watch(2 * interval);
    this.#opened.done();
    this.#enter({ state: "open", prekeysLeft: hello.prekeys_left ?? 0 });
  }

  /** Loses the connection when no frame came for this time. */
  #watch(longest: number): void {
    const check = () => {
      const left = this.#heardAt + longest - Date.now();
      if (left > 0) this.#silence = setTimeout(check, left);
      else this.#lose(clientError("network", "The relay was silent for two heartbeats."));
    };
    this.#silence = setTimeout(check, longest);
  }

  #end(code: number): void {
    const final = FINAL_CLOSES[code];
    if (final) this.#stop(clientError(...final));
    else this.#lose(clientError("network", `The connection ended with code ${code}.`));
  }

  /** Waits and connects again. */
  #lose(error: HamrahApiError): void {
    const wasStable = this.#state.state === "open" && Date.now() - this.#openedAt >= STABLE_MS;
    this.#failures = wasStable ? 1 : this.#failures + 1;
    this.#release();
    const { first, most } = this.#options.backoff;
    const longest = Math.min(first * 2 ** (this.#failures - 1), most);
    // Half of the time is random, so that clients do not return together after an outage.
    const jittered = Math.round(longest * (0.5 + Math.random() / 2));
    const retryIn = Math.max(jittered, (error.retryAfter ?? 0) * 1000);
    this.#timer = setTimeout(() => this.#start(), retryIn);
    this.#enter({ state: "waiting", retryIn, error });
  }

  /** Gives up the socket. A dead network never ends its close, so no event is waited for. */
  #release(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    clearTimeout(this.#silence);
    this.#attempt?.abort();
    this.#attempt = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    try {
      socket.close(NORMAL_CLOSE);
    } catch {
      // The socket is closed already.
    }
  }
}

const deferred = () => {
  let done = () => {};
  let failed = (_: unknown) => {};
  const promise = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  // The state event reports the error too, so a caller may ignore this promise.
  promise.catch(() => {});
  return { promise, done, failed };
};
