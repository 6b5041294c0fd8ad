// Looks at a page for everybody: what gets the focus, what is large enough, what axe finds.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { picture } from "./browser.mjs";
import { person } from "./person.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const LEAST_TARGET = 44;
const SIZES = [["narrow", 320, 700], ["phone", 390, 844], ["desktop", 1280, 800]];

/** Names of what gets the focus, from where it is on, as somebody presses Tab; it must always be seen where it is. */
export const tabs = async (who, most = 40) => {
  const names = [];
  for (let step = 0; step < most; step += 1) {
    await who.page.keyboard.press("Tab");
    const ring = await who.page.evaluate(() => {
      const at = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return { nowhere: at === document.body, outlineStyle, width: parseFloat(outlineWidth) };
    });
    if (ring.nowhere) return names;
    const name = await who.focused();
    assert.ok(ring.outlineStyle === "solid" && ring.width >= 2, `${name} shows its focus`);
    names.push(name);
  }
  return names;
};

/** What may be touched is large enough, and nothing is wider than the screen. */
export const fits = async (page, what) => {
  const { overflow, small } = await page.evaluate((least) => {
    const visible = [...document.querySelectorAll("button, input, select, a[href]")].filter((each) => each.checkVisibility());
    // A box is ticked by its label, too.
    const controls = visible.map((each) => (each.type === "checkbox" ? each.labels[0] : each));
    const tiny = controls.filter((each) => each.getBoundingClientRect().height < least || each.getBoundingClientRect().width < least);
    return { overflow: document.documentElement.scrollWidth - innerWidth, small: tiny.map((each) => each.outerHTML.slice(0, 120)) };
  }, LEAST_TARGET);
  assert.deepEqual({ overflow: Math.max(0, overflow), small }, { overflow: 0, small: [] }, what);
};

const audit = async (page, what) => {
  const violations = await page.evaluate(async () => {
    const results = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return results.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`) }));
  });
  assert.deepEqual(violations, [], what);
};

/** A visitor to look with, of a kind, in one colour scheme; `look(what)` goes through every width. */
export const inspector = async ({ name, browser, origin }, colorScheme, kind = person) => {
  // The auditor is a script of its own, which the page's policy would refuse: so this visitor's browser does not enforce it.
  const visitor = await kind(browser, origin, { bypassCSP: true, colorScheme, reducedMotion: "reduce" });
  await visitor.context.addInitScript({ path: AXE });
  const look = async (what) => {
    for (const [size, width, height] of SIZES) {
      await visitor.page.setViewportSize({ width, height });
      await fits(visitor.page, `${what}, ${size}, ${colorScheme}`);
      await picture(visitor.page, `${name}-${what}-${size}-${colorScheme}`);
    }
    await audit(visitor.page, `${what}, ${colorScheme}`);
  };
  return { visitor, look };
};
