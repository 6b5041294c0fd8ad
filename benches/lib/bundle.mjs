// better-auth's Worker as wrangler would bundle it: one minified ES module for workerd.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = new URL("../", import.meta.url);

/** Bundles `workers/NAME.mjs` into `build/NAME.mjs` and returns its path. */
export const bundle = async (name) => {
  mkdirSync(new URL("build/", folder), { recursive: true });
  const outfile = fileURLToPath(new URL(`build/${name}.mjs`, folder));
  await build({
    entryPoints: [fileURLToPath(new URL(`workers/${name}.mjs`, folder))],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import", "production"],
    external: ["node:*", "cloudflare:*"],
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    logLevel: "error",
  });
  return outfile;
};
