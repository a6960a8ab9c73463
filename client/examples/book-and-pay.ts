/**
 * A stay, booked and paid on the sandbox, with `make run` going: node build/examples/book-and-pay.js
 *
 * Only the guest's browser is played: the sandbox's page is sent its form, and leads back to `return_url`.
 */

import { env } from "node:process";

import { book, comeBack, linkToPay, search, signIn } from "./shop.js";

const { API = "http://127.0.0.1:8000", LOCAL = "http://127.0.0.1:8001" } = env;

const day = (ahead: number) => new Date(Date.now() + ahead * 864e5).toISOString().slice(0, 10);
const stay = { check_in: day(40), check_out: day(43), guests: 2 };

const guzo = await signIn(`hanna-${Date.now()}`, API, LOCAL);
const [listing] = await search(guzo, "Lalibela", stay);
if (!listing) throw new Error("Nothing is free in Lalibela.");
console.log(`${listing.title}: ${listing.quote?.total.formatted}`);

const booking = await book(guzo, listing, stay);
const link = await linkToPay(guzo, booking);
if (!link) throw new Error("There is no link yet.");

const pressed = new URLSearchParams({ do: "pay", method: "telebirr", account: "0900123456" });
await fetch(link, { method: "POST", body: pressed });

const address = new URLSearchParams({ booking_id: booking.booking_id, tx_ref: booking.payment.tx_ref });
const paid = await comeBack(guzo, address, AbortSignal.timeout(60_000));
console.log(`${paid.status}: ${paid.payment.receipt_url}`);
