import { attempt, call, put, say, today } from "./shop.js";
import { plusDays, stay } from "./shop-days.js";

const form = document.getElementById("search");
const results = document.getElementById("results");
const more = document.getElementById("more");
let question = null;

function show(listing) {
  const card = document.getElementById("result").content.cloneNode(true);
  const { quote } = listing;
  put(card, {
    title: listing.title,
    where: `${listing.city} · up to ${listing.guests_per_unit} guests a room · ${listing.cancellation_policy} cancellation`,
    description: listing.description,
    price: quote ? `${quote.total.formatted} for ${quote.nights} nights` : `${listing.nightly_price.formatted} a night`,
  });
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
  more.onclick = () => attempt(more, () => load(page.next_cursor));
  if (!results.children.length && !page.next_cursor) say("Nothing is free there then. Try another city, or other dates.");
}

form.onsubmit = (event) => {
  event.preventDefault();
  const filled = [...new FormData(form)].filter(([, value]) => value);
  question = new URLSearchParams(filled);
  if (!question.get("check_in") || !question.get("check_out")) ["check_in", "check_out", "guests"].forEach((name) => question.delete(name));
  results.replaceChildren();
  attempt(form.querySelector(".main"), () => load(null));
};

for (const chip of form.querySelectorAll("[data-city]")) {
  chip.onclick = () => {
    form.elements.city.value = chip.dataset.city;
    form.requestSubmit();
  };
}

attempt(null, async () => {
  const day = await today();
  stay(form, day);
  form.elements.check_in.value = plusDays(day, 7);
  form.elements.check_out.value = plusDays(day, 10);
  const first = form.querySelector("[data-city]");
  if (!first) return; // nothing was published in a currency that this stage takes
  form.elements.city.value = first.dataset.city;
  form.requestSubmit();
});
