// Writes the secrets that development needs into .dev.vars, unless they are already in it. Git
// ignores the file. wrangler reads it here, so that this script finds each setting that the Worker
// will have.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { unstable_getVarsForDev } from "wrangler";
import { testRoot } from "./test-root.mjs";

const FILE = ".dev.vars";

const signingKeys = () => {
  const { kty, crv, x, d } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return JSON.stringify({ keys: [{ kty, crv, x, d, alg: "EdDSA", use: "sig" }] });
};

const key = () => randomBytes(32).toString("base64url");
/** Groups of settings. A group is generated if none of its settings is in the file. */
const generators = [
  () => ({ INTERNAL_API_KEY: key() }),
  () => ({ JWT_SIGNING_KEYS: signingKeys() }),
  () => ({ SECRETS_KEY: key() }),
  () => ({ BOOTSTRAP_SECRET: key() }),
  () => {
    const { certificate, privateKey } = testRoot();
    return { APP_ATTEST_TEST_ROOT: certificate, APP_ATTEST_TEST_ROOT_KEY: privateKey };
  },
];

/** Returns the settings in the file, as wrangler reads them. */
const settings = () => {
  if (!existsSync(FILE)) return {};
  const read = unstable_getVarsForDev("wrangler.toml", undefined, {}, undefined, true);
  return Object.fromEntries(Object.entries(read).map(([name, { value }]) => [name, value]));
};

/** Adds missing secrets to the file and returns all settings in it. */
export const devVars = () => {
  const kept = settings();
  for (const generate of generators) {
    const made = Object.entries(generate());
    if (made.some(([name]) => name in kept)) continue;
    const text = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
    const lines = made.map(([name, value]) => `${name}='${value}'\n`).join("");
    appendFileSync(FILE, `${text && !text.endsWith("\n") ? "\n" : ""}${lines}`, { mode: 0o600 });
    const names = made.map(([name]) => name).join(" and ");
    console.log(`Generated ${names} for development and kept it in ${FILE}.`);
  }
  return settings();
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) devVars();
