// `chapa-nodejs` of npm against the Chapa sandbox.

import { Chapa } from "chapa-nodejs";

import { SANDBOX, check, control, webhookAbout } from "./sandbox_access.mjs";

const chapa = new Chapa({ secretKey: process.env.CHAPA_KEY, webhookSecret: process.env.CHAPA_WEBHOOK_SECRET });
const tx_ref = chapa.genTxRef();
const options = {
  first_name: "Hanna",
  last_name: "Tesfaye",
  email: "hanna.tesfaye@gmail.com",
  phone_number: "0911223344",
  currency: "ETB",
  amount: "2450.00",
  tx_ref,
  return_url: "https://shop.example.et/thanks",
};

const opened = await chapa.initialize(options);
check("initialize answers a link", opened.data.checkout_url.startsWith(`${SANDBOX}/chapa/checkout/`), true);
const refused = await chapa.initialize(options).catch((error) => error);
check("a reference is good for one payment", [refused.status, refused.message], [
  400,
  "Transaction reference has been used before",
]);
check("verify: unpaid is pending", (await chapa.verify({ tx_ref })).data.status, "pending");
await control("/chapa/_pay", { tx_ref });
const paid = (await chapa.verify({ tx_ref })).data;
check("verify: paid is success", [paid.status, paid.amount, paid.currency], ["success", 2450, "ETB"]);
const { transactions, pagination } = (await chapa.getTransactions()).data;
const row = transactions.find((each) => each.ref_id === paid.reference);
check("transactions are listed", [row?.status, row?.amount, pagination.current_page], ["success", "2450.000", 1]);
const log = await chapa.getTransactionLogs({ ref_id: paid.reference });
check("the log of a transaction is listed", log.data.length > 0, true);
check("banks are listed", (await chapa.getBanks()).data[0].name, "telebirr");
const unlike = await chapa.refund({ tx_ref: paid.reference, amount: "450" }).catch((error) => error);
check("a refund is refused in test mode", unlike.message, "Refunds can only be processed in live mode");
await control("/chapa/_control", { tx_ref, refund: "simulated_v2_shape", refund_path: "either" });
const refund = (await chapa.refund({ tx_ref, amount: "450", reason: "No water" })).data;
check("a refund is taken as in live mode", [refund.status, refund.amount], ["initiated", 450]);
const { headers, body } = await webhookAbout(tx_ref);
check("its webhook check takes the raw bytes", chapa.verifyWebhook(body, headers["x-chapa-signature"]), true);
check("and not the constant header", chapa.verifyWebhook(body, headers["chapa-signature"]), false);
check("nor changed bytes", chapa.verifyWebhook(body.replace("2450", "9450"), headers["x-chapa-signature"]), false);
