/** A typed client for Guzo, for browsers and Node.js 18 or newer. It needs nothing but `fetch`. */

import { GuzoProblem, noAnswer, problemIn } from "./problem.js";
import type { components } from "./schema.js";
import type { Answered, Argument, Asked, Item, ListPath, Page, PathOf, Verb } from "./typing.js";
import { decided, wait, type Wait, type Waiting } from "./waiting.js";

export { GuzoProblem, type Problem, type ProblemCode } from "./problem.js";
export { isWaiting, type Wait, type Waiting } from "./waiting.js";
export type { Answered, Asked, Item, ListPath, Page, PathOf, Verb } from "./typing.js";

/** Every type of the API's document by its name there: `Schemas["Refund"]`. */
export type Schemas = components["schemas"];
export type Booking = Schemas["Booking"];
export type FoundListing = Schemas["FoundListing"];
export type Listing = Schemas["Listing"];
export type Money = Schemas["Money"];
export type NewBooking = Schemas["NewBooking"];
export type Payment = Schemas["Payment"];

export interface Settings {
  /** Where the API is, with the stage if there is one: `https://….amazonaws.com/prod`. */
  baseUrl: string;
  /** The access token, or how to get a fresh one; asked for at every call. Without it, only public calls work. */
  token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  /** How often a repeatable call is sent again (default 2; 0 for never). */
  retries?: number | undefined;
  /** A call that must wait longer than this, in seconds, before it is sent again, throws instead (default 20). */
  longestWait?: number | undefined;
  /** Instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Instead of waiting by the clock; for tests. */
  wait?: Wait | undefined;
}

/** A client of one Guzo; its functions may be taken off it. */
export type Guzo = ReturnType<typeof createGuzo>;

/**
 * Makes a client.
 *
 * A call answers the body, typed by path, and throws a `GuzoProblem` when it fails. A GET, and any call with a `key`, is
 * sent again when its problem is `retryable`, after `Retry-After` if there is one.
 */
export function createGuzo(settings: Settings) {
  const base = settings.baseUrl.replace(/\/+$/, "");
  const { token, retries = 2, longestWait = 20, wait: rest = wait } = settings;
  // The browser's own wants to be called as a global.
  const send: typeof fetch = settings.fetch ?? ((...request) => fetch(...request));

  async function once(verb: Verb, path: string, asked: Loose): Promise<{ body: unknown; response: Response }> {
    const headers = headersOf(asked, typeof token === "function" ? await token() : token);
    const { signal = null } = asked;
    let response: Response | undefined;
    let text: string;
    try {
      response = await send(base + address(path, asked), {
        method: verb.toUpperCase(),
        headers,
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
        signal,
      });
      text = await response.text();
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw noAnswer("There was no answer.", response?.status, cause);
    }
    const body = parsed(text);
    if (!response.ok) throw problemIn(response, body);
    if (text && body === undefined) throw noAnswer("Something was answered, but not by Guzo.", response.status);
    return { body, response };
  }

  async function patiently(verb: Verb, path: string, asked: Loose = {}): Promise<{ body: unknown; response: Response }> {
    const repeatable = verb === "get" || asked.key !== undefined;
    for (let tried = 0; ; tried += 1) {
      try {
        return await once(verb, path, asked);
      } catch (problem) {
        if (!(problem instanceof GuzoProblem && problem.retryable && repeatable && tried < retries)) throw problem;
        // Everybody's second try must not come at the same moment.
        const pause = problem.retryAfter ?? 2 ** tried * (0.5 + Math.random() / 2);
        if (pause > longestWait) throw problem;
        await rest(pause, asked.signal);
      }
    }
  }

  /** Any call, with its whole answer: for the headers, such as the `ETag` of a listing. */
  async function answer<V extends Verb, P extends PathOf<V>>(
    verb: V,
    path: P,
    ...[asked]: Argument<Asked<V, P>>
  ): Promise<{ body: Answered<V, P>; response: Response }> {
    const { body, response } = await patiently(verb, path, asked as Loose | undefined);
    return { body: body as Answered<V, P>, response };
  }

  function caller<V extends Verb>(verb: V) {
    return async <P extends PathOf<V>>(path: P, ...asked: Argument<Asked<V, P>>): Promise<Answered<V, P>> =>
      (await answer(verb, path, ...asked)).body;
  }

  const get = caller("get");
  const post = caller("post");

  /** The pages of a list, one after another, from `query.cursor` or the first. A page may be empty. */
  async function* pages<P extends ListPath>(
    path: P,
    ...[asked]: Argument<Asked<"get", P>>
  ): AsyncGenerator<Page<P>, void> {
    const { query, ...others }: Loose = asked ?? {};
    for (let cursor = query?.["cursor"]; ; ) {
      const page = (await patiently("get", path, { ...others, query: { ...query, cursor } })).body as Page<P>;
      yield page;
      cursor = page.next_cursor;
      if (cursor === null) return;
    }
  }

  /** The items of a list, over all its pages, each page asked for when it is needed. */
  async function* items<P extends ListPath>(
    path: P,
    ...asked: Argument<Asked<"get", P>>
  ): AsyncGenerator<Item<P>, void> {
    for await (const page of pages(path, ...asked)) yield* page.items;
  }

  /**
   * Waits until a booking is paid, or cannot be paid any more: makes Guzo ask the gateway once, then looks every 3 s for a
   * minute, then every 10 s. Answers the booking: `confirmed`, `expired`, `cancelled`, or with its payment in `review`.
   */
  function waitForPayment(bookingId: string, waiting: Waiting = {}): Promise<Booking> {
    const { signal } = waiting;
    return decided(
      () => get("/v1/bookings/{booking_id}", { path: { booking_id: bookingId }, signal }),
      (txRef) => post("/v1/payments/{tx_ref}/verify", { path: { tx_ref: txRef }, signal }),
      rest,
      waiting,
    );
  }

  return {
    get,
    post,
    put: caller("put"),
    patch: caller("patch"),
    delete: caller("delete"),
    answer,
    pages,
    items,
    waitForPayment,
  };
}

/**
 * A key for one intent. Make it when the guest decides, keep it until there is an answer (in `sessionStorage`, so that a
 * reload has it too), and send it with every try; another intent is another key.
 */
export function newKey(): string {
  // `randomUUID` is only there on https and localhost. A key need only differ from the same guest's others.
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

interface Loose {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
  key?: string;
  ifMatch?: string;
  signal?: AbortSignal;
}

function address(path: string, { path: parts = {}, query = {} }: Loose): string {
  const filled = path.replace(/{(\w+)}/g, (_, name: string) => encodeURIComponent(parts[name] ?? ""));
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${filled}?${search}` : filled;
}

function headersOf({ body, key, ifMatch }: Loose, token: string | undefined): Record<string, string> {
  return {
    Accept: "application/json",
    ...(body !== undefined && { "Content-Type": "application/json" }),
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(key !== undefined && { "Idempotency-Key": key }),
    ...(ifMatch !== undefined && { "If-Match": ifMatch }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
