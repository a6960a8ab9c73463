"""`paystackapi` of PyPI against the Paystack sandbox. It has no webhook check: Paystack's documented one is used."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid

import paystackapi
from paystackapi.paystack import Paystack

from tests.clients.sandbox_access import SANDBOX, check, control, webhook_about

key = os.environ["PAYSTACK_KEY"]
paystackapi.API_URL = f"{SANDBOX}/paystack/"
paystack = Paystack(secret_key=key)
reference = f"py-{uuid.uuid4().hex[:12]}"

opened = paystack.transaction.initialize(
    reference=reference, amount=245000, email="hanna.tesfaye@gmail.com", currency="KES"
)
check(
    "initialize answers a link", opened["data"]["authorization_url"].startswith(f"{SANDBOX}/paystack/checkout/"), True
)
check("verify: unpaid is abandoned", paystack.transaction.verify(reference)["data"]["status"], "abandoned")
control("/paystack/_pay", {"tx_ref": reference})
paid = paystack.transaction.verify(reference)["data"]
check("verify: paid is success", (paid["status"], paid["amount"], paid["currency"]), ("success", 245000, "KES"))
listed = paystack.transaction.list(status="success")
check("transactions are listed", reference in [row["reference"] for row in listed["data"]], True)
check("banks are listed", paystack.misc.list_banks(currency="KES")["data"][0]["currency"], "KES")
refund = paystack.refund.create(transaction=reference, amount=45000)["data"]
check("a refund is queued", (refund["status"], refund["amount"]), ("pending", 45000))
check("and found by its id", paystack.refund.fetch(refund["id"])["data"]["amount"], 45000)
headers, body = webhook_about(reference)
signature = hmac.new(key.encode(), body.encode(), hashlib.sha512).hexdigest()
check("the webhook is signed as Paystack documents", headers["x-paystack-signature"], signature)
