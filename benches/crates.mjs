// Prints the share of each crate in the size of the module, as a table for docs/SIZE.md:
//
//   cargo install twiggy && node scripts/build-worker.mjs --release --names
//   twiggy top -n 100000 -f csv build/names.wasm | node benches/crates.mjs
//
// The measured module is the one before wasm-opt, which removes the names. Generic code counts
// toward the crate that defines it, and handlers count toward axum.
import { readFileSync } from "node:fs";

const ROWS = 24;
const sizes = new Map();

/**
 * The name and the size in each line of the CSV. A name with a comma is quoted, and its own quotes
 * are doubled.
 */
const items = readFileSync(0, "utf8")
  .split("\n")
  .slice(1)
  .map((line) => /^(?:"((?:[^"]|"")*)"|([^,]*)),(\d+),/.exec(line))
  .filter(Boolean)
  .map(([, quoted, plain, size]) => ({ name: quoted?.replaceAll('""', '"') ?? plain, size: Number(size) }));

/**
 * Returns the crate of a function: the first part of its path. The crate of a method is that of its
 * type or, if the name of the type has no crate, that of its trait.
 */
const owner = (name) => {
  if (name.includes("subsection")) return undefined;
  if (name.startsWith("data segment")) return "data: texts, tables, vtables";
  if (/^<F as axum::handler::Handler/.test(name)) return "axum, with our handlers inside";
  const path = /^<?(?:&|mut |\*const |\[|\(|dyn )*([a-z_][a-z0-9_]*)(?:\[[0-9a-f]+\])?::/.exec(name) ?? / as ([a-z_][a-z0-9_]*)::/.exec(name);
  return path?.[1] ?? "no crate in the name";
};
for (const { name, size } of items) {
  const crate = owner(name);
  if (crate) sizes.set(crate, (sizes.get(crate) ?? 0) + size);
}

const sorted = [...sizes].sort(([, a], [, b]) => b - a);
const total = sorted.reduce((sum, [, size]) => sum + size, 0);
const row = (name, size) => `| ${name} | ${(size / 1000).toFixed(0)} | ${((size / total) * 100).toFixed(1)} % |`;
console.log("| crate | KB | of the module |\n| --- | ---: | ---: |");
for (const [crate, size] of sorted.slice(0, ROWS)) console.log(row(crate, size));
console.log(row(`${sorted.length - ROWS} others`, sorted.slice(ROWS).reduce((sum, [, size]) => sum + size, 0)));
