// Keys, opening rows in place, and saying when the server is silent. Every page works without this file.

const SEQUENCE_MS = 1200;
const OFF = "mimamori-keys-off";

const dialog = document.getElementById("keys");
const offline = document.getElementById("offline");
document.documentElement.classList.add("scripted");

/* The help's table is the one list of keys; this reads it. */
const actions = new Map();
for (const row of dialog?.querySelectorAll("[data-key]") ?? []) {
  actions.set(row.dataset.key, row.dataset);
}

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select");
const keysOff = () => localStorage.getItem(OFF) === "1";

function step(by) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  const row = all[Math.min(Math.max(next, 0), all.length - 1)];
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function leave() {
  for (const menu of document.querySelectorAll("[data-menu][open]")) menu.removeAttribute("open");
  if (dialog?.open) dialog.close();
  else document.activeElement?.blur();
}

const perform = {
  next: () => step(1),
  previous: () => step(-1),
  open: () => document.activeElement?.closest("[data-row]")?.querySelector("[data-open]")?.click(),
  search: () => {
    const field = document.querySelector("main [data-find]") ?? document.querySelector("[data-find]");
    // A narrow window has no room for the field of the header: the page behind it has one.
    if (field && !field.checkVisibility()) return location.assign(field.form.action);
    field?.focus();
    field?.select();
  },
  go: (data) => location.assign(data.path),
  help: () => dialog?.showModal(),
  leave,
};

let begun = "";
let begunAt = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.key === "Escape") return leave();
  if (typing(event.target) || (keysOff() && event.key !== "?")) return;
  if (event.key === "Enter" && !event.target.matches("[data-row]")) return;
  const sequence = event.timeStamp - begunAt < SEQUENCE_MS ? `${begun} ${event.key}` : event.key;
  const data = actions.get(sequence) ?? actions.get(event.key);
  const prefix = [...actions.keys()].some((known) => known.startsWith(`${event.key} `));
  [begun, begunAt] = prefix ? [event.key, event.timeStamp] : ["", 0];
  if (!data || dialog?.open) return;
  event.preventDefault();
  perform[data.action]?.(data);
});

/* Where the navigation is wider than the window, the page's own entry is in sight. */
document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

/* A row that is open closes on the second press instead of loading again. */
document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.("[data-expand]");
  const detail = link?.closest("tr")?.nextElementSibling?.querySelector(".detail");
  if (detail?.hasChildNodes()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    detail.replaceChildren();
  }
}, true);

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.removeAttribute("open");
  }
});

for (const select of document.querySelectorAll("[data-range]")) {
  const exact = select.form?.querySelector("[data-exact]");
  select.addEventListener("change", () => exact?.classList.toggle("on", select.value === "exact"));
}

const keySwitch = document.querySelector("[data-keys-switch]");
function labelSwitch() {
  if (keySwitch) keySwitch.textContent = keysOff() ? keySwitch.dataset.on : keySwitch.dataset.off;
}
keySwitch?.addEventListener("click", () => {
  if (keysOff()) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
  labelSwitch();
});
labelSwitch();

/* A page that nobody sees asks for nothing; it asks again within two seconds of being seen. */
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.target.matches?.("[data-live]")) event.preventDefault();
});

/* The live part says nothing when it cannot reach the server; the banner does. */
document.addEventListener("htmx:error", () => { if (offline) offline.hidden = false; });
document.addEventListener("htmx:after:swap", () => { if (offline) offline.hidden = true; });

/* A ready condition becomes a line of the field. */
for (const button of document.querySelectorAll("[data-append]")) {
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.append);
    field.value = [...field.value.split("\n").filter(Boolean), button.dataset.line].join("\n");
    field.focus();
  });
}

/* Line numbers beside a text, as far as it is scrolled. */
for (const box of document.querySelectorAll("[data-numbered]")) {
  const [numbers, field] = [box.querySelector("pre"), box.querySelector("textarea")];
  const draw = () => {
    const lines = field.value.split("\n").length;
    numbers.textContent = Array.from({ length: lines }, (_, place) => place + 1).join("\n");
    numbers.scrollTop = field.scrollTop;
  };
  field.addEventListener("input", draw);
  field.addEventListener("scroll", () => { numbers.scrollTop = field.scrollTop; });
  draw();
}

/* A chosen file goes to the server at once, with the rest of its form. */
for (const field of document.querySelectorAll("[data-presses]")) {
  field.addEventListener("change", () => { if (field.value) document.getElementById(field.dataset.presses)?.click(); });
}
