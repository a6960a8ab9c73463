// What the pages are made of: elements, tables, facts, errors. Text goes into text nodes only, never into markup.
import { Refused } from "./session.js";
import { has, locale, t, word } from "./words.js";

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

export const id = encodeURIComponent;
const zone = document.body.dataset.zone;
const DAY = 86_400_000;
const inZone = (at) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(at);
export const today = () => inZone(new Date());
export const dayBefore = (days) => inZone(new Date(Date.now() - days * DAY));
export const plus = (day, days) => new Date(Date.parse(`${day}T12:00:00Z`) + days * DAY).toISOString().slice(0, 10);
export const spoken = (instant) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(instant));
export const spokenDay = (day) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
export const when = (instant) => instant ? h("time", { datetime: instant }, spoken(instant)) : "";
export const stay = (booking) => `${spokenDay(booking.check_in)} – ${spokenDay(booking.check_out)}`;

export const money = (amount) => amount ? amount.formatted : "";
export const sum = (minor, currency) => `${currency} ${(minor / 100).toLocaleString("en", { minimumFractionDigits: 2 })}`;
export const minor = (text) => text === null ? null : Math.round(Number(text.replaceAll(",", "")) * 100);
export function age(seconds) {
  if (seconds < 3600) return t("age.minutes", { n: Math.floor(seconds / 60) });
  return seconds < 172_800 ? t("age.hours", { n: Math.floor(seconds / 3600) }) : t("age.days", { n: Math.floor(seconds / 86_400) });
}

export const nameOf = (booking) => booking.contact ? `${booking.contact.first_name} ${booking.contact.last_name}`.trim() : "";
export const toBooking = (bookingId) => h("a", { href: `#/booking/${id(bookingId)}` }, bookingId);
export const status = (value) => h("span", { class: `status ${value}` }, word(value));
export const phone = (number) => number ? h("a", { class: "call", href: `tel:${number}` }, t("call", { number })) : "";

// Wide, a table; on a telephone a card for each row, whose cells name their columns.
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("section", {}, h("h2", {}, caption), h("p", { class: "empty" }, empty));
  const named = columns.map((column) => column || h("span", { class: "hidden" }, t("column.acts")));
  const line = (row) => h("tr", { "data-row": true, tabindex: "-1" }, row.map((cell, number) => h("td", { "data-label": columns[number] }, cell ?? "")));
  return h("section", {}, h("h2", {}, caption), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("thead", {}, h("tr", {}, named.map((column) => h("th", { scope: "col" }, column)))), h("tbody", {}, rows.map(line)))));
}

export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

const saysOf = (error) => has(`code.${error.code}`) ? t(`code.${error.code}`) : error.message;

// What was refused: our sentence for its code, what the API says of it, every wrong field that has no place of its own.
export function problem(error, fields = error.errors ?? []) {
  const own = saysOf(error);
  const number = error.problem?.proposal_id;
  return h("div", { class: "problem", role: "alert" }, h("p", {}, own),
    error instanceof Refused && error.message && error.message !== own ? h("p", { class: "small" }, error.message) : null,
    fields.length ? h("ul", {}, fields.map((each) => h("li", {}, `${each.field}: ${each.message}`))) : null,
    error.problem?.matters?.length ? h("ul", {}, error.problem.matters.map((each) => h("li", {}, `${word(each.kind)}: ${each.subject}`))) : null,
    number ? h("p", {}, h("a", { href: `#/proposals/${id(number)}` }, t("proposal.open"))) : null,
    error.requestId ? h("p", { class: "small" }, t("problem.request", { id: error.requestId })) : null);
}

export function later(promise) {
  const place = h("div", { "aria-busy": "true" }, h("p", { class: "empty" }, t("at_work")));
  promise.then((found) => place.replaceChildren(...[found].flat(Infinity)), (error) => place.replaceChildren(problem(error)))
    .finally(() => place.removeAttribute("aria-busy"));
  return place;
}

let told = 0;
// A field with its label; what is wrong with it will stand below it.
export function field({ name, label, hint, options, type = "text", required = true, value = "", long = false, ...more }) {
  const own = { name, required, id: `field-${++told}`, "aria-describedby": hint ? `hint-${told}` : null, ...more };
  const element = options ? h("select", own, options.map(([choice, says]) => h("option", { value: choice, selected: choice === value }, says)))
    : long ? h("textarea", { ...own, rows: "3", maxlength: "500" }, value ?? "") : h("input", { ...own, type, value: value ?? "", autocomplete: "off" });
  const place = h("div", { class: "field" }, h("label", { for: own.id }, label), hint ? h("p", { class: "small", id: `hint-${told}` }, hint) : null, element);
  return { name, element, place };
}

// Puts what is wrong beside the fields that caused it; answers what has no field here.
export function mark(fields, errors) {
  for (const { element, place } of fields) {
    element.removeAttribute("aria-invalid");
    place.querySelector(".wrong")?.remove();
  }
  const rest = [];
  let first = null;
  for (const error of errors) {
    const found = fields.find((each) => each.name === error.field || error.field.endsWith(`.${each.name}`));
    if (!found) { rest.push(error); continue; }
    found.element.setAttribute("aria-invalid", "true");
    found.place.append(h("p", { class: "wrong", role: "alert" }, error.message));
    first ??= found.element;
  }
  first?.focus();
  return rest;
}

// A form of one line that looks something up, and shows what it finds below itself.
export function lookUp(fields, find, label = t("show")) {
  const [out, made] = [h("div", {}), fields.map(field)];
  const values = () => Object.fromEntries(made.map(({ name, element }) => [name, element.type === "file" ? element.files[0] : element.value.trim()]));
  const look = () => { out.replaceChildren(later(Promise.resolve().then(() => find(values(), look)))); };
  const form = h("form", { class: "look-up", onsubmit: (event) => { event.preventDefault(); look(); } }, made.map(({ place }) => place), h("button", { class: "primary" }, label));
  return { form, out, look };
}
