// Writes the secrets that development needs into .dev.vars, unless they are already in it. Git
// ignores the file.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const FILE = ".dev.vars";

const signingKeys = () => {
  const { kty, crv, x, d } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return JSON.stringify({ keys: [{ kty, crv, x, d, alg: "EdDSA", use: "sig" }] });
};

const key = () => randomBytes(32).toString("base64url");
const generators = {
  INTERNAL_API_KEY: key,
  JWT_SIGNING_KEYS: signingKeys,
  SECRETS_KEY: key,
  BOOTSTRAP_SECRET: key,
};

/** Adds missing secrets to the file and returns all settings in it. */
export const devVars = () => {
  let text = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
  for (const [name, generate] of Object.entries(generators)) {
    if (new RegExp(`^${name}=`, "m").test(text)) continue;
    const line = `${text && !text.endsWith("\n") ? "\n" : ""}${name}='${generate()}'\n`;
    appendFileSync(FILE, line, { mode: 0o600 });
    text += line;
    console.log(`Generated ${name} for development and kept it in ${FILE}.`);
  }
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value.trim().replace(/^'(.*)'$/, "$1"),
    ]),
  );
};

if (import.meta.url === `file://${process.argv[1]}`) devVars();
