// The files of dist/ that need no building: the reference, the description, and all headers.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";

const FILES = {
  "docs.html": "public/docs.html",
  "docs.css": "public/docs.css",
  "openapi.json": "openapi.json",
};

/** Writes the files into a folder and returns their names. `profile` is `--dev` or `--release`. */
export const writeDocuments = (folder, profile) => {
  for (const [name, source] of Object.entries(FILES)) copyFileSync(source, `${folder}/${name}`);
  // Without HSTS in development: once localhost was served over https, browsers would insist on
  // https for all of localhost for two years.
  const headers = readFileSync("web/_headers", "utf8");
  const hsts = /^ *Strict-Transport-Security:.*\n/gm;
  writeFileSync(`${folder}/_headers`, profile === "--dev" ? headers.replace(hsts, "") : headers);
  return Object.keys(FILES);
};
