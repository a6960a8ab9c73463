"""Paystack's webhooks: payload, signatures, delivery patterns, retries.

Only what succeeded is announced: of failures and of guests who left, Paystack says nothing.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from local.sandboxes.core.forged_signatures import forged_signatures
from local.sandboxes.core.transactions import Transaction
from local.sandboxes.core.webhook_sender import DeliveryPattern, Signed, SigningKeys, WebhookFormat
from local.sandboxes.paystack.answers import INTEGRATION, dispute, minor, payment, write

SUCCESS = "charge.success"
PENDING = "refund.pending"
PROCESSED = "refund.processed"

HEADER = "x-paystack-signature"

MINUTE, HOUR = 60.0, 3600.0


def signature(body: bytes, key: str, digest: Callable[..., Any] = hashlib.sha512) -> str:
    """Return the HMAC-SHA512 of the raw bytes, in lower-case hex."""
    return hmac.new(key.encode(), body, digest).hexdigest()


def event_payload(transaction: Transaction, event: str) -> dict[str, Any]:
    """Return the payload of an event: that of a refund calls our reference otherwise, and has its amount as text."""
    if event.startswith("charge.dispute.") and transaction.disputes:
        return {"event": event, "data": dispute(transaction, transaction.disputes[-1], created="created_at")}
    if not event.startswith("refund."):
        status = "success" if event == SUCCESS else event.rpartition(".")[2]
        data = payment(transaction, status)
        del data["requested_amount"]
        return {"event": event, "data": data}
    refund = transaction.refunds[-1] if transaction.refunds else None
    amount = refund.amount if refund else transaction.amount
    data = {
        "status": event.partition(".")[2], "transaction_reference": transaction.tx_ref, "refund_reference": None,
        "amount": str(minor(amount)), "currency": transaction.currency, "processor": None,
        "customer": {"first_name": None, "last_name": None, "email": transaction.email},
        "integration": INTEGRATION, "domain": "test",
    }  # fmt: skip
    return {"event": event, "data": data}


def _tampered(body: bytes, keys: SigningKeys) -> Signed:
    changed = re.sub(rb'("amount":"?)(\d)', rb"\g<1>9\2", body, count=1)
    return changed, {HEADER: signature(body, keys.api_key)}


def _respaced(body: bytes, keys: SigningKeys) -> Signed:
    # The same JSON in other bytes: what a check of re-serialised JSON would make of it.
    return json.dumps(json.loads(body)).encode(), {HEADER: signature(body, keys.api_key)}


SIGNATURES: dict[str, tuple[str, Callable[[bytes, SigningKeys], Signed]]] = {
    "good": ("HMAC-SHA512 under the secret key", lambda body, keys: (body, {HEADER: signature(body, keys.api_key)})),
    **forged_signatures(HEADER, lambda body, keys: signature(body, keys.api_key), hashlib.sha512),
    "sha256": (
        "HMAC-SHA256 in place of SHA512",
        lambda body, keys: (body, {HEADER: signature(body, keys.api_key, hashlib.sha256)}),
    ),
    "tampered": ("the amount was changed after signing", _tampered),
    "respaced": ("the JSON was written anew, with spaces, after signing", _respaced),
}

DELIVERY_PATTERNS: dict[str, DeliveryPattern] = {
    "normal": DeliveryPattern("once, signed"),
    "never": DeliveryPattern("not sent", copies=0),
    "late": DeliveryPattern("late_seconds late by the local clock", late=True),
    "triple": DeliveryPattern("three times at once", copies=3),
    "before_initialize": DeliveryPattern(
        "initialize marks the payment paid, and answers only after its webhook was sent", before_initialize=True
    ),
    "no_signature": DeliveryPattern("without a signature header", signature="none"),
    "wrong_key": DeliveryPattern("signed with another key", signature="wrong"),
    "tampered": DeliveryPattern("its amount changed after it was signed", signature="tampered"),
    "respaced": DeliveryPattern("its JSON written anew after it was signed", signature="respaced"),
}

RETRIES: dict[str, str] = {
    "test": "hourly, up to 72 hours",
    "live": "every 3 minutes for the first 4 tries, then hourly, up to 72 hours",
    "never": "nothing",
}


def retry_delay(retry: str, tries: int) -> float | None:
    """Return the pause before the next try, or None when there is none."""
    if retry == "never" or tries >= 72:
        return None
    return 3 * MINUTE if retry == "live" and tries < 4 else HOUR


WEBHOOK_FORMAT = WebhookFormat(
    agent="Paystack-Sandbox",
    payload=event_payload,
    write=write,
    plain=write,
    signatures=SIGNATURES,
    patterns=DELIVERY_PATTERNS,
    retry_delay=retry_delay,
)
