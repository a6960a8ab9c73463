// What the clients' scripts do beside their client: pay, set switches, fetch the webhook.

import { isDeepStrictEqual } from "node:util";

export const { SANDBOX, RECEIVER } = process.env;

export function check(what, found, expected) {
  if (!isDeepStrictEqual(found, expected)) {
    console.error(`  ✗ ${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
    process.exit(1);
  }
  console.log(`  ✓ ${what}`);
}

export async function control(path, body) {
  const answer = await fetch(SANDBOX + path, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
}

export async function webhookAbout(txRef) {
  const answer = await fetch(`${RECEIVER}/?tx_ref=${txRef}`);
  if (!answer.ok) throw new Error(`no webhook came about ${txRef}`);
  return answer.json();
}
