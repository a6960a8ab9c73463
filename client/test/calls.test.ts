import assert from "node:assert/strict";
import { test } from "node:test";

import { GuzoProblem, newKey, type FoundListing } from "guzo-client";

import { bench, booking, problem } from "./server.js";

const STAY = {
  listing_id: "lst_1",
  check_in: "2027-01-14",
  check_out: "2027-01-17",
  units: 1,
  guests: 2,
  contact: { first_name: "Hanna", last_name: "Tesfaye", email: "hanna.tesfaye@gmail.com", phone: "0911223344" },
};

test("a call is sent as the API wants it", async (t) => {
  const { guzo, asked } = await bench(t, [{ status: 201, json: booking("pending_payment") }], { token: "t-1" });
  const made = await guzo.post("/v1/bookings", { key: "k-1", body: STAY });
  assert.equal(made.status, "pending_payment");
  const [request] = asked;
  assert.deepEqual([request?.method, request?.url], ["POST", "/v1/bookings"]);
  assert.deepEqual(JSON.parse(request!.body), STAY);
  assert.equal(request?.headers["authorization"], "Bearer t-1");
  assert.equal(request?.headers["idempotency-key"], "k-1");
  assert.equal(request?.headers["content-type"], "application/json");
  assert.equal(request?.headers["accept"], "application/json");
});

test("parts of a path and of a query are encoded; what is undefined is left out", async (t) => {
  const { guzo, asked } = await bench(t, [{ json: { items: [], next_cursor: null } }]);
  await guzo.get("/v1/listings", { query: { city: "Bahir Dar & more", guests: 2, check_in: undefined } });
  await guzo.get("/v1/listings/{listing_id}", { path: { listing_id: "a/b?c" } });
  assert.equal(asked[0]?.url, "/v1/listings?city=Bahir+Dar+%26+more&guests=2");
  assert.equal(asked[1]?.url, "/v1/listings/a%2Fb%3Fc");
});

test("a call without a body, a token or a key sends none", async (t) => {
  const { guzo, asked } = await bench(t, [{ json: {} }]);
  await guzo.get("/v1/config");
  assert.equal(asked[0]?.body, "");
  for (const name of ["authorization", "idempotency-key", "if-match", "content-type"])
    assert.equal(asked[0]?.headers[name], undefined, name);
});

test("the token is asked for at every call", async (t) => {
  let made = 0;
  const { guzo, asked } = await bench(t, [{ json: {} }], { token: async () => `t-${(made += 1)}` });
  await guzo.get("/v1/config");
  await guzo.get("/v1/config");
  assert.deepEqual(asked.map((request) => request.headers["authorization"]), ["Bearer t-1", "Bearer t-2"]);
});

test("a stage prefix stays, with or without a slash at its end", async (t) => {
  const asked: string[] = [];
  const fetch = async (address: unknown) => {
    asked.push(String(address));
    return new Response("{}");
  };
  for (const baseUrl of ["https://api.example.et/prod", "https://api.example.et/prod//"])
    await (await bench(t, [{}], { baseUrl, fetch })).guzo.get("/v1/config");
  assert.deepEqual(asked, ["https://api.example.et/prod/v1/config", "https://api.example.et/prod/v1/config"]);
});

test("headers come with the whole answer, and If-Match goes with a change", async (t) => {
  const { guzo, asked } = await bench(t, [{ json: { listing_id: "lst_1" }, headers: { ETag: '"7"' } }]);
  const path = { listing_id: "lst_1" };
  const { body, response } = await guzo.answer("get", "/v1/listings/{listing_id}", { path });
  assert.equal(body.listing_id, "lst_1");
  await guzo.patch("/v1/listings/{listing_id}", { path, body: { units: 2 }, ifMatch: response.headers.get("ETag")! });
  assert.equal(asked[1]?.headers["if-match"], '"7"');
});

test("204 is nothing", async (t) => {
  const { guzo } = await bench(t, [{ status: 204 }]);
  assert.equal(await guzo.delete("/v1/listings/{listing_id}", { path: { listing_id: "lst_1" } }), undefined);
});

test("a refusal is thrown as the problem it is", async (t) => {
  const errors = [{ field: "contact.phone", message: "must be an Ethiopian mobile number" }];
  const { guzo, asked } = await bench(t, [{ status: 400, json: problem(400, "invalid_request", { errors }) }]);
  const refused = await guzo.post("/v1/bookings", { key: newKey(), body: STAY }).catch((thrown: unknown) => thrown);
  assert.ok(refused instanceof GuzoProblem && refused instanceof Error);
  assert.equal(refused.code, "invalid_request");
  assert.equal(refused.status, 400);
  assert.equal(refused.retryable, false);
  assert.equal(refused.message, "It was not to be.");
  assert.equal(refused.requestId, "r-1");
  assert.equal(refused.retryAfter, null);
  assert.deepEqual(refused.errors, errors);
  assert.equal(asked.length, 1);
});

test("a list is walked to its end, past empty pages, with its query", async (t) => {
  const page = (items: string[], next_cursor: string | null) => ({
    json: { items: items.map((listing_id) => ({ listing_id })), next_cursor },
  });
  const { guzo, asked } = await bench(t, [page(["a", "b"], "c-1"), page([], "c-2"), page(["c"], null)]);
  const found: FoundListing[] = [];
  for await (const listing of guzo.items("/v1/listings", { query: { city: "Gondar" } })) found.push(listing);
  assert.deepEqual(found.map((listing) => listing.listing_id), ["a", "b", "c"]);
  assert.deepEqual(asked.map((request) => request.url), [
    "/v1/listings?city=Gondar",
    "/v1/listings?city=Gondar&cursor=c-1",
    "/v1/listings?city=Gondar&cursor=c-2",
  ]);
});

test("pages begin at a cursor, and are asked for when they are needed", async (t) => {
  const { guzo, asked } = await bench(t, [{ json: { items: [], next_cursor: "c-2" } }]);
  for await (const page of guzo.pages("/v1/bookings", { query: { cursor: "c-1" } })) {
    assert.equal(page.next_cursor, "c-2");
    break;
  }
  assert.deepEqual(asked.map((request) => request.url), ["/v1/bookings?cursor=c-1"]);
});

test("every key is another, without Web Crypto too", (t) => {
  const keys = new Set([newKey(), newKey()]);
  const there = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  t.after(() => {
    if (there) Object.defineProperty(globalThis, "crypto", there);
    else Reflect.deleteProperty(globalThis, "crypto");
  });
  keys.add(newKey()).add(newKey());
  assert.equal(keys.size, 4);
  for (const key of keys) assert.match(key, /^[!-~]{1,255}$/);
});

// Never called: what must not compile.
export async function mistakes(guzo: Awaited<ReturnType<typeof bench>>["guzo"]): Promise<void> {
  // @ts-expect-error a path that is not there
  await guzo.get("/v1/hotels");
  // @ts-expect-error a verb that the path does not take
  await guzo.delete("/v1/bookings");
  // @ts-expect-error a booking without its key
  await guzo.post("/v1/bookings", { body: STAY });
  // @ts-expect-error a search without its city
  await guzo.get("/v1/listings");
  // @ts-expect-error a path without its part
  await guzo.get("/v1/bookings/{booking_id}");
  // @ts-expect-error a field that is not there
  await guzo.post("/v1/bookings", { key: "k", body: { ...STAY, room: 7 } });
  // @ts-expect-error a part that the call does not take
  await guzo.get("/v1/config", { query: { verbose: true } });
  // @ts-expect-error no list
  guzo.items("/v1/config");
  const config = await guzo.get("/v1/config");
  // @ts-expect-error a field that is not answered
  config.secret;
}
