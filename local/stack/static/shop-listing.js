import { attempt, call, put, say, shop, today } from "./shop.js";
import { plusDays, stay } from "./shop-days.js";
import { showPhoto } from "./shop-photos.js";

const place = document.getElementById("place");
const form = document.getElementById("book");
const quote = document.getElementById("quote");
const field = form.elements;
const CONTACT = ["first_name", "last_name", "email", "phone"]; // guests with one name leave the last one empty
let total = null;
let latest = 0;
let key = crypto.randomUUID();

async function show() {
  const listing = await call("GET", `/v1/listings/${encodeURIComponent(shop.listing)}`);
  document.title = `${listing.title} · Guzo`;
  put(document, {
    title: listing.title,
    where: [listing.city, listing.address].filter(Boolean).join(" · "),
    description: listing.description,
    price: `${listing.nightly_price.formatted} a night`,
    rules: `${listing.units} rooms, up to ${listing.guests_per_unit} guests each · check-in ${listing.check_in_time}, check-out ${listing.check_out_time} · ${listing.cancellation_policy} cancellation`,
  });
  const photos = document.getElementById("photos");
  for (const address of listing.photos.length ? listing.photos : [null]) {
    const photo = document.createElement("div");
    photo.className = "photo";
    showPhoto(photo, address, listing.title);
    photos.append(photo);
  }
  place.hidden = form.hidden = false;
}

// What the stay costs, from the price of each night; the API is asked to hold us to it.
async function price() {
  const mine = (latest += 1);
  total = null;
  quote.textContent = "";
  const [start, end, units] = [field.check_in.value, field.check_out.value, Number(field.units.value)];
  if (!start || !end || start >= end || !(units > 0)) return;
  const { nights } = await call("GET", `/v1/listings/${encodeURIComponent(shop.listing)}/availability?from=${start}&to=${end}`);
  if (mine !== latest) return; // other days were chosen meanwhile
  const short = nights.filter((night) => night.closed || night.left < units).map((night) => night.date);
  if (short.length) {
    quote.textContent = `Not free: ${short.join(", ")}`;
    return;
  }
  total = nights.reduce((sum, night) => sum + night.price.amount, 0) * units;
  quote.textContent = `${nights.length} nights: ${nights[0].price.currency} ${(total / 100).toLocaleString("en", { minimumFractionDigits: 2 })}`;
}

// Another request has a key of its own; the same request sent twice is one booking.
form.oninput = () => (key = crypto.randomUUID());
for (const name of ["check_in", "check_out", "units"]) field[name].onchange = () => attempt(null, price);

form.onsubmit = (event) => {
  event.preventDefault();
  attempt(form.querySelector(".main"), async () => {
    const body = {
      listing_id: shop.listing,
      check_in: field.check_in.value,
      check_out: field.check_out.value,
      units: Number(field.units.value),
      guests: Number(field.guests.value),
      contact: Object.fromEntries(CONTACT.map((name) => [name, field[name].value]).filter(([name, value]) => value || name !== "last_name")),
      language: field.language.value,
      return_url: `${location.origin}/shop/bookings`,
    };
    if (total !== null) body.expected_total = total;
    const { payment } = await call("POST", "/v1/bookings", { body, key, signedIn: true });
    if (payment.checkout_url) location.href = payment.checkout_url;
    else {
      say(`${payment.problem?.detail ?? "The gateway does not answer."} Your nights are held: pay under “My bookings”.`, true);
    }
  }, form);
};

attempt(null, async () => {
  const given = new URLSearchParams(location.search);
  const day = await today();
  stay(form, day);
  field.check_in.value = given.get("check_in") || plusDays(day, 7);
  field.check_out.value = given.get("check_out") || plusDays(day, 10);
  field.guests.value = given.get("guests") || 2;
  await show();
  await price();
});
