// Where bookings are found: by whatever names them, by the day they were made, by the day of arrival.
import { call, pages } from "./session.js";
import { field, h, id, later, lookUp, money, nameOf, phone, status, stay, table, toBooking, today, when } from "./ui.js";
import { t, word } from "./words.js";

const columns = () => [t("column.booking"), t("column.status"), t("column.guest"), t("column.listing"), t("column.stay"), t("column.total"), t("column.made")];
const rows = (bookings) => bookings.map((booking) => [
  toBooking(booking.booking_id), status(booking.status), nameOf(booking), booking.listing_title, stay(booking), money(booking.total), when(booking.created_at),
]);

// What is looked for goes in the body of the call, and never into an address.
export function searchPage() {
  const find = async ({ q }) => {
    const found = await call("POST", "/v1/ops/search", { body: { q } });
    if (found.items.length === 1) location.assign(`#/booking/${id(found.items[0].booking_id)}`);
    return table(t("found", { n: `${found.items.length}${found.next_cursor ? "+" : ""}` }), columns(), rows(found.items), t("found.none"));
  };
  const { form, out } = lookUp([{ name: "q", label: t("search.label"), hint: t("search.hint"), maxlength: "200", type: "search" }], find, t("page.search"));
  form.setAttribute("role", "search");
  return [h("h2", {}, t("page.search")), form, out];
}

function byDay(name, day, label) {
  const own = field({ name: "day", label, type: "date", value: day });
  own.element.addEventListener("change", () => { if (own.element.value) location.assign(`#/${name}/${own.element.value}`); });
  return own.place;
}

export function bookingsPage([day = today()]) {
  return [byDay("bookings", day, t("made_on")),
    later(pages(`/v1/ops/bookings?from=${id(day)}&to=${id(day)}`).then((items) => table(t("bookings_of", { n: items.length }), columns(), rows(items), t("bookings.none"))))];
}

export function arrivalsPage([day = today()]) {
  return [byDay("arrivals", day, t("on_day")), later(pages(`/v1/ops/arrivals?date=${id(day)}`).then((items) => table(t("arrivals_of", { n: items.length }),
    [t("column.guest"), t("column.does"), t("column.booking"), t("column.listing"), t("column.stay"), t("fact.phone")],
    items.map((each) => [nameOf(each), each.movement ? word(each.movement) : "", toBooking(each.booking_id), each.listing_title, stay(each), phone(each.contact?.phone)]), t("arrivals.none"))))];
}
