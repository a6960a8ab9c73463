/** What the generated schema says of each call, in the words of this client. */

import type { paths } from "./schema.js";

export type Verb = "get" | "post" | "put" | "patch" | "delete";

/** The paths that take a verb. */
export type PathOf<V extends Verb> = {
  [P in keyof paths]: paths[P][V] extends { responses: unknown } ? P : never;
}[keyof paths];

/** What a call is given: only the parts that it takes, and those that it needs are required. */
export type Asked<V extends Verb, P extends PathOf<V>> = Part<"path", Parameters<V, P>["path"]> &
  Part<"query", Parameters<V, P>["query"]> &
  Part<"body", JsonOf<Field<paths[P][V], "requestBody">>> &
  Renamed<"Idempotency-Key", "key", Parameters<V, P>["header"]> &
  Renamed<"If-Match", "ifMatch", Parameters<V, P>["header"]> & {
    /** Ends the call, and its repeats, from outside. */
    signal?: AbortSignal | undefined;
  };

/** The same as the last argument of a function: it may be left out where nothing is required. */
export type Argument<T> = {} extends T ? [asked?: T] : [asked: T];

/** What a call answers when it succeeds; `undefined` where that is no JSON. */
export type Answered<V extends Verb, P extends PathOf<V>> = Successes<Field<paths[P][V], "responses">>;

/** The paths that answer lists, and what they answer. */
export type ListPath = {
  [P in PathOf<"get">]: Answered<"get", P> extends { next_cursor: string | null } ? P : never;
}[PathOf<"get">];
export interface Page<P extends ListPath> {
  items: Item<P>[];
  /** Null at the end of the list, and only there. */
  next_cursor: string | null;
}
export type Item<P extends ListPath> = Answered<"get", P> extends { items: (infer I)[] } ? I : never;

type Field<T, Name extends string> = T extends { [N in Name]?: infer F } ? F : never;

type Parameters<V extends Verb, P extends PathOf<V>> = paths[P][V] extends {
  parameters: { path?: infer Path; query?: infer Query; header?: infer Header };
}
  ? { path: Path; query: Query; header: Header }
  : never;

type Part<Name extends string, T> = [T] extends [undefined]
  ? unknown
  : {} extends NonNullable<T>
    ? { [N in Name]?: T | undefined }
    : { [N in Name]: T };

type Renamed<From extends string, To extends string, Header> = [Header] extends [undefined]
  ? unknown
  : From extends keyof NonNullable<Header>
    ? Header extends { [N in From]: string }
      ? { [N in To]: string }
      : { [N in To]?: string | undefined }
    : unknown;

type JsonOf<T> = T extends { content: { "application/json": infer Json } } ? Json : undefined;

type Successes<R> = { [S in keyof R & (200 | 201 | 202 | 204)]: JsonOf<R[S]> }[keyof R & (200 | 201 | 202 | 204)];
