import type { HamrahApiError } from "../error.js";

/**
 * The state of the connection.
 *
 * - `idle`: `connect` was not called yet.
 * - `connecting`: the client asks for a ticket and opens the socket.
 * - `open`: the relay greeted the client.
 * - `waiting`: the connection was lost. The client connects again after `retryIn` milliseconds.
 * - `stopped`: the client does not connect again, for the reason `error`. `connect` starts again.
 * - `closed`: the app called `close`.
 */
export type RelayState =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "open"; prekeysLeft: number }
  | { state: "waiting"; retryIn: number; error: HamrahApiError }
  | { state: "stopped"; error: HamrahApiError }
  | { state: "closed" };

/** The events of the relay. */
export interface RelayEvents {
  state: RelayState;
  /** Another member types. The token names them for an hour in this channel, and says no more. */
  typing: { channelId: string; ephemeralToken: string };
  /** Few one-time prekeys are left: upload more. */
  prekeysLow: { left: number; usedLastResort: boolean };
  memberRemoved: { channelId: string; userId: string };
  /** Sender keys wait for the account. */
  senderKeysUpdated: { channelId: string };
  /** An account has a new identity key. */
  identityChanged: { userId: string };
  /** The relay refused a frame that was no message. */
  refused: { code: string; message: string };
}

type Listener<T> = (event: T) => void;

/** Calls the listeners of events. */
export class Emitter {
  readonly #listeners = new Map<keyof RelayEvents, Set<Listener<never>>>();

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof RelayEvents>(name: Name, listener: Listener<RelayEvents[Name]>) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return (): void => void listeners.delete(listener);
  }

  emit<Name extends keyof RelayEvents>(name: Name, event: RelayEvents[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<RelayEvents[Name]>)(event);
      } catch (error) {
        // The error of a listener reaches the app as from any event, and the relay goes on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
