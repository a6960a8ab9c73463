import { createGuzo, GuzoProblem, newKey, type Booking, type FoundListing, type Guzo } from "guzo-client";

/** On your machine the issuer gives a token to anybody. On AWS: any OIDC library, and its access token. */
export async function signIn(sub: string, api = "http://127.0.0.1:8000", local = "http://127.0.0.1:8001"): Promise<Guzo> {
  const answer = await fetch(`${local}/token`, { method: "POST", body: JSON.stringify({ sub }) });
  const { token } = (await answer.json()) as { token: string };
  return createGuzo({ baseUrl: api, token });      // or token: () => …, asked at every call, if it is renewed
}

export interface Stay {
  check_in: string;
  check_out: string;
  guests: number;
}

/** What is free on every night, cheapest first, over all pages. */
export async function search(guzo: Guzo, city: string, stay: Stay): Promise<FoundListing[]> {
  const found: FoundListing[] = [];
  for await (const listing of guzo.items("/v1/listings", { query: { city, ...stay } })) found.push(listing);
  return found;                                    // show listing.title and listing.quote?.total.formatted
}

/** Make the key when the guest decides, keep it with the form, and send the same form again with the same key. */
export async function book(guzo: Guzo, listing: FoundListing, stay: Stay, key = newKey()): Promise<Booking> {
  try {
    return await guzo.post("/v1/bookings", {
      key,
      body: {
        ...stay,
        listing_id: listing.listing_id,
        units: 1,
        contact: { first_name: "Hanna", last_name: "Tesfaye", email: "hanna.tesfaye@gmail.com", phone: "0911223344" },
        expected_total: listing.quote?.total.amount ?? null,
      },
    });
  } catch (problem) {
    if (!(problem instanceof GuzoProblem)) throw problem;
    if (problem.code === "dates_unavailable") console.log("Taken meanwhile:", problem.problem?.nights);
    for (const { field, message } of problem.errors) console.log(`${field} ${message}`);
    throw problem;
  }
}

/** Where to send the guest, by `location.href = …`: the open link, or a new payment's. */
export async function linkToPay(guzo: Guzo, booking: Booking, key = newKey()): Promise<string | null> {
  if (booking.payment.checkout_url) return booking.payment.checkout_url;
  const path = { booking_id: booking.booking_id };
  return (await guzo.post("/v1/bookings/{booking_id}/payments", { path, key })).checkout_url;
}

/** On the page of your `return_url`, with `new URLSearchParams(location.search)`. The signal ends the waiting. */
export async function comeBack(guzo: Guzo, address: URLSearchParams, signal?: AbortSignal): Promise<Booking> {
  const bookingId = address.get("booking_id") ?? "";
  const txRef = address.get("tx_ref") ?? undefined;
  const onLook = ({ payment }: Booking) => console.log(payment.status === "failed" ? "Try again?" : "Please wait …");
  return guzo.waitForPayment(bookingId, { txRef, signal, onLook });
}
