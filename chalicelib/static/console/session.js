// Who is signed in, and calls of the API as that person. The token is in this module's memory, and nowhere else.
const { base, issuer, client, tokens, sub, group } = document.body.dataset;
let accessToken = null;

export const signedIn = () => accessToken !== null;
export const signOut = () => { accessToken = null; };
export const onThisMachine = tokens !== "";

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.code = problem.code;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
    this.problem = problem;
  }
}

// What is read, with the tag of its version, for the If-Match of the acts on it.
export async function read(path) {
  const tags = {};
  const value = await call("GET", path, { tags });
  return { value, etag: tags.etag };
}

export async function call(method, path, { body, key, etag, tags = {} } = {}) {
  // Who has signed out meanwhile asks for nothing more.
  if (!signedIn()) throw new Refused({ code: "unauthenticated" });
  const headers = { Authorization: `Bearer ${accessToken}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (etag) headers["If-Match"] = etag;
  let answer;
  try {
    // What an act has just changed is read again, not taken from what the browser kept of the catalogue.
    answer = await fetch(base + path, { method, headers, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused({ code: "offline" });
  }
  tags.etag = answer.headers.get("ETag");
  const text = await answer.text();
  const json = (answer.headers.get("Content-Type") ?? "").includes("json");
  const told = json && text ? JSON.parse(text) : text;
  if (answer.ok) return told;
  if (answer.status === 401) signOut();
  throw new Refused({ ...(json ? told : { code: `http_${answer.status}` }), requestId: answer.headers.get("X-Request-Id") });
}

export async function pages(path, most = 1000) {
  const items = [];
  for (let cursor = ""; items.length < most;) {
    const page = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    items.push(...page.items);
    if (!page.next_cursor) break;
    cursor = page.next_cursor;
  }
  return items;
}

// A local stack's issuer gives anybody a token, without a password.
export async function signInHere() {
  const answer = await fetch(tokens, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sub, groups: [group], email: `${sub}@guzo.example` }),
  });
  if (!answer.ok) throw new Refused({ code: "no_token" });
  accessToken = (await answer.json()).token;
}

export function signInWith(token) {
  accessToken = token.trim();
}

// OpenID Connect, code flow with PKCE (RFC 7636). Only the verifier and the state outlive the way to the issuer and back.
const discover = async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
const here = () => location.origin + location.pathname;
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

export async function goToIssuer() {
  const { authorization_endpoint: endpoint } = await discover();
  const verifier = random();
  const state = random();
  sessionStorage.setItem("sign-in", JSON.stringify({ verifier, state }));
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
  const query = new URLSearchParams({
    response_type: "code", client_id: client, redirect_uri: here(), scope: "openid email", state,
    code_challenge: challenge, code_challenge_method: "S256",
  });
  location.assign(`${endpoint}?${query}`);
}

export async function comeBack() {
  const query = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem("sign-in") ?? "null");
  sessionStorage.removeItem("sign-in");
  if (!query.has("code") && !query.has("error")) return;
  history.replaceState(null, "", location.pathname);
  if (!kept || query.get("state") !== kept.state) throw new Refused({ code: "foreign_sign_in" });
  if (query.has("error")) throw new Refused({ code: "no_token", detail: query.get("error_description") ?? query.get("error") });
  const { token_endpoint: endpoint } = await discover();
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      grant_type: "authorization_code", client_id: client, code: query.get("code"), redirect_uri: here(),
      code_verifier: kept.verifier,
    }),
  });
  if (!answer.ok) throw new Refused({ code: "no_token" });
  accessToken = (await answer.json()).access_token;
}
