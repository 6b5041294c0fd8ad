// What of dist/ needs no building: the reference, the description, and the headers of all pages.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";

const FILES = { "docs.html": "public/docs.html", "docs.css": "public/docs.css", "openapi.json": "openapi.json" };

/** Puts them into a folder; `profile` is `--dev` or `--release`. Gives their names. */
export const writeDocuments = (folder, profile) => {
  for (const [name, source] of Object.entries(FILES)) copyFileSync(source, `${folder}/${name}`);
  // In development a browser would hold all of localhost to https for two years, as soon as it is served over https once.
  const headers = readFileSync("web/_headers", "utf8");
  writeFileSync(`${folder}/_headers`, profile === "--dev" ? headers.replace(/^ *Strict-Transport-Security:.*\n/gm, "") : headers);
  return Object.keys(FILES);
};
