// What the pages are made of: elements, tables, charts, dialogs. Text goes into text nodes only, never into markup.
import { Refused } from "./session.js";
import { t } from "./words.js";

export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const zone = document.body.dataset.zone;
export const when = (instant) => instant
  ? h("time", { datetime: instant }, new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(instant)))
  : "";
export const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date());
export const dayBefore = (days) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(Date.now() - days * 86_400_000));
export const money = (amount) => amount ? amount.formatted : "";
export const age = (seconds) => seconds < 3600 ? `${Math.floor(seconds / 60)} min` : seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
export const status = (word) => h("span", { class: `status ${word}` }, t(word));

export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("section", {}, h("h2", {}, caption), h("p", { class: "empty" }, empty));
  return h("section", {}, h("h2", {}, caption), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell ?? ""))))))));
}

// A host's month, in each currency: as finance and the host see it.
export function statements(items) {
  if (!items.length) return h("p", { class: "empty" }, "Nothing counts in this month.");
  return h("div", {}, items.map((month) => h("section", {}, h("h2", {}, month.currency),
    facts([["Brought forward", money(month.brought_forward)], ["Earned", money(month.earned)], ["Paid out", money(month.paid_out)], ["Owed now", money(month.balance)]]),
    table("Stays", ["Day", "Booking", "Paid by the guest", "Given back", "Fee", "Commission", "Earned"], month.stays.map((stay) => [stay.date, stay.booking_id, money(stay.gross), money(stay.refunded), money(stay.fee), money(stay.commission), money(stay.earned)]), "No stay counts in this month."))));
}

export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// Bars of one series, and the same as a table for who cannot see them.
export function chart(caption, points, format) {
  const most = Math.max(1, ...points.map((point) => point.value));
  const width = 100 / Math.max(1, points.length);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  points.forEach((point, number) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = (Math.max(0, point.value) / most) * 38;
    for (const [name, value] of Object.entries({ x: number * width + width * 0.1, y: 40 - height, width: width * 0.8, height })) bar.setAttribute(name, value);
    svg.append(bar);
  });
  const named = points.length > 6 ? [points[0], points.at(-1)] : points;
  const rows = points.map((point) => h("tr", {}, h("th", { scope: "row" }, point.name), h("td", {}, format(point.value))));
  return h("figure", { class: "chart" }, h("figcaption", {}, caption), svg, h("div", { class: "axis", "aria-hidden": "true" }, named.map((point) => h("span", {}, point.name))),
    h("details", {}, h("summary", {}, t("as a table")), h("table", {}, h("tbody", {}, rows))));
}

export function problem(error) {
  const details = error instanceof Refused
    ? [error.errors.length ? h("ul", {}, error.errors.map((each) => h("li", {}, `${each.field}: ${each.message}`))) : null,
      h("p", { class: "small" }, `${error.code ?? ""} ${error.requestId ? `· ${error.requestId}` : ""}`)]
    : [];
  return h("div", { class: "problem", role: "alert" }, h("p", {}, error.message), details);
}

// One act of a person: what it will do, its fields, and one call. The same key goes with every try, so a double click acts once.
export function act({ label, says, fields = [], run, preview, done, danger = false }) {
  return h("button", { type: "button", class: danger ? "danger" : "", onclick: () => open() }, label);

  function open() {
    const key = crypto.randomUUID();
    const out = h("output", {});
    const inputs = fields.map((field) => [field, input(field)]);
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, label);
    const form = h("form", { method: "dialog" },
      h("h2", {}, label), h("p", {}, says),
      inputs.map(([field, element]) => h("label", {}, field.label, element)),
      out, h("div", { class: "row" }, go, h("button", { type: "button", onclick: () => dialog.close() }, t("not now"))));
    const dialog = h("dialog", { onclose: () => dialog.remove() }, form);
    const values = () => Object.fromEntries(inputs.map(([field, element]) => [field.name, element.value.trim() || null]));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      out.replaceChildren(h("p", {}, t("at work")));
      try {
        if (preview && !form.dataset.seen) {
          out.replaceChildren(await preview(values()));
          form.dataset.seen = "yes";
        } else {
          await run(values(), key);
          dialog.close();
          await done();
        }
      } catch (error) {
        out.replaceChildren(problem(error));
      }
      go.disabled = false;
    });
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.[1] ?? go).focus();
  }
}

function input({ name, options, type = "text", required = true, value = "", long = false }) {
  if (options) return h("select", { name }, options.map(([word, label]) => h("option", { value: word }, label)));
  if (long) return h("textarea", { name, required, rows: "3", maxlength: "500" });
  return h("input", { name, type, required, value, autocomplete: "off" });
}

export function later(promise) {
  const place = h("div", { "aria-busy": "true" }, h("p", { class: "empty" }, t("at work")));
  promise.then((found) => place.replaceChildren(...[found].flat()), (error) => place.replaceChildren(problem(error)))
    .finally(() => place.removeAttribute("aria-busy"));
  return place;
}
