// Tests of forebay.js without a browser: each page is a new forebay() on the same storage, the gateway is a list of
// answers, and time passes when a test says so.
//
//   node --test internal/gateway/testdata/forebay.test.mjs
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";

const source = await readFile(new URL("../forebay.js", import.meta.url), "utf8");
const { forebay } = await import("data:text/javascript," + encodeURIComponent(source));

const origin = "https://shop.example";
const place = "/forebay/v1/replies/secret";
let asked; // what the gateway was asked, in order
let answers; // what it will say: an answer, or "never", or "unreachable"
let timers; // what waits, as { ms, wake }
let storage; // of the tab
let reported; // errors of handlers
let online; // who waits for the network

beforeEach(() => {
  asked = [], answers = [], timers = [], reported = [], online = new Set();
  storage = Object.create({
    setItem(key, text) { this[key] = text; },
    getItem(key) { return this[key]; },
    removeItem(key) { delete this[key]; },
  });
  Object.assign(globalThis, {
    location: { origin },
    sessionStorage: storage,
    reportError: (e) => reported.push(e.message),
    addEventListener: (event, f) => event === "online" && online.add(f),
    removeEventListener: (event, f) => event === "online" && online.delete(f),
    setTimeout: (wake, ms) => timers[timers.push({ ms, wake }) - 1],
    clearTimeout: (timer) => { timers = timers.filter((other) => other !== timer); },
    fetch: async (url, options = {}) => {
      asked.push({ url: String(url), method: options.method ?? "GET", body: options.body, headers: options.headers });
      const answer = answers.shift() ?? "never";
      if (answer === "never") return new Promise(() => {});
      if (answer === "unreachable") throw new TypeError("Failed to fetch");
      const response = new Response(answer.body ?? "", { status: answer.status, headers: answer.headers });
      return Object.defineProperty(response, "url", { value: String(url) });
    },
  });
});

const complete = (body, status = 200) => ({ status, body, headers: { "Forebay-Reply": "complete" } });
const pending = { status: 202, headers: { "Forebay-Reply": "pending", Location: place, "Retry-After": "3" } };
const order = { method: "POST", body: "one", headers: { "X-Shop": "7" }, note: { order: 1 } };

// settle lets everything happen that needs no time.
const settle = () => new Promise((done) => setImmediate(done));

// page opens a page that writes down what it is told.
function page(options) {
  const calls = forebay(options);
  const told = [];
  calls.on("progress", ({ state, retry }) => told.push(retry ? `${state} ${retry}` : state));
  calls.on("reply", async ({ note, response }) => told.push(`reply ${response.status} to ${JSON.stringify(note)}`));
  return { calls, told };
}

// pass ends the one wait there is, and returns how long it would have been.
async function pass() {
  assert.equal(timers.length, 1, "one timer waits");
  const { ms, wake } = timers[0];
  wake();
  await settle();
  return ms;
}

const keys = () => asked.map(({ headers }) => headers["Idempotency-Key"]);

test("a reply at once is given to the caller and to the handlers, and nothing is kept", async () => {
  answers = [complete("done", 201)];
  const { calls, told } = page();
  const response = await calls.fetch("/orders", order);
  assert.equal(response.status, 201);
  assert.equal(await response.text(), "done");
  assert.deepEqual(told, ["sending", 'reply 201 to {"order":1}']);
  assert.match(keys()[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(asked, [{ url: origin + "/orders", method: "POST", body: "one",
    headers: { "x-shop": "7", "Idempotency-Key": keys()[0], Prefer: "wait=20" } }]);
  assert.deepEqual(Object.keys(storage), []);
});

test("a reply later is waited for at its place", async () => {
  answers = [pending, pending, complete("done")];
  const { calls, told } = page({ base: "https://gateway.example", wait: 5 });
  assert.equal(await (await calls.fetch("/orders", order)).text(), "done");
  assert.deepEqual(told, ["sending", "waiting", "waiting", 'reply 200 to {"order":1}']);
  assert.deepEqual(asked.map(({ method, url }) => method + " " + url), [
    "POST https://gateway.example/orders", "GET https://gateway.example" + place, "GET https://gateway.example" + place]);
  assert.ok(asked.every(({ headers }) => headers.Prefer === "wait=5"));
});

test("a page that is loaded anew while it sends sends the same again, under the same key", async () => {
  answers = ["never", complete("done")];
  page().calls.fetch("/orders", order);
  await settle();
  const { calls, told } = page();
  const [call] = calls.resume();
  assert.equal(await (await call).text(), "done");
  assert.deepEqual(told, ["sending", 'reply 200 to {"order":1}']);
  assert.deepEqual(asked[1], asked[0]);
  assert.deepEqual(Object.keys(storage), []);
});

test("a page that is loaded anew while it waits goes on waiting, and sends nothing", async () => {
  answers = [pending, "never", complete("done")];
  page().calls.fetch("/orders", order);
  await settle();
  const { calls, told } = page();
  await Promise.all(calls.resume());
  assert.deepEqual(told, ["waiting", 'reply 200 to {"order":1}']);
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "GET", "GET"]);
  assert.deepEqual(page().calls.resume(), [], "the reply was the end of it");
});

test("resuming twice asks once", async () => {
  answers = [pending, "never", complete("done")];
  page().calls.fetch("/orders", order);
  await settle();
  const { calls } = page();
  assert.equal(calls.resume()[0], calls.resume()[0]);
  await settle();
  assert.equal(asked.length, 3);
});

test("calls of another name are left alone", async () => {
  page({ name: "cart" }).calls.fetch("/orders", order);
  await settle();
  assert.deepEqual(page({ name: "search" }).calls.resume(), []);
  assert.equal(page({ name: "cart" }).calls.resume().length, 1);
});

test("without a network it tries again, with pauses that grow to 15 seconds, under the same key", async () => {
  answers = [...Array(7).fill("unreachable"), complete("done")];
  const { calls, told } = page();
  const call = calls.fetch("/orders", order);
  await settle();
  const pauses = [];
  while (timers.length > 0) pauses.push(await pass());
  assert.equal(await (await call).text(), "done");
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.deepEqual(told.slice(0, 4), ["sending", "offline", "sending", "offline"]);
  assert.equal(new Set(keys()).size, 1);
});

test("when the network is back it does not wait any longer", async () => {
  answers = ["unreachable", complete("done")];
  const call = page().calls.fetch("/orders", order);
  await settle();
  online.forEach((f) => f());
  assert.equal((await call).status, 200);
  assert.equal(timers.length, 0);
  assert.equal(online.size, 0);
});

test("the network may go while it waits for the reply", async () => {
  answers = [pending, "unreachable", complete("done")];
  const { calls, told } = page();
  const call = calls.fetch("/orders", order);
  await settle();
  await pass();
  await call;
  assert.deepEqual(told, ["sending", "waiting", "offline", "waiting", 'reply 200 to {"order":1}']);
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "GET", "GET"]);
});

for (const status of [429, 502, 503, 504]) {
  test(`${status} of the gateway means later`, async () => {
    answers = [{ status, headers: { "Retry-After": "7" } }, { status }, complete("done")];
    const { calls, told } = page();
    const call = calls.fetch("/orders", order);
    await settle();
    assert.equal(await pass(), 7000);
    assert.equal(await pass(), 1000);
    await call;
    assert.deepEqual(told.filter((word) => word.startsWith("busy")), ["busy 7000", "busy 1000"]);
    assert.equal(new Set(keys()).size, 1);
  });

  test(`${status} of the backend is the reply`, async () => {
    answers = [complete("no", status)];
    assert.equal((await page().calls.fetch("/orders", order)).status, status);
    assert.equal(timers.length, 0);
  });
}

for (const [what, first, then] of [
  ["a request that is refused", [], 422], ["a token whose time is over", [pending], 410], ["a token of another site", [pending], 403]]) {
  test(`${what} is the end`, async () => {
    answers = [...first, { status: then }];
    assert.equal((await page().calls.fetch("/orders", order)).status, then);
    assert.deepEqual(Object.keys(storage), []);
  });
}

test("a body that cannot be kept is refused, and nothing is sent", async () => {
  await assert.rejects(page().calls.fetch("/orders", { method: "POST", body: new Blob(["x"]) }), /a body must be a string/);
  assert.deepEqual(asked, []);
  assert.deepEqual(Object.keys(storage), []);
});

test("a handler that fails is reported, and stops nobody", async () => {
  answers = [complete("done")];
  const { calls, told } = page();
  const off = calls.on("reply", () => assert.fail("it was taken back"));
  off();
  calls.on("progress", () => { throw new Error("mine"); });
  await calls.fetch("/orders", order);
  assert.deepEqual(reported, ["mine"]);
  assert.deepEqual(told, ["sending", 'reply 200 to {"order":1}']);
});
