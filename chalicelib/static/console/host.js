// The hosts' console, for a telephone: who comes, who is there, who leaves, and the calendar.
import { call, pages } from "./session.js";
import { start } from "./shell.js";
import { act, h, later, money, statements, status, table, today } from "./ui.js";
import { t } from "./words.js";

const id = encodeURIComponent;
const plus = (day, days) => { const at = new Date(`${day}T12:00:00Z`); at.setUTCDate(at.getUTCDate() + days); return at.toISOString().slice(0, 10); };

function guest(booking) {
  const { contact } = booking;
  const name = contact ? `${contact.first_name} ${contact.last_name}`.trim() : t("Guest");
  return h("article", { class: "card", "data-row": true, tabindex: "0" }, h("h3", {}, name),
    h("p", {}, `${booking.listing_title}: ${booking.check_in} – ${booking.check_out}, ${booking.guests} ${t("Guest")}`),
    h("div", { class: "row" }, contact?.phone ? h("a", { class: "call", href: `tel:${contact.phone}` }, `${t("Call")} ${contact.phone}`) : "", h("span", { class: "small" }, booking.booking_id)));
}

function group(title, bookings, empty) {
  return h("section", {}, h("h2", {}, `${t(title)} (${bookings.length})`), bookings.length ? bookings.map(guest) : h("p", { class: "empty" }, t(empty)));
}

async function todayPage() {
  const day = today();
  const [listings, profile] = await Promise.all([pages("/v1/hosts/me/listings", 100), call("GET", "/v1/hosts/me")]);
  const bookings = (await Promise.all(listings.map((listing) => pages(`/v1/hosts/me/bookings?listing_id=${id(listing.listing_id)}&status=confirmed`, 500)))).flat();
  return [
    (profile.warnings ?? []).map((warning) => h("p", { class: "problem", role: "alert" }, warning.message)),
    group("Arrivals", bookings.filter((each) => each.check_in === day && !each.stay_ended), "Nobody arrives."),
    group("In the house", bookings.filter((each) => each.check_in < day && day < each.check_out && !each.stay_ended), "Nobody is in the house."),
    group("Departures", bookings.filter((each) => each.check_out === day && !each.stay_ended), "Nobody departs."),
    h("button", { type: "button", onclick: () => print() }, t("Print")),
  ];
}

async function listingsPage() {
  const items = await pages("/v1/hosts/me/listings", 200);
  return table(t("Listings"), ["Listing", "City", "Price", "Units", "Status"], items.map((listing) => [h("a", { href: `#/calendar/${id(listing.listing_id)}` }, listing.title), listing.city, money(listing.nightly_price), String(listing.units), status(listing.status)]), "You have published no listing yet.");
}

async function calendarPage(listingId, ...rest) {
  const show = rest.at(-1);
  const from = typeof rest[0] === "string" ? rest[0] : today();
  const to = plus(from, 31);
  const { nights } = await call("GET", `/v1/listings/${id(listingId)}/availability?from=${from}&to=${to}`);
  const fields = [{ name: "from", label: "From", type: "date", value: from }, { name: "to", label: "To (this night is not included)", type: "date", value: plus(from, 1) }];
  const path = `/v1/listings/${id(listingId)}/nights`;
  const currency = nights[0]?.price.currency;
  return [
    h("div", { class: "row" }, h("a", { href: `#/calendar/${id(listingId)}/${plus(from, -31)}` }, "←"), h("strong", {}, `${from} – ${to}`), h("a", { href: `#/calendar/${id(listingId)}/${to}` }, "→")),
    h("div", { class: "acts" },
      act({ label: "Close nights", danger: true, says: "Nobody can book them. Bookings that are there stay.", fields, run: (body) => call("PUT", path, { body: { ...body, closed: true } }), done: show }),
      act({ label: "Open nights", says: "They can be booked again.", fields, run: (body) => call("PUT", path, { body: { ...body, closed: false } }), done: show }),
      act({ label: "Set a price", says: "The price of one unit on these nights.", fields: [...fields, { name: "price", label: `Price in ${currency}` }], run: ({ price, ...body }) => call("PUT", path, { body: { ...body, price: { amount: Math.round(Number(price) * 100), currency } } }), done: show })),
    table(t("Calendar"), [t("Day"), t("Left"), t("Price"), ""], nights.map((night) => [night.date, String(night.left), money(night.price), night.closed ? status("closed") : ""]), ""),
  ];
}

async function bookingsPage(show) {
  const items = await pages("/v1/hosts/me/bookings", 300);
  const mayEnd = (booking) => booking.status === "confirmed" && booking.check_in <= today() && !booking.stay_ended;
  return table(t("Bookings"), ["Booking", "Status", t("Guest"), "Listing", "Stay", "Total", ""], items.map((booking) => [
    booking.booking_id, status(booking.status), booking.contact ? `${booking.contact.first_name} ${booking.contact.last_name}` : "", booking.listing_title, `${booking.check_in} – ${booking.check_out}`, money(booking.total),
    h("div", { class: "row" },
      mayEnd(booking) ? act({ label: "No-show", danger: true, says: "The nights from tonight on are free again, and the guest is told.", fields: [{ name: "note", label: "Note", long: true }], run: ({ note }) => call("POST", `/v1/bookings/${id(booking.booking_id)}/end-stay`, { body: { as: "no_show", note, refund: null } }), done: show }) : "",
      ["pending_payment", "confirmed"].includes(booking.status) ? act({ label: "Cancel", danger: true, says: "All that was paid goes back, and the guest is told.", fields: [{ name: "reason", label: "Reason (the guest reads it)", long: true }], run: (body) => call("POST", `/v1/bookings/${id(booking.booking_id)}/cancel`, { body }), done: show }) : ""),
  ]), "Nobody has booked yet.");
}

function statementPage() {
  const out = h("div", {});
  const show = (month) => out.replaceChildren(later(call("GET", `/v1/hosts/me/statements?month=${month}`).then(({ items }) => statements(items))));
  show(today().slice(0, 7));
  return [h("label", {}, "Month", h("input", { type: "month", value: today().slice(0, 7), onchange: (event) => show(event.target.value) })), out, h("button", { type: "button", onclick: () => print() }, t("Print"))];
}

async function profilePage(show) {
  const profile = await call("GET", "/v1/hosts/me");
  const notify = profile.notify ?? {};
  return [h("h2", {}, "Where letters go"), h("p", {}, [notify.email, notify.phone].filter(Boolean).join(", ") || "Nowhere yet: nobody can tell you of a booking."),
    act({ label: "Change", says: "Letters about your bookings go there from now on, those made before included.", done: show,
      fields: [{ name: "email", label: "E-mail", type: "email", value: notify.email ?? "" }, { name: "phone", label: "Telephone", value: notify.phone ?? "", required: false }, { name: "language", label: "Language", options: [["en", "English"], ["am", "አማርኛ"]] }],
      run: (fields) => call("PUT", "/v1/hosts/me", { body: { notify: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) } }) })];
}

start({
  title: "Guzo hosts",
  menu: [["today", "Today"], ["listings", "Listings"], ["bookings", "Bookings"], ["statement", "Statement"], ["profile", "Profile"]],
  pages: { today: todayPage, listings: listingsPage, calendar: calendarPage, bookings: bookingsPage, statement: statementPage, profile: profilePage },
});
