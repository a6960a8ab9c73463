"""`chapa` of PyPI against the Chapa sandbox.

Version 0.1.2 passes `data` to the `get` of httpx, which no httpx takes, so its GET calls fail wherever they go. Here it
gets a session of requests as its client, which takes it. It has calls neither for lists nor for refunds. Its webhook
check hashes JSON written anew with spaces, so it refuses every webhook of Chapa; the sandbox is not kinder than Chapa.
"""

from __future__ import annotations

import json
import os
import uuid

import requests
from chapa import Chapa, verify_webhook

from tests.clients.sandbox_access import SANDBOX, check, control, webhook_about

chapa = Chapa(os.environ["CHAPA_KEY"], base_ur=f"{SANDBOX}/chapa")
chapa.client = requests.Session()
tx_ref = f"py-{uuid.uuid4().hex[:12]}"
person = {"first_name": "Hanna", "last_name": "Tesfaye", "email": "hanna.tesfaye@gmail.com", "amount": 2450}

opened = chapa.initialize(**person, tx_ref=tx_ref, customization={"title": "Stay"})
check("initialize answers a link", opened["data"]["checkout_url"].startswith(f"{SANDBOX}/chapa/checkout/"), True)
again = chapa.initialize(**person, tx_ref=tx_ref)
check("a reference is good for one payment", again["message"], "Transaction reference has been used before")
check("verify: unpaid is pending", chapa.verify(tx_ref)["data"]["status"], "pending")
control("/chapa/_pay", {"tx_ref": tx_ref})
paid = chapa.verify(tx_ref)["data"]
check("verify: paid is success", (paid["status"], paid["amount"], paid["currency"]), ("success", 2450, "ETB"))
check("banks are listed", chapa.get_banks()["data"][0]["name"], "telebirr")
headers, body = webhook_about(tx_ref)
secret = os.environ["CHAPA_WEBHOOK_SECRET"]
for header in ("x-chapa-signature", "chapa-signature"):
    check(
        f"its webhook check refuses Chapa's bytes ({header})",
        verify_webhook(secret, json.loads(body), headers[header]),
        False,
    )
