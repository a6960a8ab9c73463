// `paystack-sdk` of npm against the Paystack sandbox. It has no webhook check: Paystack's documented one is used.

import { createHmac, randomUUID } from "node:crypto";

import Paystack from "paystack-sdk";

import { SANDBOX, check, control, webhookAbout } from "./sandbox_access.mjs";

const key = process.env.PAYSTACK_KEY;
const paystack = new Paystack(key);
const reference = `js-${randomUUID().slice(0, 12)}`;
const options = { reference, amount: "245000", email: "hanna.tesfaye@gmail.com", currency: "KES" };

const opened = await paystack.transaction.initialize(options);
check("initialize answers a link", opened.data.authorization_url.startsWith(`${SANDBOX}/paystack/checkout/`), true);
const refused = await paystack.transaction.initialize(options).catch((error) => error);
check("a reference is good for one payment", [refused.status, refused.body?.code], [400, "duplicate_reference"]);
check("verify: unpaid is abandoned", (await paystack.transaction.verify(reference)).data.status, "abandoned");
await control("/paystack/_pay", { tx_ref: reference });
const paid = (await paystack.transaction.verify(reference)).data;
check("verify: paid is success", [paid.status, paid.amount, paid.currency], ["success", 245000, "KES"]);
const listed = await paystack.transaction.list({ perPage: 100 });
check("transactions are listed", listed.data.some((row) => row.reference === reference), true);
check("banks are listed", (await paystack.misc.banks({ currency: "KES" })).data[0].currency, "KES");
const refund = (await paystack.refund.create({ transaction: reference, amount: 45000 })).data;
check("a refund is queued", [refund.status, refund.amount], ["pending", 45000]);
check("and found by its id", (await paystack.refund.fetch(refund.id)).data.amount, 45000);
const { headers, body } = await webhookAbout(reference);
const signature = createHmac("sha512", key).update(JSON.stringify(JSON.parse(body))).digest("hex");
check("the webhook is signed as Paystack documents", headers["x-paystack-signature"], signature);
