import { attempt, call, put, say, signInAs, who } from "./shop.js";

const list = document.getElementById("bookings");
const more = document.getElementById("more");
const none = document.getElementById("none");
const form = document.getElementById("who");
const WORDS = { pending_payment: "waiting for payment", confirmed: "confirmed", expired: "expired", cancelled: "cancelled" };
const REFUND_WORDS = { refunded: "came back", attention: "is being seen to" };

function card(booking) {
  const shown = document.getElementById("booking").content.cloneNode(true);
  const { payment } = booking;
  const refunds = (payment.refunds || []).map(
    ({ amount, status }) => `, ${amount.formatted} ${REFUND_WORDS[status] || "is coming back"}`,
  );
  put(shown, {
    title: booking.listing_title,
    status: WORDS[booking.status] || booking.status,
    stay: `${booking.check_in} to ${booking.check_out}, ${booking.units} × room, ${booking.guests} guests`,
    total: booking.total.formatted,
    id: booking.booking_id,
    payment: `${payment.tx_ref}: ${payment.status}${refunds.join("")}`,
  });
  shown.querySelector(".status").classList.add(booking.status);
  const [pay, cancel] = ["pay", "cancel"].map((name) => shown.querySelector(`[data-do="${name}"]`));
  pay.hidden = booking.status !== "pending_payment";
  cancel.hidden = !["pending_payment", "confirmed"].includes(booking.status);
  pay.onclick = () => attempt(pay, () => payFor(booking));
  cancel.onclick = () => attempt(cancel, () => cancelled(booking));
  return shown;
}

async function payFor(booking) {
  const payment = await call("POST", `/v1/bookings/${booking.booking_id}/payments`, { body: {}, signedIn: true });
  if (!payment.checkout_url) throw new Error(payment.problem?.detail ?? "There is no link yet. Try again in a moment.");
  location.href = payment.checkout_url;
}

async function cancelled(booking) {
  const back = booking.cancellation.back_if_cancelled_now.formatted;
  if (!confirm(`Cancel this booking? ${back} would come back.`)) return;
  await call("POST", `/v1/bookings/${booking.booking_id}/cancel`, { body: { reason: "Changed plans" }, signedIn: true });
  await load(null);
}

let latest = 0;

async function load(cursor) {
  const mine = (latest += 1);
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await call("GET", `/v1/bookings${query}`, { signedIn: true });
  // Somebody else signed in meanwhile, or asked again.
  if (mine !== latest) return;
  if (!cursor) list.replaceChildren();
  page.items.forEach((booking) => list.append(card(booking)));
  more.hidden = !page.next_cursor;
  more.onclick = () => attempt(more, () => load(page.next_cursor));
  none.hidden = list.children.length > 0;
}

// Back from the gateway: ask once, then look every 3 s for a minute, as the API's documents advise.
async function awaitPayment(bookingId, txRef) {
  await call("POST", `/v1/payments/${txRef}/verify`, { signedIn: true }).catch(() => null);
  for (let looks = 0; looks < 20; looks += 1) {
    const booking = await call("GET", `/v1/bookings/${bookingId}`, { signedIn: true });
    if (booking.status !== "pending_payment") return say(booking.status === "confirmed" ? "Your stay is booked. The receipt is in your mailbox." : "");
    say("Waiting for the gateway’s word…");
    await new Promise((done) => setTimeout(done, 3000));
  }
  return say("The gateway has not answered yet. Guzo keeps asking, and writes to you.");
}

form.elements.sub.value = who();
form.onsubmit = (event) => {
  event.preventDefault();
  signInAs(form.elements.sub.value.trim());
  attempt(form.querySelector("button"), () => load(null));
};

attempt(null, async () => {
  const given = new URLSearchParams(location.search);
  await load(null);
  if (given.get("booking_id") && given.get("tx_ref")) {
    await awaitPayment(given.get("booking_id"), given.get("tx_ref"));
    history.replaceState(null, "", "/shop/bookings");
    await load(null);
  }
});
