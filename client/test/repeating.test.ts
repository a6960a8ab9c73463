import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { createGuzo, GuzoProblem } from "guzo-client";

import { bench, booking, problem, type Answer } from "./server.js";

const busy: Answer = { status: 503, json: problem(503, "busy", { retryable: true }), headers: { "Retry-After": "7" } };
const broken: Answer = { status: 500, json: problem(500, "internal_error", { retryable: true }) };
const well: Answer = { json: { version: "0.2.0" } };
const path = { booking_id: "GZ4T1B8WCD7K2M9Q" };

async function codeOf(call: Promise<unknown>): Promise<string> {
  const thrown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof GuzoProblem, String(thrown));
  return thrown.code;
}

test("a GET is sent again after Retry-After", async (t) => {
  const { guzo, asked, waits } = await bench(t, [busy, well]);
  assert.equal((await guzo.get("/v1/config")).version, "0.2.0");
  assert.equal(asked.length, 2);
  assert.deepEqual(waits, [7]);
});

test("without Retry-After the pauses grow", async (t) => {
  const { guzo, waits } = await bench(t, [broken, broken, well]);
  await guzo.get("/v1/config");
  assert.equal(waits.length, 2);
  assert.ok(waits[0]! >= 0.5 && waits[0]! <= 1, String(waits));
  assert.ok(waits[1]! >= 1 && waits[1]! <= 2, String(waits));
});

test("a POST with a key is sent again, the very same", async (t) => {
  const { guzo, asked } = await bench(t, [broken, { status: 201, json: { tx_ref: "x" } }]);
  await guzo.post("/v1/bookings/{booking_id}/payments", { path, key: "k-1", body: {} });
  const [first, second] = asked.map(({ method, url, body, headers }) => [method, url, body, headers["idempotency-key"]]);
  assert.deepEqual(second, first);
});

test("a POST without a key is sent once", async (t) => {
  const { guzo, asked } = await bench(t, [broken, well]);
  assert.equal(await codeOf(guzo.post("/v1/bookings/{booking_id}/payments", { path })), "internal_error");
  assert.equal(asked.length, 1);
});

test("so are PUT, PATCH and DELETE", async (t) => {
  const { guzo, asked } = await bench(t, [broken]);
  const listing = { listing_id: "lst_1" };
  const nights = { from: "2027-01-14", to: "2027-01-17", price: null, closed: true };
  await codeOf(guzo.put("/v1/listings/{listing_id}/nights", { path: listing, body: nights }));
  await codeOf(guzo.patch("/v1/listings/{listing_id}", { path: listing, body: { units: 2 } }));
  await codeOf(guzo.delete("/v1/listings/{listing_id}", { path: listing }));
  assert.deepEqual(asked.map((request) => request.method), ["PUT", "PATCH", "DELETE"]);
});

test("what is not retryable is sent once, whatever its status", async (t) => {
  const { guzo, asked } = await bench(t, [{ status: 503, json: problem(503, "busy") }, well]);
  assert.equal(await codeOf(guzo.get("/v1/config")), "busy");
  assert.equal(asked.length, 1);
});

test("after two more tries the problem is thrown, with how long to wait", async (t) => {
  const { guzo, asked } = await bench(t, [busy]);
  const thrown: unknown = await guzo.get("/v1/config").catch((reason: unknown) => reason);
  assert.ok(thrown instanceof GuzoProblem);
  assert.equal(thrown.retryAfter, 7);
  assert.equal(asked.length, 3);
});

test("retries: 0 is never", async (t) => {
  const { guzo, asked } = await bench(t, [busy], { retries: 0 });
  assert.equal(await codeOf(guzo.get("/v1/config")), "busy");
  assert.equal(asked.length, 1);
});

test("a wait longer than a guest's patience is thrown at once", async (t) => {
  const { guzo, asked, waits } = await bench(t, [busy], { longestWait: 6.9 });
  assert.equal(await codeOf(guzo.get("/v1/config")), "busy");
  assert.equal(asked.length, 1);
  assert.deepEqual(waits, []);
});

test("a cut connection is no answer: asked again if that is harmless", async (t) => {
  const { guzo, asked } = await bench(t, ["cut", well]);
  assert.equal((await guzo.get("/v1/config")).version, "0.2.0");
  assert.equal(asked.length, 2);
});

test("a cut connection is thrown, with its cause, if it is not", async (t) => {
  const { guzo, asked } = await bench(t, ["cut"]);
  const thrown: unknown = await guzo.post("/v1/bookings/{booking_id}/payments", { path }).catch((reason: unknown) => reason);
  assert.ok(thrown instanceof GuzoProblem);
  assert.deepEqual([thrown.code, thrown.status, thrown.problem, thrown.retryable], ["no_answer", 0, null, true]);
  assert.ok(thrown.cause instanceof Error);
  assert.equal(asked.length, 1);
});

for (const [name, answer] of Object.entries<Answer>({
  "an error page": { status: 502, text: "<h1>Bad gateway</h1>" },
  "JSON of somebody else": { status: 502, json: { message: "no" } },
  "a page where the API should be": { status: 200, text: "<h1>Please sign in to this network</h1>" },
}))
  test(`${name} is no answer`, async (t) => {
    const { guzo } = await bench(t, [answer]);
    assert.equal(await codeOf(guzo.get("/v1/config")), "no_answer");
  });

test("an aborted call throws the signal's reason and is not sent again", async (t) => {
  const controller = new AbortController();
  const { guzo, asked } = await bench(t, [well], { retries: 0 });
  controller.abort(new Error("The guest went away."));
  await assert.rejects(guzo.get("/v1/config", { signal: controller.signal }), /The guest went away/);
  assert.equal(asked.length, 0);
});

/** A client whose first call is to be sent again after 7 s. */
function unwellAtFirst() {
  const answers = [
    new Response(JSON.stringify(problem(503, "busy", { retryable: true })), { status: 503, headers: { "Retry-After": "7" } }),
    new Response(JSON.stringify(booking("confirmed"))),
  ];
  return createGuzo({ baseUrl: "http://guzo.test", fetch: async () => answers.shift()! });
}

test("the pause before a repeat is as long as it says, and leaves nothing behind", async (t) => {
  const pauses: (number | undefined)[] = [];
  t.mock.method(globalThis, "setTimeout", (done: () => void, milliseconds?: number) => {
    pauses.push(milliseconds);
    queueMicrotask(done);
  });
  const { signal } = new AbortController();
  await unwellAtFirst().get("/v1/bookings/{booking_id}", { path, signal });
  assert.deepEqual(pauses, [7000]);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("an abort ends that pause", async (t) => {
  const controller = new AbortController();
  t.mock.method(globalThis, "setTimeout", () => {
    queueMicrotask(() => controller.abort(new Error("The guest went away.")));
  });
  const call = unwellAtFirst().get("/v1/bookings/{booking_id}", { path, signal: controller.signal });
  await assert.rejects(call, /The guest went away/);
});
