// Sends calls of the gateways' fixed addresses to the sandbox: what a client does is not changed, only where it goes.

import http from "node:http";
import https from "node:https";

const sandbox = new URL(process.env.SANDBOX);
const PATHS = { "api.chapa.co": "/chapa", "api.paystack.co": "/paystack" };

function pathOf(host) {
  if (host in PATHS) return PATHS[host];
  throw new Error(`${host} is no gateway`);
}

const fetched = globalThis.fetch;
globalThis.fetch = (address, options) => {
  const url = new URL(address);
  if (url.origin === sandbox.origin || url.origin === process.env.RECEIVER) return fetched(url, options);
  return fetched(sandbox.origin + pathOf(url.hostname) + url.pathname + url.search, options);
};

https.request = (options, answered) =>
  http.request(
    {
      ...options,
      protocol: "http:",
      host: sandbox.hostname,
      hostname: sandbox.hostname,
      port: sandbox.port,
      path: pathOf(options.hostname ?? options.host) + options.path,
      agent: undefined,
    },
    answered,
  );
