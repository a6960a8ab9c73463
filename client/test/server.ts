/** A Guzo that answers what it is told to, over real HTTP on this machine, and remembers what it was asked. */

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import { createGuzo, type Booking, type Guzo, type Problem, type Settings } from "guzo-client";

export interface Request {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What is answered: JSON, a text of any kind, or nothing at all (the connection is cut). */
export type Answer = { status?: number; json?: unknown; text?: string; headers?: Record<string, string> } | "cut";

export interface Bench {
  guzo: Guzo;
  asked: Request[];
  /** How long each wait would have been, in seconds. */
  waits: number[];
}

/** Answers one after another; the last one again and again. */
export async function bench(t: TestContext, answers: Answer[], settings: Partial<Settings> = {}): Promise<Bench> {
  const asked: Request[] = [];
  const waits: number[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (answer === "cut") return request.socket.destroy();
    response.writeHead(answer.status ?? 200, { "X-Request-Id": "r-1", Connection: "close", ...answer.headers });
    return response.end(answer.text ?? (answer.json === undefined ? "" : JSON.stringify(answer.json)));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const guzo = createGuzo({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wait: async (seconds, signal) => {
      waits.push(seconds);
      signal?.throwIfAborted();
    },
    ...settings,
  });
  return { guzo, asked, waits };
}

export function problem(status: number, code: Problem["code"], more: Partial<Problem> = {}): Problem {
  return {
    type: "about:blank",
    title: "No",
    status,
    detail: "It was not to be.",
    instance: "/v1",
    code,
    retryable: false,
    errors: [],
    ...more,
  };
}

/** As much of a booking as the client looks at. */
export function booking(status: Booking["status"], payment: Booking["payment"]["status"] = "pending"): unknown {
  return { booking_id: "GZ4T1B8WCD7K2M9Q", status, payment: { tx_ref: "GZ4T1B8WCD7K2M9Q-1", status: payment } };
}
