// Calls that survive reloads and network changes, through a Forebay gateway.
//
//   import { forebay } from "/forebay.js";
//   const calls = forebay();
//   calls.on("reply", ({ response, note }) => …);       // also of calls made before a reload
//   calls.on("progress", ({ state }) => …);             // sending, waiting, offline, busy
//   const response = await calls.fetch("/orders", { method: "POST", body: "…" });
//
// What is pending is kept in sessionStorage: one tab, over reloads. Pass { storage: localStorage } to share it.
// A body must be a string, since only that can be kept.

const sleep = (ms) => new Promise((done) => {
  const end = () => { clearTimeout(timer); removeEventListener("online", end); done(); };
  const timer = setTimeout(end, ms);
  addEventListener("online", end); // the network is back: no need to wait
});

export function forebay({ base = location.origin, storage = sessionStorage, wait = 20, name = "forebay" } = {}) {
  const handlers = {};
  const running = new Map();
  const prefix = name + ":";
  const emit = (event, detail) => {
    for (const f of handlers[event] ?? []) {
      try { f(detail); } catch (e) { reportError(e); }
    }
  };
  const save = (call) => storage.setItem(prefix + call.id, JSON.stringify(call));

  // Asks once. Returns a response that is the reply, or nothing when it is to be asked again.
  async function ask(call) {
    const { id, note } = call;
    let answer;
    emit("progress", { id, note, state: call.reply ? "waiting" : "sending" });
    try {
      answer = call.reply
        ? await fetch(call.reply, { headers: { Prefer: "wait=" + wait } })
        : await fetch(new URL(call.url, base), {
            method: call.method, body: call.body, credentials: call.credentials,
            headers: { ...call.headers, "Idempotency-Key": id, Prefer: "wait=" + wait },
          });
    } catch (e) {
      emit("progress", { id, note, state: "offline" });
      await sleep(call.pause = Math.min((call.pause ?? 250) * 2, 15000));
      return;
    }
    call.pause = undefined;
    const state = answer.headers.get("Forebay-Reply");
    const pause = 1000 * (Number(answer.headers.get("Retry-After")) || 1);
    if (state === "pending") {
      call.reply = new URL(answer.headers.get("Location"), answer.url).href;
      save(call);
      return;
    }
    if (!state && [429, 502, 503, 504].includes(answer.status)) { // of the gateway, or of a proxy before it
      emit("progress", { id, note, state: "busy", retry: pause });
      await sleep(pause);
      return;
    }
    return answer;
  }

  async function finish(call) {
    for (;;) {
      const response = await ask(call);
      if (!response) continue;
      storage.removeItem(prefix + call.id);
      running.delete(call.id);
      emit("reply", { id: call.id, note: call.note, response: response.clone() });
      return response;
    }
  }

  function start(call) {
    if (!running.has(call.id)) running.set(call.id, finish(call));
    return running.get(call.id);
  }

  return {
    // Like the global fetch; "note" is anything that JSON can hold, and comes back with every event.
    async fetch(url, { method = "GET", headers = {}, body, note, credentials } = {}) {
      if (body != null && typeof body !== "string") throw new TypeError("forebay: a body must be a string");
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      const id = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
      const call = { id, url: String(url), method, headers: Object.fromEntries(new Headers(headers)), body, note, credentials };
      save(call);
      return start(call);
    },
    on(event, f) {
      (handlers[event] ??= []).push(f);
      return () => { handlers[event] = handlers[event].filter((g) => g !== f); };
    },
    // Goes on with what was pending when the page was left. Call it once the handlers are there.
    resume() {
      return Object.keys(storage).filter((k) => k.startsWith(prefix))
        .map((k) => start(JSON.parse(storage.getItem(k))));
    },
  };
}
