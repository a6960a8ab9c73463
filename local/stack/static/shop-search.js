import { attempt, call, put, say, today } from "./shop.js";
import { plusDays, stay } from "./shop-days.js";
import { showPhoto } from "./shop-photos.js";

const form = document.getElementById("search");
const results = document.getElementById("results");
const more = document.getElementById("more");
const STAY = ["check_in", "check_out", "guests"];
const FIELDS = ["city", "currency", ...STAY];
let question = null;

function show(listing) {
  const card = document.getElementById("result").content.cloneNode(true);
  const { quote } = listing;
  put(card, {
    title: listing.title,
    where: `${listing.city} · up to ${listing.guests_per_unit} guests a room · ${listing.cancellation_policy} cancellation`,
    price: quote ? `${quote.total.formatted} for ${quote.nights} nights` : `${listing.nightly_price.formatted} a night`,
  });
  showPhoto(card.querySelector(".photo"), listing.photo ?? listing.photos?.[0], listing.title);
  const dates = new URLSearchParams([...question].filter(([name]) => name !== "city"));
  card.querySelector("a").href = `/shop/listings/${encodeURIComponent(listing.listing_id)}?${dates}`;
  results.append(card);
}

async function load(cursor) {
  const query = new URLSearchParams(question);
  if (cursor) query.set("cursor", cursor);
  const page = await call("GET", `/v1/listings?${query}`);
  page.items.forEach(show);
  more.hidden = !page.next_cursor;
  more.onclick = () => attempt(more, () => load(page.next_cursor), form);
  if (!results.children.length && !page.next_cursor) say("Nothing is free there then. Try another city, or other dates.");
}

// The search that the form asks for, as it stands in the page's address. Dates and guests go together.
function asked() {
  const filled = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  if (!filled.get("check_in") || !filled.get("check_out")) STAY.forEach((name) => filled.delete(name));
  return filled;
}

function search() {
  question = asked();
  results.replaceChildren();
  more.hidden = true;
  return attempt(form.querySelector(".main"), () => load(null), form);
}

form.onsubmit = (event) => {
  event.preventDefault();
  const address = `?${asked()}`;
  if (address !== location.search) history.pushState(null, "", address);
  search();
};

for (const chip of form.querySelectorAll("[data-city]")) {
  chip.onclick = () => {
    choose(chip);
    form.requestSubmit();
  };
}

function choose(chip) {
  form.elements.city.value = chip.dataset.city;
  form.elements.currency.value = chip.dataset.currency;
}

// While a city is typed, those that begin so are suggested, by whatever name.
form.elements.city.oninput = async () => {
  const prefix = form.elements.city.value;
  const { items } = await call("GET", `/v1/cities?${new URLSearchParams({ prefix })}`).catch(() => ({ items: [] }));
  if (prefix !== form.elements.city.value) return; // typed on meanwhile
  document.getElementById("cities").replaceChildren(...items.map(({ city }) => new Option(city, city)));
};

// Fills the form from the address; says whether that holds a search.
function fill() {
  const given = new URLSearchParams(location.search);
  if (given.get("city")) for (const name of FIELDS) form.elements[name].value = given.get(name) ?? (name === "guests" ? 2 : "");
  return Boolean(given.get("city"));
}

window.onpopstate = () => (fill() ? search() : location.reload());

attempt(null, async () => {
  const day = await today();
  stay(form, day);
  if (!fill()) {
    form.elements.check_in.value = plusDays(day, 7);
    form.elements.check_out.value = plusDays(day, 10);
    const first = form.querySelector("[data-city]");
    if (!first) return; // nothing was published in a currency that this stage takes
    choose(first);
    history.replaceState(null, "", `?${asked()}`);
  }
  await search();
});
