// What the storefront's pages share: signing in, calling the API, putting text into the page.

export const shop = document.getElementById("shop").dataset;
const notice = document.getElementById("notice");

export const who = () => localStorage.getItem("guzo.sub") || "guest-1";

export function signInAs(sub) {
  localStorage.setItem("guzo.sub", sub);
  localStorage.removeItem("guzo.token");
}

export function say(text, bad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
  if (text) notice.scrollIntoView({ block: "nearest" });
}

async function token(fresh) {
  const kept = JSON.parse(localStorage.getItem("guzo.token") || "null");
  if (kept && !fresh && kept.api === shop.api) return kept.token;
  const answer = await fetch("/token", { method: "POST", body: JSON.stringify({ sub: who() }) });
  const issued = (await answer.json()).token;
  localStorage.setItem("guzo.token", JSON.stringify({ api: shop.api, token: issued }));
  return issued;
}

// Calls the API; throws an Error whose message a guest can read, with the problem document as `problem`.
export async function call(method, path, { body, key, signedIn = false } = {}, again = false) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (signedIn) headers.Authorization = `Bearer ${await token(again)}`;
  let answer;
  try {
    // What others may keep for half a minute is asked for again: the guest books by it.
    answer = await fetch(shop.api + path, { method, headers, body: body && JSON.stringify(body), cache: "no-cache" });
  } catch {
    throw new Error("The API does not answer. Is it running?");
  }
  const json = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return json;
  // A token of an earlier run: ask for a new one, once.
  if (answer.status === 401 && signedIn && !again) return call(method, path, { body, key, signedIn }, true);
  const error = new Error(json.detail || json.title);
  error.problem = json;
  throw error;
}

// Puts texts where the page says data-put; data from the API never becomes HTML.
export function put(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const place of root.querySelectorAll(`[data-put="${name}"]`)) place.textContent = text;
  }
}

// The day that Guzo believes, in Addis Ababa: its clock can be moved.
export async function today() {
  const { now } = await (await fetch("/clock")).json();
  return new Date(Date.parse(now) + 3 * 3600e3).toISOString().slice(0, 10);
}

// Says beside each field of the form what is wrong with it; returns the sentences about fields that it does not have.
function mark(form, errors) {
  const others = [];
  for (const { field, message } of errors) {
    const name = field.split(".").pop();
    const input = form?.elements.namedItem(name);
    if (!(input instanceof HTMLElement)) {
      others.push(`${name.replaceAll("_", " ")} ${message}.`);
      continue;
    }
    const note = document.createElement("p");
    note.className = "error";
    note.id = `${name}-error`;
    note.textContent = `${message[0].toUpperCase()}${message.slice(1)}.`;
    input.closest(".field").append(note);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", note.id);
    input.addEventListener("input", () => unmark(input), { once: true });
  }
  form?.querySelector("[aria-invalid]")?.focus();
  return others;
}

function unmark(input) {
  document.getElementById(input.getAttribute("aria-describedby"))?.remove();
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-describedby");
}

// Runs a form's or a button's work, one at a time, and shows its error: beside the form's fields, and on top.
export async function attempt(button, work, form = null) {
  say("");
  form?.querySelectorAll("[aria-invalid]").forEach(unmark);
  if (button) button.disabled = true;
  try {
    await work();
  } catch (error) {
    const others = mark(form, error.problem?.errors ?? []);
    say([error.message, ...others].join(" "), true);
  } finally {
    if (button) button.disabled = false;
  }
}
