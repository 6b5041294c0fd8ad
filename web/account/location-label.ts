// Labels for a session: how its user signed in, and from which country.

const RECOVERY = "recovery";

/** Names of methods. If a session has several, the first in this list is shown. */
const METHODS: [string, string][] = [
  ["swk", "a passkey"],
  ["hwk", "a passkey"],
  ["otp", "an authenticator app"],
  ["backup_code", "a backup code"],
  ["fed", "Apple, Google or another provider"],
];

export interface Authentication {
  amr: readonly string[];
  auth_time: number;
  created_at: number;
}

/**
 * Returns how a session began and, if its user confirmed their identity since then, by which
 * method. An unknown method is left out.
 */
export const signInLabels = ({
  amr,
  auth_time,
  created_at,
}: Authentication): { began: string; confirmed: string | null } => {
  const method = METHODS.find(([name]) => amr.includes(name))?.[1];
  // A later confirmation replaces the method of the sign-in.
  if (auth_time > created_at) {
    const confirmed = method === undefined ? "Confirmed" : `Confirmed with ${method}`;
    return { began: "Signed in", confirmed };
  }
  const verb = amr.includes(RECOVERY) ? "Recovered" : "Signed in";
  return { began: method === undefined ? verb : `${verb} with ${method}`, confirmed: null };
};

// In the language of the page. Codes that are not a country, such as Tor's, have no name.
const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
const UNKNOWN = new Set(["XX", "ZZ"]);

/** Returns the country's name, or null if it is not known. */
export const countryName = (code: string | null): string | null => {
  if (code === null || !/^[A-Z]{2}$/.test(code) || UNKNOWN.has(code)) return null;
  return names.of(code) ?? null;
};
