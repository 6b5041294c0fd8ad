// Checks commit messages against CONTRIBUTING.md, "Commits": `node scripts/commits.mjs`. Commits
// up to START are not checked.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The last commit before the rules. */
const START = "99bb448ad70a6afcc66fd51d3e451eb1d8bec451";
const MOST_CHARACTERS = 72;
/** Imperatives that end like another form of a verb. */
const IMPERATIVES = ["Bring", "Embed", "Focus", "Shed"];

/** Returns the rules that a commit message breaks. */
export function problemsOf(message) {
  const [subject, second] = message.trimEnd().split("\n");
  const first = subject.split(" ")[0];
  const isOtherForm = /(?:[^e]ed|ing|[^s]s)$/.test(first) && !IMPERATIVES.includes(first);
  return [
    !/^\p{Lu}/u.test(subject) && "does not begin with a capital letter",
    isOtherForm && `begins with "${first}", which is not an imperative`,
    subject.length > MOST_CHARACTERS &&
      `has ${subject.length} characters, more than ${MOST_CHARACTERS}`,
    /[.]$/.test(subject) && "ends in a full stop",
    /:(\s|$)/.test(subject) && "has a colon",
    second?.trim() && "is not followed by a blank line",
  ].filter(Boolean);
}

const git = (...args) => spawnSync("git", args, { encoding: "utf8" });

function main() {
  if (git("merge-base", "--is-ancestor", START, "HEAD").status !== 0) {
    console.log(
      `Commit messages are not checked, because ${START.slice(0, 7)} is not in the history.`,
    );
    return;
  }
  const log = git(
    "log",
    "--no-merges",
    "--reverse",
    "--format=%H%n%B%x00",
    `${START}..HEAD`,
  ).stdout;
  const commits = log
    .split("\0")
    .map((entry) => entry.trimStart())
    .filter(Boolean);
  for (const commit of commits) {
    const [hash, ...message] = commit.split("\n");
    for (const problem of problemsOf(message.join("\n"))) {
      console.error(`${hash.slice(0, 8)} ${problem}: ${message[0]}`);
      process.exitCode = 1;
    }
  }
  if (!process.exitCode) console.log(`${commits.length} commit messages follow the rules.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
