// One act of a person: what it will do, its fields, a look at what would be, and one call. The same Idempotency-Key
// goes with every try, so a double click acts once; If-Match goes with it, so a stale page changes nothing.
import { call, read } from "./session.js";
import { field, h, mark, problem } from "./ui.js";
import { t } from "./words.js";

// `seen` is what the page shows of the thing: where a letter alone went out since, nobody is bothered with that.
export function act({ label, says, fields = [], run, dry, thing, etag, seen: shown, now, done, danger = false, shut }) {
  if (shut) return h("span", { class: "shut" }, h("button", { type: "button", disabled: true }, label), h("span", { class: "small" }, shut));
  return h("button", { type: "button", class: danger ? "danger" : "", onclick: () => open() }, label);

  async function open() {
    const key = crypto.randomUUID();
    const out = h("output", {});
    const made = fields.map(field);
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, dry ? t("act.look") : label);
    const form = h("form", { method: "dialog" }, h("h2", { id: "act" }, label), says ? h("p", {}, says) : null, made.map(({ place }) => place), out,
      h("div", { class: "row last" }, go, h("button", { type: "button", onclick: () => dialog.close() }, t("act.not_now"))));
    const dialog = h("dialog", { "aria-labelledby": "act", onclose: () => dialog.remove() }, form);
    const values = () => Object.fromEntries(made.map(({ name, element }) => [name, element.value.trim() || null]));
    let seen = !dry;
    let tag = etag;

    // Whatever was typed stays; what was looked at is looked at again.
    const unsee = () => { if (dry) { seen = false; go.textContent = t("act.look"); out.replaceChildren(); } };
    form.addEventListener("input", unsee);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      mark(made, []);
      out.replaceChildren(h("p", {}, t("at_work")));
      try {
        if (thing && tag === undefined) ({ etag: tag } = await read(thing));
        const answer = await unlessOnlyLetters(() => (seen ? run : dry)(values(), { key, etag: tag }));
        if (seen) {
          dialog.close();
          await done(answer);
          tell(t("act.done", { act: label }));
        } else {
          seen = true;
          go.textContent = t("act.do", { act: label });
          out.replaceChildren(h("div", { class: "preview", role: "status" }, h("p", {}, h("strong", {}, t("act.would"))), answer));
        }
      } catch (error) {
        const rest = mark(made, error.errors ?? []);
        out.replaceChildren(problem(error, rest));
        if (error.code === "precondition_failed" && thing) await reload();
      }
      go.disabled = false;
    });

    async function unlessOnlyLetters(call) {
      try {
        return await call();
      } catch (error) {
        if (error.code !== "precondition_failed" || !thing || !shown) throw error;
        const fresh = await read(thing);
        if (essence(fresh.value) !== essence(shown)) throw error;
        tag = fresh.etag;
        return call();
      }
    }

    async function reload() {
      const fresh = await read(thing);
      tag = fresh.etag;
      if (dry) { seen = false; go.textContent = t("act.look"); }
      out.append(h("p", {}, t("act.again")), now ? h("p", {}, now(fresh.value)) : "");
    }

    document.body.append(dialog);
    dialog.showModal();
    (made[0]?.element ?? go).focus();
  }
}

const FLEETING = ["updated_at", "messages", "cancellation"];
const essence = (value) => JSON.stringify(value, (name, each) => FLEETING.includes(name) ? undefined : each);

// What one person may not do alone becomes a proposal, once it is more than looked at.
function wouldPropose(error) {
  if (error.code !== "second_person_needed") throw error;
  return h("p", {}, t("act.would_propose"));
}

// An act that is one POST, and tells with `dry_run` what it would do.
export const post = (path, bodyOf, shown) => ({
  run: (values, options) => call("POST", path, { ...options, body: bodyOf(values) }),
  ...(shown ? { dry: (values, options) => call("POST", path, { ...options, key: crypto.randomUUID(), body: { ...bodyOf(values), dry_run: true } }).then(shown, wouldPropose) } : {}),
});

const live = h("output", { class: "told", "aria-live": "polite" });
export function tell(text) {
  if (!live.isConnected) document.querySelector("main").before(live);
  live.textContent = text;
}
export const untell = () => { live.textContent = ""; };
