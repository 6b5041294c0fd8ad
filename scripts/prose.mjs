// Measures the language of documents, comments, error texts and pages: `node scripts/prose.mjs [--check] [PATH…]`.
//
// CONTRIBUTING.md has the rules. Without flags the script prints a table. With --check it also prints every sentence that
// breaks a rule, as `file:line: word: sentence`, and fails. With paths it measures these files and folders only.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { blocksOf, sentencesOf, wordsOf } from "./sentences.mjs";

/** The highest rate of free relatives and indefinite pronouns in a checked corpus, per 100 words. */
export const MOST_PER_100 = 0.3;
/** The smallest corpus that has a meaningful rate, in words. In a smaller one a single word would decide. */
const LEAST_WORDS = 400;

/** The texts to measure. `--check` fails only for those that are `checked`. */
const CORPORA = [
  { name: "README.md", paths: ["README.md"], checked: true },
  { name: "CONTRIBUTING.md", paths: ["CONTRIBUTING.md"], checked: true },
  { name: "src", paths: ["src"], checked: true },
  { name: "tests", paths: ["tests"], checked: true },
  { name: "web", paths: ["web"], checked: true },
  { name: "docs", paths: ["docs"], except: "docs/decisions/", checked: false },
  { name: "docs/decisions", paths: ["docs/decisions"], checked: false },
  { name: "scripts, benches", paths: ["scripts", "benches"], checked: false },
  { name: "clients", paths: ["clients"], checked: false },
];

/** Words that replace the name of an actor or an object. Questions need some of them, so they are counted and not banned. */
const COUNTED = /\b(whoever|somebody|nobody|anybody|whose|what|that is)\b/giu;

/** Words that always have a plainer one. */
const BANNED = [
  "whoever",
  "somebody",
  "nobody",
  "anybody",
  "anew",
  "lately",
  "meanwhile",
  "besides",
  "what (?:is|was) there",
  "(?:is|are) told",
  "(?:is|are) good",
  "(?:is|are) dear",
  "good for nothing",
  "(?:hangs|hang) on",
];
const BANNED_WORDS = new RegExp(`\\b(${BANNED.join("|")})\\b`, "giu");

/** Generated files, and this script and its test, which hold the banned words. */
const SKIPPED = /(^|\/)(node_modules|build|dist|target)(\/|$)|\/(schema\.ts|prose\.mjs|prose\.test\.mjs)$/;

const filesBelow = (path) =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(path).sort().flatMap((name) => filesBelow(`${path}/${name}`))
    : statSync(path, { throwIfNoEntry: false }) && !SKIPPED.test(path)
      ? [path]
      : [];

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
      const banned = text.match(BANNED_WORDS) ?? [];
      relatives += counted.length;
      const place = (word) => ({ path, line: lineOf(word), word: word.toLowerCase(), text });
      findings.push(...banned.map((word) => ({ ...place(word), banned: true })));
      findings.push(...counted.filter((word) => !banned.includes(word)).map((word) => ({ ...place(word), banned: false })));
    }
  }
  const words = lengths.reduce((sum, length) => sum + length, 0);
  const per100 = (count) => (words === 0 ? 0 : (100 * count) / words);
  return {
    words,
    median: median(lengths),
    long: lengths.length === 0 ? 0 : (100 * lengths.filter((length) => length > 25).length) / lengths.length,
    marks: per100(marks),
    relatives: per100(relatives),
    findings,
  };
}

/** Returns the findings that break the rules: every banned word, and every counted one if there are too many of them. */
export function offences({ words, relatives, findings }, leastWords = LEAST_WORDS) {
  const tooMany = words >= leastWords && relatives > MOST_PER_100;
  return findings.filter(({ banned }) => banned || tooMany);
}

const read = (paths) => paths.flatMap(filesBelow).map((path) => ({ path, source: readFileSync(path, "utf8") }));

function main() {
  const { values: flags, positionals } = parseArgs({ options: { check: { type: "boolean" } }, allowPositionals: true });
  const corpora = positionals.length > 0 ? [{ name: "these files", paths: positionals, checked: true }] : CORPORA;
  const measured = corpora.map((corpus) => {
    const sources = read(corpus.paths).filter(({ path }) => !corpus.except || !path.startsWith(corpus.except));
    return { ...corpus, ...measure(sources) };
  });
  console.log("| corpus | words | median | > 25 words | `;` `:` per 100 words | free relatives per 100 words | banned |");
  console.log("|---|---|---|---|---|---|---|");
  for (const { name, checked, words, median, long, marks, relatives, findings } of measured) {
    const banned = findings.filter((finding) => finding.banned).length;
    const rates = [`${long.toFixed(0)} %`, marks.toFixed(2), relatives.toFixed(2)];
    console.log(`| ${[checked ? name : `${name} (not checked)`, words, median, ...rates, banned].join(" | ")} |`);
  }
  if (!flags.check) return;
  const leastWords = positionals.length > 0 ? 0 : LEAST_WORDS;
  const found = measured.filter(({ checked }) => checked).flatMap((corpus) => offences(corpus, leastWords));
  for (const { path, line, word, text } of found) console.error(`${path}:${line}: ${word}: ${text}`);
  if (found.length === 0) return;
  console.error(`\n${found.length} words to replace: see "Language" in CONTRIBUTING.md.`);
  console.error(`Counted words are listed only where their rate is above ${MOST_PER_100}.`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
