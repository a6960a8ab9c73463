// The hosts' console, for a telephone: who comes, who is there, who leaves, the calendar, and what is owed.
import { act, post } from "./act.js";
import { calendarPage } from "./host-calendar.js";
import { call, pages, read } from "./session.js";
import { start } from "./shell.js";
import { statements } from "./statements.js";
import { dayBefore, facts, field, h, id, later, money, nameOf, phone, plus, status, stay, table, today } from "./ui.js";
import { languageIs, t, word } from "./words.js";

const printer = () => h("button", { type: "button", class: "print", onclick: () => print() }, t("print"));

function guest(booking) {
  return h("article", { class: "card", "data-row": true, tabindex: "-1" }, h("h3", {}, nameOf(booking) || t("guest")),
    h("p", {}, booking.listing_title), h("p", {}, stay(booking), ", ", t("party", { nights: booking.nights, units: booking.units, guests: booking.guests })),
    h("div", { class: "row" }, phone(booking.contact?.phone), h("span", { class: "small" }, booking.booking_id)));
}

const group = (title, bookings, empty) => h("section", {}, h("h2", {}, t(title, { n: bookings.length })), bookings.length ? bookings.map(guest) : h("p", { class: "empty" }, t(empty)));

// `movement` is what each guest does today, by the date at the listing. Nobody stays longer than ninety nights.
async function todayPage() {
  const [profile, bookings] = await Promise.all([call("GET", "/v1/hosts/me"), pages(`/v1/hosts/me/bookings?status=confirmed&arriving_from=${dayBefore(92)}&arriving_to=${plus(today(), 1)}`)]);
  const who = (movement) => bookings.filter((each) => each.movement === movement && !each.stay_ended);
  return [(profile.warnings ?? []).map((warning) => h("p", { class: "problem", role: "status" }, t(`code.${warning.code}`), " ", h("a", { href: "#/profile" }, t("page.profile")))),
    group("host.arrive", who("arrives"), "host.arrive.none"), group("host.stay", who("stays"), "host.stay.none"), group("host.depart", who("departs"), "host.depart.none"), printer()];
}

async function listingsPage() {
  const items = await pages("/v1/hosts/me/listings", 200);
  return [h("h2", {}, t("page.listings")), items.length ? items.map((listing) => h("article", { class: "card", "data-row": true, tabindex: "-1" }, h("h3", {}, listing.title, " ", status(listing.status)),
    h("p", {}, `${listing.city}, ${money(listing.nightly_price)}, ${t("units", { n: listing.units })}`), h("div", { class: "row" }, h("a", { class: "call", href: `#/calendar/${id(listing.listing_id)}` }, t("page.calendar"))))) : h("p", { class: "empty" }, t("host.no_listings"))];
}

async function bookingsPage(_args, show) {
  const items = await pages("/v1/hosts/me/bookings", 300);
  return table(t("page.bookings"), [t("column.booking"), t("column.status"), t("column.guest"), t("column.listing"), t("column.stay"), t("column.total"), ""], items.map((booking) => [
    booking.booking_id, status(booking.stay_ended ? booking.stay_ended.as : booking.status), nameOf(booking), booking.listing_title, stay(booking), money(booking.total), h("div", { class: "row" }, acts(booking, show)),
  ]), t("host.no_bookings"));
}

const wouldBe = (booking) => facts([[t("column.status"), status(booking.status)], [t("fact.goes_back"), (booking.refunds ?? []).map((refund) => money(refund.amount)).join(", ")]]);

function acts(booking, show) {
  const path = `/v1/bookings/${id(booking.booking_id)}`;
  const own = { thing: path, danger: true, done: show, now: (fresh) => h("p", {}, status(fresh.status)) };
  const begun = booking.status === "confirmed" && booking.check_in <= today() && !booking.stay_ended && today() < booking.check_out;
  const cancels = ["pending_payment", "confirmed"].includes(booking.status) && today() < plus(booking.check_in, 1);
  return [
    begun ? act({ ...own, label: t("act.no_show"), says: t("act.no_show.says"), fields: [{ name: "note", label: t("field.note"), long: true }], ...post(`${path}/end-stay`, (values) => ({ as: "no_show", refund: null, ...values }), wouldBe) }) : "",
    cancels ? act({ ...own, label: t("act.cancel"), says: t("act.cancel.paid"), fields: [{ name: "reason", label: t("field.reason"), hint: t("field.reason.hint"), long: true }], ...post(`${path}/cancel`, (values) => values, wouldBe) }) : "",
  ];
}

function statementPage([chosen = today().slice(0, 7)]) {
  const month = field({ name: "month", label: t("field.month"), type: "month", value: chosen });
  month.element.addEventListener("change", () => { if (month.element.value) location.assign(`#/statement/${month.element.value}`); });
  return [h("h2", {}, t("page.statement")), month.place, later(call("GET", `/v1/hosts/me/statements?month=${id(chosen)}`).then(({ items }) => statements(items))), h("p", { class: "small" }, t("statement.says")), printer()];
}

async function profilePage(_args, show) {
  const { value: profile, etag } = await read("/v1/hosts/me");
  const { notify } = profile;
  const shown = (of) => facts([[t("fact.email"), of.email ?? t("nowhere")], [t("fact.phone"), of.phone], [t("field.language"), word(of.language ?? "both")]]);
  return [h("h2", {}, t("profile.letters")), shown(notify), h("div", { class: "acts" }, act({
    label: t("act.change"), says: t("act.change.says"), done: show, thing: "/v1/hosts/me", etag, now: (fresh) => shown(fresh.notify),
    fields: [{ name: "email", label: t("fact.email"), inputmode: "email", value: notify.email ?? "" }, { name: "phone", label: t("fact.phone"), type: "tel", value: notify.phone ?? "", required: false },
      { name: "language", label: t("field.language"), value: notify.language ?? languageIs(), options: [["en", t("english")], ["am", t("amharic")]] }],
    run: (values, { etag: tag }) => call("PUT", "/v1/hosts/me", { etag: tag, body: { notify: values } }),
  }))];
}

start({
  name: "host",
  menu: ["today", "listings", "bookings", "statement", "profile"],
  pages: { today: todayPage, listings: listingsPage, calendar: calendarPage, bookings: bookingsPage, statement: statementPage, profile: profilePage },
});
