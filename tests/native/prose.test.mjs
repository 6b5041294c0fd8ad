// The measure of language: it finds prose in every kind of file, leaves code alone, and names the
// line of each word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_PER_100, measure, offences } from "../../scripts/prose.mjs";
import { blocksOf, sentencesOf } from "../../scripts/sentences.mjs";

const sentences = (path, ...lines) =>
  blocksOf(path, lines.join("\n"))
    .flatMap(sentencesOf)
    .map(({ text }) => text);
const found = (path, ...lines) =>
  measure([{ path, source: lines.join("\n") }]).findings.map(({ line, word, listed }) => [
    line,
    word,
    listed,
  ]);

test("paragraphs and list items of a document are prose, the rest of it is not", () => {
  assert.deepEqual(
    sentences(
      "page.md",
      "---",
      "status: accepted",
      "---",
      "# A heading",
      "",
      "First sentence. It goes on",
      "to the [next](page.md) line with `code.rs`.",
      "",
      "| a table | of cells |",
      "```sh",
      "curl whoever",
      "```",
      "- An item",
      "- Another item: the last",
      "<!-- not",
      "shown -->",
    ),
    [
      "First sentence.",
      "It goes on to the next line with code.",
      "An item",
      "Another item: the last",
    ],
  );
});

test("comments and strings of Rust are prose, code and SQL are not", () => {
  const lines = [
    "//! A module.",
    "",
    "/// Returns the row.",
    "///",
    "/// # Errors",
    "/// `Missing` if the row is gone.",
    "fn is_anybody_there() { // not after a brace that opens",
    '    let text = "It is longer than {most} bytes.";',
    '    let sql = "SELECT id FROM users WHERE what IS NULL";',
    "}",
  ];
  const comments = [
    "A module.",
    "Returns the row.",
    "code if the row is gone.",
    "not after a brace that opens",
  ];
  assert.deepEqual(sentences("src/row.rs", ...lines), [
    ...comments,
    "It is longer than code bytes.",
  ]);
});

test("a string of Rust over several lines is one sentence, and each word keeps its line", () => {
  const lines = [
    "let quote = '\"';",
    'let text = "The token is kept \\',
    '    for whoever asks.";',
    'let raw = r#"It holds "quotes" and goes on."#;',
  ];
  assert.deepEqual(sentences("src/a.rs", ...lines), [
    "The token is kept for whoever asks.",
    'It holds "quotes" and goes on.',
  ]);
  assert.deepEqual(found("src/a.rs", ...lines), [[3, "whoever", true]]);
});

test("the names of Rust tests and the titles of Node tests are sentences", () => {
  const title = ["a wrong code is refused"];
  assert.deepEqual(
    sentences("tests/api/x.rs", "async fn a_wrong_code_is_refused() {", "fn other() {"),
    title,
  );
  assert.deepEqual(sentences("tests/x.test.mjs", 'test("a wrong code is refused", () => {'), title);
});

test("texts, titles and labels of a page are prose, scripts and comments are not", () => {
  const lines = [
    "<p>Sign in with <b>a passkey</b>.</p>",
    "<!-- whoever -->",
    '<button aria-label="Remove this passkey" class="whoever is styled">Remove</button>',
    "<script>whoever</script>",
  ];
  const texts = sentences("page.html", ...lines).map((text) => text.replace(/\s+/g, " "));
  assert.deepEqual(texts, ["Sign in with a passkey .", "Remove", "Remove this passkey"]);
});

test("every listed word and every counted word is found, with its line", () => {
  assert.deepEqual(found("page.md", "The token is kept", "for whoever asks. It is", "made anew."), [
    [2, "whoever", true],
    [3, "anew", true],
  ]);
  assert.deepEqual(found("src/a.rs", "/// What the caller sent.", "/// `whoever` is code."), [
    [1, "what", false],
  ]);
  assert.deepEqual(found("page.md", "The mail service is told of the event."), [[1, "told", true]]);
});

test("a listed word always offends, a counted one only above the rate", () => {
  const filler = "The caller sends a token. ".repeat(100);
  const one = measure([{ path: "page.md", source: `${filler} What does the caller send?` }]);
  assert.ok(one.relatives > 0 && one.relatives <= MOST_PER_100);
  assert.deepEqual(offences(one), []);
  const many = measure([{ path: "page.md", source: `${filler} ${"What is sent? ".repeat(3)}` }]);
  assert.equal(offences(many).length, 3);
  const listed = measure([{ path: "page.md", source: `${filler} Nobody knows.` }]);
  assert.deepEqual(
    offences(listed).map(({ word }) => word),
    ["nobody"],
  );
});
