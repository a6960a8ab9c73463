import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];
export type ProblemCode = components["schemas"]["ProblemCode"];

/**
 * What every call throws when it fails. Decide by `code`; `message` is for people and may change.
 *
 * `no_answer` is the client's own code: the network failed, or something between here and Guzo answered instead.
 * Whether Guzo did what it was asked is then unknown, so send the same request again, with the same key.
 */
export class GuzoProblem extends Error {
  override readonly name = "GuzoProblem";

  constructor(
    readonly code: ProblemCode | "no_answer",
    message: string,
    /** Can the very same request succeed later? */
    readonly retryable: boolean,
    /** Of the answer; 0 without any. */
    readonly status: number,
    /** The whole document; `errors` of it names every wrong field, by dotted path. Null with `no_answer`. */
    readonly problem: Problem | null,
    /** Seconds to wait before the same request is sent again, where the answer says so. */
    readonly retryAfter: number | null,
    /** Show it where a guest can report a problem: it is in every log line of Guzo's. */
    readonly requestId: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The wrong fields of a body or a query. */
  get errors(): Problem["errors"] {
    return this.problem?.errors ?? [];
  }
}

/** The problem that an answer carries. */
export function problemIn(answer: Response, body: unknown): GuzoProblem {
  if (!isProblem(body)) return noAnswer(`${answer.status} was answered, but not by Guzo.`, answer.status);
  const seconds = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  return new GuzoProblem(
    body.code,
    body.detail,
    body.retryable,
    answer.status,
    body,
    Number.isNaN(seconds) ? null : seconds,
    answer.headers.get("X-Request-Id"),
  );
}

/** The problem of having none from Guzo. */
export function noAnswer(message: string, status = 0, cause?: unknown): GuzoProblem {
  return new GuzoProblem("no_answer", message, true, status, null, null, null, { cause });
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "retryable" in body;
}
