// The lifetime of a sign-in. A token expires after minutes. The page renews it while it is in use.
import { ownerGuard } from "../shared/api.js";
import { type Lifetime, Refusal, api } from "./api.js";

/**
 * How long before its end the token is renewed, in milliseconds. The service renews tokens in their
 * last 30 seconds; the page asks a little later, because clocks differ.
 */
const RENEW_BEFORE_MS = 20_000;
/** A user who does nothing for this time counts as away. */
const IDLE_MS = 15 * 60_000;
const MIN_WAIT_MS = 1000;

let lastUse = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

for (const kind of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(kind, () => (lastUse = Date.now()), { passive: true, capture: true });
}

const wait = (milliseconds: number, then: () => void): void => {
  clearTimeout(timer);
  timer = setTimeout(then, Math.max(milliseconds, MIN_WAIT_MS));
};

/** Renews the token while the user uses the page. Calls `expired` after it has expired. */
export const keepSignedIn = (lifetime: Lifetime, expired: (error: Refusal) => void): void => {
  lastUse = Date.now();
  follow(lifetime, expired);
};

const follow = ({ ends }: Lifetime, expired: (error: Refusal) => void): void => {
  const sameOwner = ownerGuard();
  const renew = async (): Promise<void> => {
    if (!sameOwner()) return;
    try {
      follow(await api.profile(), expired);
    } catch (error) {
      if (!sameOwner()) return;
      if (error instanceof Refusal && error.signedOut) return expired(error);
      // The service did not answer. Tries again while the token may be valid.
      if (Date.now() < ends) wait((ends - Date.now()) / 2, () => void renew());
      else expired(new Refusal(401, "expired_token", "The token has expired. Sign in again."));
    }
  };
  const remaining = ends - Date.now();
  // The service may be configured to renew later. Then the page asks again at shorter intervals.
  const delay = remaining > RENEW_BEFORE_MS ? remaining - RENEW_BEFORE_MS : remaining / 2;
  wait(delay, () => {
    if (Date.now() - lastUse < IDLE_MS) return void renew();
    // The user is away, so the token may expire. Another call may still renew it, so the page asks
    // after its end.
    wait(ends - Date.now() + MIN_WAIT_MS, () => void renew());
  });
};

/** Stops renewing, after the user has signed out. */
export const stopRenewing = (): void => clearTimeout(timer);
