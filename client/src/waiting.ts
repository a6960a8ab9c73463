import type { components } from "./schema.js";
import { GuzoProblem } from "./problem.js";

type Booking = components["schemas"]["Booking"];

/** Resolves after so many seconds; rejects with the signal's reason as soon as that aborts. */
export type Wait = (seconds: number, signal?: AbortSignal) => Promise<void>;

export const wait: Wait = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });

export interface Waiting {
  /** The `tx_ref` that the guest came back with; without it, the payment that counts now. */
  txRef?: string | undefined;
  /** Called with the booking after each look, for instance to offer another try when `payment.status` is `failed`. */
  onLook?: ((booking: Booking) => void) | undefined;
  /** Ends the waiting from outside; without it, it lasts until the booking is decided. */
  signal?: AbortSignal | undefined;
}

/** Is there still something to wait for? A payment in `review` is with a person: that may take a day. */
export function isWaiting(booking: Booking): boolean {
  return booking.status === "pending_payment" && booking.payment.status !== "review";
}

/** Makes Guzo ask the gateway once, then looks every 3 s for a minute, then every 10 s. */
export async function decided(
  read: () => Promise<Booking>,
  verify: (txRef: string) => Promise<unknown>,
  rest: Wait,
  { txRef, onLook, signal }: Waiting,
): Promise<Booking> {
  const look = async () => {
    const booking = await unlessItPasses(read());
    if (booking) onLook?.(booking);
    return booking;
  };
  const first = txRef === undefined ? await look() : undefined;
  if (first && !isWaiting(first)) return first;
  const asked = txRef ?? first?.payment.tx_ref;
  if (asked !== undefined) await unlessItPasses(verify(asked));
  for (let waited = 0; ; ) {
    const booking = await look();
    if (booking && !isWaiting(booking)) return booking;
    const pause = waited < 60 ? 3 : 10;
    await rest(pause, signal);
    waited += pause;
  }
}

/** Unknown is not failed: what can succeed later is no reason to stop waiting. */
async function unlessItPasses<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (problem) {
    if (problem instanceof GuzoProblem && problem.retryable) return undefined;
    throw problem;
  }
}
