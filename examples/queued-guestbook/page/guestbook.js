import { forebay } from "/forebay.js";

const form = document.querySelector("form");
const entries = document.querySelector("#entries");
const pending = document.querySelector("#pending");

// item makes a line of a list: what was written, and something small below it. Text stays text.
function item(key, text, small) {
  const li = document.createElement("li");
  li.dataset.key = key;
  li.append(text, Object.assign(document.createElement("small"), { textContent: small }));
  return li;
}

const find = (list, key) => [...list.children].find((li) => li.dataset.key === String(key));

// show puts an entry at its place, once: newest first.
function show(entry) {
  if (find(entries, entry.number)) return;
  const li = item(entry.number, entry.text, `${entry.number}. ${entry.name}, ${new Date(entry.at).toLocaleString()}`);
  const older = [...entries.children].find((other) => Number(other.dataset.key) < entry.number);
  entries.insertBefore(li, older ?? null);
}

// What is on its way, and has not been answered yet.
const words = {
  sending: "on its way …",
  waiting: "in the queue, waiting for the server …",
  offline: "no connection; it is sent again by itself …",
  busy: "the gateway is busy; it is sent again by itself …",
};

const posts = forebay({ name: "guestbook" });

posts.on("progress", ({ id, note, state }) => {
  const li = find(pending, id) ?? pending.appendChild(item(id, note.text, ""));
  li.lastChild.textContent = words[state];
});

posts.on("reply", async ({ id, note, response }) => {
  if (response.ok) {
    show(await response.json());
    find(pending, id)?.remove();
    return;
  }
  const li = find(pending, id) ?? pending.appendChild(item(id, note.text, ""));
  li.classList.add("failed");
  li.lastChild.textContent = `not taken: ${await response.text()}`;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const note = Object.fromEntries(new FormData(form));
  posts.fetch("/entries", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(note),
    note,
  });
  form.elements.text.value = "";
});

form.querySelector("button").disabled = false;
posts.resume(); // what was pending before a reload

// The list is asked for anew each time, so there is nothing to remember about it.
const reading = forebay({ storage: { setItem() {}, removeItem() {} } });
const list = await reading.fetch("/entries");
if (list.ok) {
  (await list.json()).forEach(show);
  entries.ariaBusy = "false";
}
