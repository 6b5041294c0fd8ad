// Builds the account page, the admin page and the reference into dist/:
// `node scripts/build-pages.mjs --release` or `--dev`. Cloudflare serves the folder as static
// assets. The native server reads the files and serves them.
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { writeDocuments } from "./documents.mjs";

const OUT = "dist";
const profile = process.argv[2] ?? "--release";
if (!["--release", "--dev"].includes(profile)) {
  console.error(`There is no profile ${profile}. Use --release or --dev.`);
  process.exit(1);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);

// The licence of the account page's only library must be part of every copy.
const licence = readFileSync("node_modules/@simplewebauthn/browser/LICENSE.md", "utf8").trim();
const FOOTERS = {
  account: { js: `/*! Contains @simplewebauthn/browser.\n${licence} */` },
  admin: {},
};
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
  await build({
    entryPoints: { [page]: `web/${page}/page.css` },
    outdir: OUT,
    bundle: true,
    minify: true,
    target: "es2022",
    logLevel: "warning",
  });
  cpSync(`web/${page}/index.html`, `${OUT}/${page}.html`);
}

const documents = writeDocuments(OUT, profile);

const built = PAGES.flatMap((page) => [`${page}.html`, `${page}.js`, `${page}.css`]);
for (const name of [...built, ...documents]) {
  const bytes = readFileSync(`${OUT}/${name}`);
  console.log(
    `${OUT}/${name} ${(bytes.length / 1024).toFixed(1)} KiB, ${(gzipSync(bytes).length / 1024).toFixed(1)} KiB gzip`,
  );
}
