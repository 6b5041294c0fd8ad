// Finds the prose in a file and cuts it into sentences. `scripts/prose.mjs` measures them.
//
// A block is a list of `{ line, text }`: one paragraph, one comment, one list item or one text of a
// page.

const SQL = /\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|AND|AS|NULL|VALUES)\b/;

/**
 * Returns the blocks of a file, chosen by its ending, or none for a kind of file that holds no
 * prose.
 */
export function blocksOf(path, source) {
  const lines = source.split("\n").map((text, index) => ({ line: index + 1, text }));
  if (path.endsWith(".md")) return markdown(lines);
  if (path.endsWith(".rs")) {
    const names = /(^|\/)tests(\/|\.rs$)/.test(path) ? namesOfTests(lines) : [];
    return [...comments(lines), ...rustStrings(source), ...names];
  }
  if (/\.(mjs|js|ts)$/.test(path)) return [...comments(lines), ...strings(lines)];
  return path.endsWith(".html") ? page(source) : [];
}

/**
 * Returns paragraphs and list items. Front matter, code, tables, headings and HTML comments are not
 * prose.
 */
function markdown(lines) {
  let inFrontMatter = lines[0]?.text === "---";
  let fence = null;
  let inComment = false;
  const kept = lines.map(({ line, text }, index) => {
    if (inFrontMatter) {
      if (index > 0 && text === "---") inFrontMatter = false;
      return { line, text: "" };
    }
    const opening = /^\s*(`{3,})/.exec(text)?.[1];
    if (opening && (fence === null || opening.length >= fence.length)) {
      fence = fence === null ? opening : null;
      return { line, text: "" };
    }
    if (text.includes("<!--")) inComment = true;
    const isProse = fence === null && !inComment && !/^\s*(#|\||<|!\[)/.test(text);
    if (text.includes("-->")) inComment = false;
    return { line, text: isProse ? text : "" };
  });
  return paragraphs(kept);
}

/**
 * Returns the comments of Rust, JavaScript and TypeScript. Each run of comment lines is cut into
 * paragraphs.
 */
function comments(lines) {
  const blocks = [];
  let run = [];
  let fenced = false;
  let inBlock = false;
  const end = () => {
    blocks.push(...paragraphs(run));
    run = [];
    fenced = false;
  };
  for (const { line, text } of lines) {
    const [, opened] = /^\s*\/\*\*?(.*)$/.exec(text) ?? [];
    const [, said] = /^\s*\/\/[/!]?(.*)$/.exec(text) ?? [];
    if (opened !== undefined) inBlock = true;
    if (said !== undefined || inBlock) {
      const content = (said ?? opened ?? text.replace(/^\s*\*(?!\/)/, ""))
        .replace(/\*\/.*$/, "")
        .trim();
      const isFence = content.startsWith("```");
      if (isFence) fenced = !fenced;
      run.push({ line, text: isFence || fenced || content.startsWith("#") ? "" : content });
      if (inBlock && text.includes("*/")) inBlock = false;
      continue;
    }
    end();
    const trailing = /^(.*?[;,{})\]])\s+\/\/ (.*)$/.exec(text);
    if (trailing && (trailing[1].match(/"/g) ?? []).length % 2 === 0)
      blocks.push([{ line, text: trailing[2] }]);
  }
  end();
  return blocks;
}

/** Returns the names of tests, which are sentences: names of functions with four words or more. */
function namesOfTests(lines) {
  return lines.flatMap(({ line, text }) => {
    const name = /\bfn (\w+(?:_\w+){3,})\s*[(<]/.exec(text)?.[1];
    return name ? [[{ line, text: name.replaceAll("_", " ") }]] : [];
  });
}

/**
 * Returns true if a string is a sentence. A sentence has three words in a row, and it is neither
 * SQL nor a part of a page.
 */
const isSentence = (content) =>
  /\p{L}{2,} [\p{L}'’]+ [\p{L}'’]+/u.test(content) && !/[<>{}]/.test(content) && !SQL.test(content);

/** Replaces the placeholders of a string by code. */
const filled = (content) => content.replace(/\$?\{[^{}]*\}/g, "`code`");

/**
 * Returns the strings of JavaScript and TypeScript that are sentences: messages, log lines, titles
 * of tests.
 */
function strings(lines) {
  return lines.flatMap(({ line, text }) => {
    if (/^\s*(\/\/|\*|\/\*|import\b)/.test(text)) return [];
    const literals = text.match(/"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
    const contents = literals.map((literal) => filled(literal.slice(1, -1)));
    return contents.filter(isSentence).map((content) => [{ line, text: content }]);
  });
}

/**
 * Finds Rust's comments, characters and strings, so that a quote inside of one of them does not
 * open another.
 */
const RUST =
  /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^\\'\n])'|r(#*)"([\s\S]*?)"\1|"((?:[^"\\]|\\[\s\S])*)"/g;

/**
 * Returns the strings of Rust that are sentences: error texts, log lines, messages. A string can
 * stretch over several lines.
 */
function rustStrings(source) {
  return [...source.matchAll(RUST)].flatMap(({ index, 2: raw, 3: escaped }) => {
    const content = filled((raw ?? escaped ?? "").replace(/\\\n\s*/g, "\n").replace(/\\"/g, '"'));
    if (!isSentence(content.replace(/\s+/g, " "))) return [];
    const first = source.slice(0, index).split("\n").length;
    return [
      content.split("\n").map((text, offset) => ({ line: first + offset, text: text.trim() })),
    ];
  });
}

/** Returns the texts of a page and its attributes that are shown or read aloud. */
function page(source) {
  const blank = (part) => part.replace(/[^\n]/g, " ");
  const spoken = /\b(?:alt|title|placeholder|aria-label|data-[a-z-]+)="([^"]*\s[^"]*)"/g;
  const lineOf = (index) => source.slice(0, index).split("\n").length;
  const attributes = [...source.matchAll(spoken)].map((found) => [
    { line: lineOf(found.index), text: found[1] },
  ]);
  const text = source.replace(/<!--[\s\S]*?-->|<(script|style)\b[\s\S]*?<\/\1>/g, blank);
  const inline = text.replace(/<\/?(a|b|bdi|code|em|strong|span)\b[^>]*>/g, blank);
  const rows = inline.replace(/<[^>]*>/g, (tag) => `\u0000${blank(tag).slice(1)}`);
  const blocks = [];
  let at = 0;
  for (const part of rows.split("\u0000")) {
    const block = part
      .split("\n")
      .map((content, index) => ({ line: lineOf(at) + index, text: content.trim() }));
    blocks.push(block.filter(({ text }) => text));
    at += part.length + 1;
  }
  return [...blocks.filter((block) => block.length > 0), ...attributes];
}

/** Cuts lines at empty ones and before each list item. */
function paragraphs(lines) {
  const blocks = [];
  let block = [];
  for (const { line, text } of lines) {
    const item = /^\s*(?:[-*]|\d+\.)\s+(.*)$/.exec(text);
    if (block.length > 0 && (text.trim() === "" || item)) blocks.push(block.splice(0));
    if (text.trim() !== "") block.push({ line, text: item ? item[1] : text.trim() });
  }
  return block.length > 0 ? [...blocks, block] : blocks;
}

/** Reduces code to one word and a link to its text. */
const plain = (text) =>
  text
    .replace(/``[^`]+``|`[^`]*`/g, "code")
    .replace(/!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?/g, "$1")
    .replace(/<?https?:\/\/\S+/g, "link")
    .replace(/[*_]{1,2}(\S(?:.*?\S)?)[*_]{1,2}/g, "$1");

/**
 * Returns the sentences of a block as `{ text, lineOf }`. `lineOf(word)` is the line that holds a
 * word of the sentence.
 */
export function sentencesOf(block) {
  const starts = [];
  let whole = "";
  for (const { line, text } of block) {
    starts.push({ at: whole.length, line });
    whole += `${text} `;
  }
  const lineAt = (index) => starts.findLast(({ at }) => at <= index).line;
  const sentences = [];
  let at = 0;
  for (const part of whole.split(/(?<=[.!?]["')*]*)\s+(?=[\p{Lu}"'(`*[])/u)) {
    const found = whole.indexOf(part, at);
    at = found + part.length;
    const lineOf = (word) =>
      lineAt(found + Math.max(part.toLowerCase().indexOf(word.toLowerCase()), 0));
    if (part.trim()) sentences.push({ text: plain(part).trim(), lineOf });
  }
  return sentences;
}

/** Returns the words of a sentence. A hyphenated word is one word, and so is a number. */
export const wordsOf = (sentence) => sentence.match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu) ?? [];
