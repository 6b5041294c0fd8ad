// Measures the language of comments, messages, error texts, pages and documents, by the rules of
// CONTRIBUTING.md.
//
//   node scripts/prose.mjs                 prints a table with a row for each corpus
//   node scripts/prose.mjs --check         also prints the sentences that break a rule, and fails
//   node scripts/prose.mjs --files PATH…   prints the sentences to mend in each of these files
//   node scripts/prose.mjs --check PATH…   fails if these files and folders break a rule
//
// A listed word always breaks a rule. Counted words break it only if a corpus has too many of them.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { blocksOf, sentencesOf, wordsOf } from "./sentences.mjs";

/**
 * The highest rate of free relatives and indefinite pronouns in a checked corpus, per 100 words.
 */
export const MOST_PER_100 = 0.3;
/**
 * The smallest corpus that has a meaningful rate, in words. In a smaller one a single word would
 * decide.
 */
const LEAST_WORDS = 400;

/** The texts to measure. `--check` fails only for those that are `checked`. */
const CORPORA = [
  { name: "README.md", paths: ["README.md"], checked: true },
  { name: "CONTRIBUTING.md", paths: ["CONTRIBUTING.md"], checked: true },
  { name: "src", paths: ["src"], checked: true },
  { name: "scripts", paths: ["scripts"], checked: true },
  { name: "web", paths: ["web"], checked: true },
  { name: "tests", paths: ["tests"], checked: true },
  { name: "clients", paths: ["clients"], checked: true },
  { name: "benches, examples, fuzz", paths: ["benches", "examples", "fuzz"], checked: true },
  { name: "docs", paths: ["docs"], except: "docs/decisions/", checked: false },
  { name: "docs/decisions", paths: ["docs/decisions"], checked: false },
];

/**
 * Free relatives and indefinite pronouns. Questions need some of them, so they are counted and not
 * listed.
 */
const COUNTED = /\b(whoever|somebody|nobody|anybody|whose|what|that is)\b/giu;

/** The listed words. Each of them has a plainer one. */
const LISTED = [
  "whoever",
  "somebody",
  "nobody",
  "anybody",
  "anew",
  "lately",
  "meanwhile",
  "besides",
  "brakes?",
  "dear",
  "told",
  "tells",
  "stands",
  "what (?:is|was) there",
  "(?:is|are|was|were) good",
  "good for",
  "(?:hangs|hang) on",
  "(?:token|challenge)s? ends?",
];
const LISTED_WORDS = new RegExp(`\\b(${LISTED.join("|")})\\b`, "giu");

/** Generated files, and this script and its test, which hold the listed words. */
const SKIPPED =
  /(^|\/)(node_modules|build|dist|target)(\/|$)|\/(schema\.ts|prose\.mjs|prose\.test\.mjs)$/;

const filesBelow = (path) =>
  SKIPPED.test(path)
    ? []
    : statSync(path).isDirectory()
      ? readdirSync(path)
          .sort()
          .flatMap((name) => filesBelow(join(path, name)))
      : [path];

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** Measures the prose of sources, given as `{ path, source }`. */
export function measure(sources) {
  const lengths = [];
  const findings = [];
  let marks = 0;
  let relatives = 0;
  for (const { path, source } of sources) {
    for (const { text, lineOf } of blocksOf(path, source).flatMap(sentencesOf)) {
      const words = wordsOf(text).length;
      if (words === 0) continue;
      lengths.push(words);
      marks += (text.match(/[;:](?=\s|$)/g) ?? []).length;
      const counted = text.match(COUNTED) ?? [];
      const listed = text.match(LISTED_WORDS) ?? [];
      relatives += counted.length;
      const place = (word) => ({ path, line: lineOf(word), word: word.toLowerCase(), text });
      findings.push(...listed.map((word) => ({ ...place(word), listed: true })));
      const others = counted.filter((word) => !listed.includes(word));
      findings.push(...others.map((word) => ({ ...place(word), listed: false })));
    }
  }
  const words = lengths.reduce((sum, length) => sum + length, 0);
  const per100 = (count) => (words === 0 ? 0 : (100 * count) / words);
  return {
    words,
    median: median(lengths),
    long: (100 * lengths.filter((length) => length > 25).length) / Math.max(lengths.length, 1),
    marks: per100(marks),
    relatives: per100(relatives),
    findings,
  };
}

/**
 * Returns the findings that break the rules: every listed word, and every counted one if there are
 * too many of them.
 */
export function offences({ words, relatives, findings }, leastWords = LEAST_WORDS) {
  const tooMany = words >= leastWords && relatives > MOST_PER_100;
  return findings.filter(({ listed }) => listed || tooMany);
}

const read = (paths) =>
  paths.flatMap(filesBelow).map((path) => ({ path, source: readFileSync(path, "utf8") }));

/** Prints a table with a row for each corpus. */
function printTable(measured) {
  console.log(
    "| corpus | words | median | > 25 words | `;` `:` per 100 | counted words per 100 | listed words |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const { name, checked, words, median, long, marks, relatives, findings } of measured) {
    const listed = findings.filter((finding) => finding.listed).length;
    const rates = [`${long.toFixed(0)} %`, marks.toFixed(2), relatives.toFixed(2)];
    console.log(
      `| ${[checked ? name : `${name} (not checked)`, words, median, ...rates, listed].join(" | ")} |`,
    );
  }
}

/** Prints each file that has listed or counted words, with the sentences that hold them. */
function printFiles(sources) {
  for (const source of sources) {
    const { words, relatives, findings } = measure([source]);
    if (findings.length === 0) continue;
    const listed = findings.filter((finding) => finding.listed).length;
    const rate = `${relatives.toFixed(2)} counted words per 100`;
    console.log(`\n${source.path}: ${words} words, ${listed} listed, ${rate}`);
    for (const { line, word, listed, text } of findings.toSorted((a, b) => a.line - b.line)) {
      console.log(
        `${String(line).padStart(5)}  ${(listed ? word.toUpperCase() : word).padEnd(12)} ${text}`,
      );
    }
  }
}

function main() {
  const options = { check: { type: "boolean" }, files: { type: "boolean" } };
  const { values: flags, positionals } = parseArgs({ options, allowPositionals: true });
  const given = [{ name: "these files", paths: positionals, checked: true }];
  const measured = (positionals.length > 0 ? given : CORPORA).map((corpus) => {
    const sources = read(corpus.paths).filter(
      ({ path }) => !corpus.except || !path.startsWith(corpus.except),
    );
    return { ...corpus, sources, ...measure(sources) };
  });
  if (flags.files) {
    const shown = measured.filter(({ checked }) => checked);
    printFiles(shown.flatMap(({ sources }) => sources));
    console.log("");
  }
  printTable(measured);
  if (!flags.check) return;
  const leastWords = positionals.length > 0 ? 0 : LEAST_WORDS;
  const found = measured
    .filter(({ checked }) => checked)
    .flatMap((corpus) => offences(corpus, leastWords));
  for (const { path, line, word, text } of found)
    console.error(`${path}:${line}: ${word}: ${text}`);
  if (found.length === 0) return;
  console.error(`\n${found.length} words to replace: see "Language" in CONTRIBUTING.md.`);
  console.error(
    `Counted words appear here only where their rate is above ${MOST_PER_100} per 100 words.`,
  );
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
