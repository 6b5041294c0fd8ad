// Registers the browser's cases with Node: all of them, or those that a list names.
import { test as register } from "node:test";

const registered = new Set();
let chosen;

/** Restricts `test` to the cases with these names, from now on. */
export const choose = (names) => {
  chosen = new Set(names);
};

/** Registers a case, unless a list was chosen that does not name it. */
export const test = (name, run) => {
  registered.add(name);
  if (chosen === undefined || chosen.has(name)) register(name, run);
};

/** Returns the names in the chosen list that no case has. */
export const misnamed = () => [...(chosen ?? [])].filter((name) => !registered.has(name));
