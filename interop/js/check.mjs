// The little that both smokes need: named steps that print whether they held.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";

export const run = randomBytes(4).toString("hex");
export const equal = assert.deepStrictEqual;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The installed version of a package. */
export function version(name) {
  const require = createRequire(import.meta.url);
  const at = require.resolve(name).split(`node_modules/${name}/`)[0];
  return require(`${at}node_modules/${name}/package.json`).version;
}

/** Runs the steps in order and ends the process: 0 when all held. */
export async function steps(all) {
  let failed = 0;
  for (const [name, step] of Object.entries(all)) {
    try {
      await step();
      console.log("ok", name);
    } catch (error) {
      failed++;
      console.log("FAILED", name, "-", error.name, error.message);
    }
  }
  process.exit(failed ? 1 : 0);
}

/** Expects the promise to be refused with an error of the given name. */
export async function refused(name, promise) {
  const error = await promise.then(() => null, (e) => e);
  equal(error?.name, name);
  return error;
}
