// How and from where somebody signed in, in words.

const RECOVERY = "recovery";

/** Of several methods the first that stands here says it best. */
const PROOFS: [string, string][] = [
  ["swk", "a passkey"],
  ["hwk", "a passkey"],
  ["otp", "an authenticator app"],
  ["backup_code", "a backup code"],
  ["fed", "Apple, Google or another provider"],
];

export interface Proven {
  amr: readonly string[];
  auth_time: number;
  created_at: number;
}

/** How a sign-in began, and by what its owner has confirmed since then who they are. What is not known is not said. */
export const proofs = ({
  amr,
  auth_time,
  created_at,
}: Proven): { began: string; confirmed: string | null } => {
  const proof = PROOFS.find(([method]) => amr.includes(method))?.[1];
  // A later proof takes the place of the first one.
  if (auth_time > created_at)
    return {
      began: "Signed in",
      confirmed: proof === undefined ? "Confirmed" : `Confirmed with ${proof}`,
    };
  const verb = amr.includes(RECOVERY) ? "Recovered" : "Signed in";
  return { began: proof === undefined ? verb : `${verb} with ${proof}`, confirmed: null };
};

// In the page's language, and nothing for what is no country, as the code for Tor.
const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
const UNKNOWN = new Set(["XX", "ZZ"]);

/** The country's name; null if it is not known. */
export const countryName = (code: string | null): string | null => {
  if (code === null || !/^[A-Z]{2}$/.test(code) || UNKNOWN.has(code)) return null;
  return names.of(code) ?? null;
};
