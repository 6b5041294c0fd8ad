// Documents: every decision record has its parts and a row in the index, and every link and path
// leads to a file.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const FOLDER = "docs/decisions";
const SECTIONS = ["Alternatives considered", "Consequences", "Context", "Decision"];

/** The decision records: number, file, title, sections and the members of the front matter. */
const records = readdirSync(FOLDER)
  .filter((file) => /^\d{4}-/.test(file))
  .map((file) => {
    const text = readFileSync(join(FOLDER, file), "utf8");
    const [, head, body] =
      /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? assert.fail(`${file} has no front matter`);
    const members = Object.fromEntries(head.split("\n").map((line) => line.split(": ")));
    const title = /^# (\d{4})\. (.+)$/m.exec(body) ?? assert.fail(`${file} has no title`);
    const sections = [...body.matchAll(/^## (.+)$/gm)].map((found) => found[1]);
    return { file, members, number: title[1], title: title[2], sections };
  });

const documents = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? documents(path) : path.endsWith(".md") ? [path] : [];
  });
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "LOCAL_HTTPS_SETUP.md",
  ...documents("docs"),
];

test("every decision has its number, status, date and sections", () => {
  assert.ok(records.length > 30);
  for (const { file, members, number, sections } of records) {
    assert.ok(file.startsWith(`${number}-`), `${file} has the number ${number}`);
    assert.match(members.status, /^(proposed|accepted|superseded)$/, file);
    assert.match(members.date, /^\d{4}-\d{2}-\d{2}$/, file);
    const known = ["status", "date", "supersedes", "superseded_by"];
    assert.deepEqual(
      Object.keys(members).filter((name) => !known.includes(name)),
      [],
      file,
    );
    assert.deepEqual(sections.sort(), SECTIONS, file);
  }
  assert.equal(
    new Set(records.map(({ number }) => number)).size,
    records.length,
    "two records have one number",
  );
});

test("a superseded decision and its successor name each other", () => {
  for (const { file, members, number } of records) {
    assert.equal(members.status === "superseded", members.superseded_by !== undefined, file);
    const successor = records.find((other) => other.number === members.superseded_by);
    if (successor)
      assert.equal(
        successor.members.supersedes,
        number,
        `${successor.file} does not say that it supersedes ${number}`,
      );
    const earlier = records.find((other) => other.number === members.supersedes);
    if (members.supersedes)
      assert.equal(
        earlier?.members.superseded_by,
        number,
        `${file} supersedes ${members.supersedes}`,
      );
  }
});

test("the index lists every decision once, with its title and status", () => {
  const index = readFileSync(join(FOLDER, "README.md"), "utf8");
  const rows = [...index.matchAll(/^\| \[(\d{4})\]\((.+?)\) \| (.+) \| (.+) \|$/gm)]
    .map(([row]) => row)
    .sort();
  const expected = records.map(({ file, members, number, title }) => {
    const status = members.superseded_by
      ? `superseded by ${members.superseded_by}`
      : members.status;
    return `| [${number}](${file}) | ${title} | ${status} |`;
  });
  assert.deepEqual(rows, expected.sort());
});

test("every link between documents leads to a file", () => {
  for (const page of pages) {
    for (const [, target] of readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const path = normalize(join(dirname(page), target));
      assert.ok(existsSync(path), `${page} links to ${path}`);
    }
  }
});

test("every path that a contributor or a decision is sent to exists", () => {
  const superseded = records
    .filter(({ members }) => members.status === "superseded")
    .map(({ file }) => join(FOLDER, file));
  const sent = [
    "README.md",
    "CONTRIBUTING.md",
    ...documents("docs/reference"),
    ...documents(FOLDER),
  ];
  for (const page of sent.filter((path) => !superseded.includes(path))) {
    for (const [, path] of readFileSync(page, "utf8").matchAll(
      /`((?:src|tests|scripts|web|migrations|docs)\/[\w./-]*)`/g,
    )) {
      assert.ok(existsSync(path), `${page} names ${path}`);
    }
  }
});
