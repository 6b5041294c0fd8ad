// Folders that exist until this process ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeDocuments } from "../../scripts/documents.mjs";

const made = [];
process.on("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** Makes an empty folder. */
export const newFolder = (prefix) => {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  made.push(folder);
  return folder;
};

let folder;
/** Returns a folder with the static assets that need no build. */
export const documents = () => {
  if (!folder) {
    folder = newFolder("hamrah-assets-");
    writeDocuments(folder, "--dev");
  }
  return folder;
};
