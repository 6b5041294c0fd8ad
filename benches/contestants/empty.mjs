// The empty Worker.
import { plain, startInstance } from "../lib/instance.mjs";

export const startEmpty = async () => {
  const instance = await startInstance({ empty: plain("empty") }, { database: false });
  const origin = await instance.urlOf("empty");
  return { instance, lane: { origin, prepare: async (count) => Array(count).fill({}), request: () => ({ path: "/" }) }, stop: instance.stop };
};
