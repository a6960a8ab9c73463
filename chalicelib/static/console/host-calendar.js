// A listing's month: what is left of each night, at which price, and which are closed. A press on a night changes it.
import { act } from "./act.js";
import { call } from "./session.js";
import { h, id, minor, plus, spokenDay, today } from "./ui.js";
import { locale, t } from "./words.js";

const firstOf = (month) => `${month}-01`;
const monthOf = (day) => day.slice(0, 7);
const monthName = (month) => new Intl.DateTimeFormat(locale(), { month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${firstOf(month)}T00:00:00Z`));
// Monday first; 4 January 2027 is one.
const weekdays = (style) => [...Array(7).keys()].map((number) => new Intl.DateTimeFormat(locale(), { weekday: style, timeZone: "UTC" }).format(new Date(Date.UTC(2027, 0, 4 + number))));

export async function calendarPage([listingId, month = monthOf(today())], show) {
  const first = firstOf(month);
  const next = monthOf(plus(first, 32));
  const [listing, { nights }] = await Promise.all([call("GET", `/v1/listings/${id(listingId)}`), call("GET", `/v1/listings/${id(listingId)}/availability?from=${first}&to=${firstOf(next)}`)]);
  const { currency } = listing.nightly_price;
  const cells = [...Array((new Date(`${first}T00:00:00Z`).getUTCDay() + 6) % 7).fill(null), ...nights];
  while (cells.length % 7) cells.push(null);
  const weeks = [...Array(cells.length / 7).keys()].map((week) => cells.slice(week * 7, week * 7 + 7));
  const cell = (night) => night ? h("td", {}, night.date < today() ? past(night) : change(night, currency, listingId, show)) : h("td", {});
  const turn = (to, label) => h("a", { class: "call", href: `#/calendar/${id(listingId)}/${to}`, "aria-label": `${label}: ${monthName(to)}` }, label);
  return [h("h2", {}, listing.title), h("p", { class: "small" }, t("calendar.says", { currency })),
    h("div", { class: "row" }, turn(monthOf(plus(first, -1)), t("calendar.before")), turn(next, t("calendar.next"))),
    h("table", { class: "month" }, h("caption", {}, monthName(month)), h("thead", {}, h("tr", {}, weekdays("long").map((name, number) => h("th", { scope: "col", abbr: name }, weekdays("short")[number])))),
      h("tbody", {}, weeks.map((week) => h("tr", {}, week.map(cell))))),
    h("button", { type: "button", class: "print", onclick: () => print() }, t("print"))];
}

const said = (night) => [spokenDay(night.date), night.closed ? t("night.closed") : t("night.left", { n: night.left }), night.price.formatted].join(", ");
const inside = (night) => [h("strong", {}, String(Number(night.date.slice(8)))), h("span", {}, night.closed ? "✕" : t("night.short", { n: night.left })), h("span", {}, (night.price.amount / 100).toLocaleString("en"))];
const past = (night) => h("div", { class: "night past" }, h("strong", {}, String(Number(night.date.slice(8)))));

function change(night, currency, listingId, show) {
  const button = act({
    label: t("act.nights"), says: t("act.nights.says"), done: show,
    fields: [{ name: "from", label: t("field.from"), type: "date", value: night.date }, { name: "to", label: t("field.until"), hint: t("field.until.hint"), type: "date", value: plus(night.date, 1) },
      { name: "closed", label: t("field.open"), required: false, value: night.closed ? "yes" : "no", options: [["no", t("nights.open")], ["yes", t("nights.close")]] },
      { name: "price", label: t("field.price", { currency }), hint: t("field.price.hint"), inputmode: "decimal", required: false }],
    run: ({ price, closed, ...span }) => call("PUT", `/v1/listings/${id(listingId)}/nights`, { body: { ...span, closed: closed === "yes", ...(price === null ? {} : { price: { amount: minor(price), currency } }) } }),
  });
  button.className = night.closed ? "night closed" : "night";
  button.setAttribute("aria-label", said(night));
  button.replaceChildren(...inside(night));
  return button;
}
