// Builds the account page and the admin page into dist/, which the edge serves as static assets and the native server from the folder:
// `node scripts/build-pages.mjs --release` or `--dev`.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const OUT = "dist";
const profile = process.argv[2] ?? "--release";
if (!["--release", "--dev"].includes(profile)) {
  console.error(`There is no ${profile}: --release or --dev.`);
  process.exit(1);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);

// The one library, which the account page has, asks that its licence goes with every copy.
const licence = readFileSync("node_modules/@simplewebauthn/browser/LICENSE.md", "utf8").trim();
const FOOTERS = { account: { js: `/*! Contains @simplewebauthn/browser.\n${licence} */` }, admin: {} };
const PAGES = Object.keys(FOOTERS);
for (const page of PAGES) {
  await build({
    entryPoints: { [page]: `web/${page}/main.ts` },
    outdir: OUT,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    tsconfig: "web/tsconfig.json",
    footer: FOOTERS[page],
    logLevel: "warning",
  });
  await build({ entryPoints: { [page]: `web/${page}/page.css` }, outdir: OUT, bundle: true, minify: true, target: "es2022", logLevel: "warning" });
  cpSync(`web/${page}/index.html`, `${OUT}/${page}.html`);
}

// In development a browser would hold all of localhost to https for two years, as soon as it is served over https once.
const headers = readFileSync("web/_headers", "utf8");
writeFileSync(`${OUT}/_headers`, profile === "--dev" ? headers.replace(/^ *Strict-Transport-Security:.*\n/gm, "") : headers);

for (const name of PAGES.flatMap((page) => [`${page}.html`, `${page}.js`, `${page}.css`])) {
  const bytes = readFileSync(`${OUT}/${name}`);
  console.log(`${OUT}/${name} ${(bytes.length / 1024).toFixed(1)} KiB, ${(gzipSync(bytes).length / 1024).toFixed(1)} KiB gzip`);
}
