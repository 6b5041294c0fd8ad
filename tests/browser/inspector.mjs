// Checks accessibility: the order of the focus, the size of controls, and axe's rules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { picture } from "./browser.mjs";
import { person } from "./person.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const LEAST_TARGET = 44;
const SIZES = [
  ["narrow", 320, 700],
  ["phone", 390, 844],
  ["desktop", 1280, 800],
];

/**
 * Presses Tab repeatedly and returns the names of the controls that get the focus. Each must show
 * that it has the focus.
 */
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

/**
 * Checks that controls are large enough to touch and that the page is not wider than the screen.
 */
export const fits = async (page, what) => {
  const { overflow, small } = await page.evaluate((least) => {
    const visible = [...document.querySelectorAll("button, input, select, a[href]")].filter(
      (each) => each.checkVisibility(),
    );
    // A click on its label ticks a checkbox too.
    const controls = visible.map((each) => (each.type === "checkbox" ? each.labels[0] : each));
    const tiny = controls.filter(
      (each) =>
        each.getBoundingClientRect().height < least || each.getBoundingClientRect().width < least,
    );
    return {
      overflow: document.documentElement.scrollWidth - innerWidth,
      small: tiny.map((each) => each.outerHTML.slice(0, 120)),
    };
  }, LEAST_TARGET);
  assert.deepEqual({ overflow: Math.max(0, overflow), small }, { overflow: 0, small: [] }, what);
};

const audit = async (page, what) => {
  const violations = await page.evaluate(async () => {
    const results = await globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return results.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
    }));
  });
  assert.deepEqual(violations, [], what);
};

/**
 * Opens a page in one colour scheme. `kind` chooses the page. `look(what)` checks it at every
 * width.
 */
export const inspector = async ({ name, browser, origin }, colorScheme, kind = person) => {
  // The page's policy would refuse axe's script, so this browser does not enforce the policy.
  const visitor = await kind(browser, origin, {
    bypassCSP: true,
    colorScheme,
    reducedMotion: "reduce",
  });
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
