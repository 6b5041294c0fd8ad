// Fuzzes every parser of untrusted bytes for FUZZ_SECONDS (20) each, from the seeds in fuzz/seeds.
// Arguments name some of the targets.
//
// No sanitizer is used. It would need a nightly compiler, and the crate forbids unsafe code, so the
// fuzzers look for panics only.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

const seconds = Number(process.env.FUZZ_SECONDS ?? 20);
if (!(seconds > 0)) {
  console.error("FUZZ_SECONDS must be a number of seconds above 0.");
  process.exit(1);
}
const wanted = process.argv.slice(2);
const targets = readdirSync("fuzz/fuzz_targets")
  .map((file) => file.replace(/\.rs$/, ""))
  .filter((target) => wanted.length === 0 || wanted.includes(target));

// cargo-fuzz sets its own compiler flags, so its builds share nothing with the others and have a
// folder of their own.
const env = { ...process.env, CARGO_TARGET_DIR: resolve("target/fuzz") };
for (const target of targets) {
  console.log(`\n== Fuzzing ${target}, ${seconds} s`);
  const corpus = `fuzz/corpus/${target}`;
  mkdirSync(corpus, { recursive: true });
  const limits = [
    `-max_total_time=${seconds}`,
    "-max_len=4096",
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-verbosity=0",
    "-print_final_stats=1",
  ];
  const args = [
    "run",
    "--sanitizer",
    "none",
    target,
    corpus,
    `fuzz/seeds/${target}`,
    "--",
    ...limits,
  ];
  const { status } = spawnSync(".tools/bin/cargo-fuzz", args, {
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  if (status !== 0) {
    console.error(
      `\n${target} failed. The input that made it fail is in fuzz/artifacts/${target}.`,
    );
    process.exit(1);
  }
}
