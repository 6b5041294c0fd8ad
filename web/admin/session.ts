// How long somebody stays signed in: a token ends after minutes, and is renewed for as long as somebody is there.
import { type Lifetime, Refusal, api } from "./api.js";
import { here } from "../shared/failure.js";

/** A call in the last half minute renews the token; a little later than that, so that clocks may differ. */
const LEAD_MS = 20_000;
/** Whoever did nothing for so long is taken to have gone. */
const IDLE_MS = 15 * 60_000;
const LEAST_WAIT_MS = 1000;

let used = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

for (const kind of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(kind, () => (used = Date.now()), { passive: true, capture: true });
}

const wait = (milliseconds: number, then: () => void): void => {
  clearTimeout(timer);
  timer = setTimeout(then, Math.max(milliseconds, LEAST_WAIT_MS));
};

/** Keeps the token until nobody uses the page any more; `ended` is called when it is not good any more. */
export const keep = (lifetime: Lifetime, ended: (error: Refusal) => void): void => {
  used = Date.now();
  follow(lifetime, ended);
};

const follow = ({ ends }: Lifetime, ended: (error: Refusal) => void): void => {
  const same = here();
  const ask = async (): Promise<void> => {
    if (!same()) return;
    try {
      follow(await api.profile(), ended);
    } catch (error) {
      if (!same()) return;
      if (error instanceof Refusal && error.signedOut) return ended(error);
      // Not reached: it may be again, for as long as the token could be good.
      if (Date.now() < ends) wait((ends - Date.now()) / 2, () => void ask());
      else ended(new Refusal(401, "expired_token", "The token has ended."));
    }
  };
  const left = ends - Date.now();
  // The service may be set to renew later than it usually does: asked again, at ever shorter intervals.
  wait(left > LEAD_MS ? left - LEAD_MS : left / 2, () => {
    if (Date.now() - used < IDLE_MS) return void ask();
    // Left to end. Another call may renew it until then, so it is asked about when it should have ended.
    wait(ends - Date.now() + LEAST_WAIT_MS, () => void ask());
  });
};

/** Nobody is signed in any more. */
export const release = (): void => clearTimeout(timer);
