import assert from "node:assert/strict";
import { test } from "node:test";

import { createGuzo, GuzoProblem, isWaiting, type Booking } from "guzo-client";

import { bench, booking, problem, type Answer } from "./server.js";

const ID = "GZ4T1B8WCD7K2M9Q";
const waiting: Answer = { json: booking("pending_payment") };
const paid: Answer = { json: booking("confirmed", "completed") };
const unwell: Answer = { status: 504, json: problem(504, "gateway_timeout", { retryable: true }) };

const READ = `GET /v1/bookings/${ID}`;
const VERIFY = `POST /v1/payments/${ID}-1/verify`;

test("a booking that is decided is not waited for", async (t) => {
  const { guzo, asked, waits } = await bench(t, [paid]);
  assert.equal((await guzo.waitForPayment(ID)).status, "confirmed");
  assert.equal(asked.length, 1);
  assert.deepEqual(waits, []);
});

test("Guzo is made to ask once, then looked at", async (t) => {
  const { guzo, asked, waits } = await bench(t, [waiting, { json: {} }, waiting, waiting, paid]);
  const statuses: Booking["status"][] = [];
  await guzo.waitForPayment(ID, { onLook: (seen) => statuses.push(seen.status) });
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url}`), [READ, VERIFY, READ, READ, READ]);
  assert.deepEqual(statuses, ["pending_payment", "pending_payment", "pending_payment", "confirmed"]);
  assert.deepEqual(waits, [3, 3]);
});

test("the payment that the guest came back with is the one that is asked about", async (t) => {
  const { guzo, asked } = await bench(t, [{ json: {} }, paid]);
  await guzo.waitForPayment(ID, { txRef: `${ID}-1` });
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url}`), [VERIFY, READ]);
});

test("every 3 s for a minute, then every 10 s", async (t) => {
  const answers = [waiting, { json: {} }, ...Array<Answer>(23).fill(waiting), paid];
  const { guzo, waits } = await bench(t, answers);
  await guzo.waitForPayment(ID);
  assert.deepEqual(waits, [...Array<number>(20).fill(3), 10, 10, 10]);
});

test("a gateway that does not answer does not end the waiting", async (t) => {
  const { guzo } = await bench(t, [waiting, unwell, paid]);
  assert.equal((await guzo.waitForPayment(ID)).status, "confirmed");
});

test("nor does a network that is away for a while", async (t) => {
  const { guzo, waits } = await bench(t, [waiting, { json: {} }, ...Array<Answer>(4).fill("cut"), paid]);
  assert.equal((await guzo.waitForPayment(ID)).status, "confirmed");
  assert.equal(waits.filter((seconds) => seconds === 3).length, 1);
});

test("what will not pass ends it", async (t) => {
  const { guzo } = await bench(t, [waiting, { json: {} }, { status: 401, json: problem(401, "unauthenticated") }]);
  await assert.rejects(
    guzo.waitForPayment(ID),
    (thrown) => thrown instanceof GuzoProblem && thrown.code === "unauthenticated",
  );
});

test("a payment in review is with a person, and a failed one may be tried again", async (t) => {
  const reviewed = { json: booking("pending_payment", "review") };
  const { guzo } = await bench(t, [{ json: booking("pending_payment", "failed") }, { json: {} }, reviewed]);
  const end = await guzo.waitForPayment(ID);
  assert.equal(end.payment.status, "review");
  assert.equal(isWaiting(end), false);
});

test("the signal goes with every call and every pause", async (t) => {
  const { signal } = new AbortController();
  const signals: unknown[] = [];
  const answers = [waiting, { json: {} }, waiting, paid];
  const { guzo } = await bench(t, answers, {
    fetch: (address, request) => {
      signals.push(request?.signal);
      return fetch(address, request);
    },
    wait: async (_, given) => void signals.push(given),
  });
  await guzo.waitForPayment(ID, { signal });
  assert.equal(signals.length, 5);
  assert.ok(signals.every((given) => given === signal));
});

test("a signal that aborts while the guest is told ends it before the pause", async (t) => {
  t.mock.method(globalThis, "setTimeout", () => undefined);
  const controller = new AbortController();
  const answers = [{}, booking("pending_payment")].map((json) => new Response(JSON.stringify(json)));
  const ended = createGuzo({ baseUrl: "http://guzo.test", fetch: async () => answers.shift()! }).waitForPayment(ID, {
    txRef: `${ID}-1`,
    signal: controller.signal,
    onLook: () => controller.abort(new Error("The page was closed.")),
  });
  await assert.rejects(ended, /The page was closed/);
});
