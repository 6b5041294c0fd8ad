// The empty Worker, and two Workers with one task each.
import { plain, startInstance } from "../lib/instance.mjs";

export const startEmpty = async () => {
  const names = ["empty", "same-answer", "one-signature"];
  const instance = await startInstance(Object.fromEntries(names.map((name) => [name, plain(name)])), { database: false });
  const laneOf = async (name) => ({ origin: await instance.urlOf(name), prepare: async (count) => Array(count).fill({}), request: () => ({ path: "/" }) });
  const [lane, ...others] = await Promise.all(names.map(laneOf));
  return { instance, lane, lanes: Object.fromEntries(others.map((other, at) => [names[at + 1], other])), stop: instance.stop };
};
