"""Chapa's webhooks (payload, signatures, delivery patterns, retries) and callbacks.

`local/sandboxes/core/webhook_sender.py` sends webhooks. The tables here are also the values of the switches `webhook`,
`callback` and `retry`, and of `signature` in `POST /chapa/_webhook`.
"""

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.sandboxes.chapa import answers_v2
from local.sandboxes.chapa.answers_v1 import customization, international, json_as_php, new_reference, plain_json
from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.forged_signatures import forged_signatures
from local.sandboxes.core.transactions import Transaction
from local.sandboxes.core.webhook_sender import DeliveryPattern, Signed, SigningKeys, WebhookFormat, WebhookSender

SUCCESS = "charge.success"
FAILED = "charge.failed/cancelled"
REFUNDED = "charge.refunded"
EVENTS_OF_V2 = {SUCCESS: "payment.success", FAILED: "payment.failed", REFUNDED: "payment.refunded"}

BODY_HEADER = "x-chapa-signature"
CONSTANT_HEADER = "Chapa-Signature"

TEN_MINUTES = 600.0


def body_signature(body: bytes, key: str) -> str:
    """Return the HMAC-SHA256 of the raw bytes, in lower-case hex: the signature that proves something."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def constant_signature(key: str) -> str:
    """Return the HMAC of the secret by itself: the same for ever, whatever the body is."""
    return body_signature(key.encode(), key)


def charge_payload(transaction: Transaction, event: str) -> dict[str, Any]:
    """Return the flat payload of a charge event. Amounts are strings with two decimals here."""
    if transaction.api == "v2":
        return answers_v2.payment_payload(transaction, EVENTS_OF_V2.get(event, event))
    status = event.partition(".")[2]
    reason = transaction.failure_reason or "Cancelled by the customer" if event == FAILED else None
    return {
        "event": event,
        "first_name": transaction.first_name, "last_name": transaction.last_name,
        "email": transaction.email, "mobile": international(transaction.mobile),
        "currency": transaction.currency, "amount": f"{transaction.amount:.2f}",
        "charge": f"{transaction.charge:.2f}",
        "status": status, "failure_reason": reason, "mode": "test",
        "reference": transaction.reference,
        "created_at": stamp(transaction.created_at), "updated_at": stamp(transaction.updated_at),
        "type": "API", "tx_ref": transaction.tx_ref, "payment_method": transaction.method,
        "customization": customization(transaction),
        "meta": dict(transaction.meta) if transaction.meta is not None else None,
    }  # fmt: skip


def _both(body: bytes, key: str) -> dict[str, str]:
    return {BODY_HEADER: body_signature(body, key), CONSTANT_HEADER: constant_signature(key)}


def _tampered(body: bytes, keys: SigningKeys) -> Signed:
    changed = re.sub(rb'("amount":"[0-9]*)', rb"\g<1>0", body, count=1)
    return changed, _both(body, keys.webhook_secret)


def _respaced(body: bytes, keys: SigningKeys) -> Signed:
    # The same JSON in other bytes: what a proxy, or a check of re-serialised JSON, would make of it.
    return json.dumps(json.loads(body)).encode(), _both(body, keys.webhook_secret)


SIGNATURES: dict[str, tuple[str, Callable[[bytes, SigningKeys], Signed]]] = {
    "good": ("both headers", lambda body, keys: (body, _both(body, keys.webhook_secret))),
    "x_only": (
        "only x-chapa-signature",
        lambda body, keys: (body, {BODY_HEADER: body_signature(body, keys.webhook_secret)}),
    ),
    "custom": (
        "a custom webhook's: only Chapa-Signature, over the body",
        lambda body, keys: (body, {CONSTANT_HEADER: body_signature(body, keys.webhook_secret)}),
    ),
    "custom_basic": (
        "a custom webhook's with Basic Auth: nothing covers the body",
        lambda body, keys: (
            body,
            {"Authorization": f"Basic {b64encode(f'guzo:{keys.webhook_secret}'.encode()).decode()}"},
        ),
    ),
    "constant": (
        "only Chapa-Signature, which is a constant",
        lambda body, keys: (body, {CONSTANT_HEADER: constant_signature(keys.webhook_secret)}),
    ),
    "constant_as_x": (
        "the constant in x-chapa-signature too",
        lambda body, keys: (
            body,
            dict.fromkeys((BODY_HEADER, CONSTANT_HEADER), constant_signature(keys.webhook_secret)),
        ),
    ),
    **forged_signatures(BODY_HEADER, lambda body, keys: body_signature(body, keys.webhook_secret), hashlib.sha256),
    "wrong": ("both headers, under another key", lambda body, _keys: (body, _both(body, "another-secret"))),
    "api_key": ("both headers, under the API key", lambda body, keys: (body, _both(body, keys.api_key))),
    "tampered": ("both headers, but the amount was made ten times as much after signing", _tampered),
    "respaced": ("both headers, but the JSON was written anew, with spaces, after signing", _respaced),
}


DELIVERY_PATTERNS: dict[str, DeliveryPattern] = {
    "normal": DeliveryPattern("once, after the callback, signed, compact JSON with PHP's escapes"),
    "never": DeliveryPattern("not sent", copies=0),
    "late": DeliveryPattern("late_seconds late by the local clock", late=True),
    "triple": DeliveryPattern("three times at once", copies=3),
    "before_initialize": DeliveryPattern(
        "initialize marks the payment paid, and answers only after its webhook was sent",
        before_initialize=True,
    ),
    "success_after_failed": DeliveryPattern("a failure first, then the true event", events_before=(FAILED,)),
    "failed_after_success": DeliveryPattern(
        "the true event, then a failure that is out of date", events_after=(FAILED,)
    ),
    "x_only": DeliveryPattern("with x-chapa-signature only", signature="x_only"),
    "custom_signature": DeliveryPattern(
        "as a custom webhook: Chapa-Signature over the body, and nothing else", signature="custom"
    ),
    "custom_basic": DeliveryPattern("as a custom webhook with Basic Auth", signature="custom_basic"),
    "constant_signature": DeliveryPattern("with Chapa-Signature only", signature="constant"),
    "no_signature": DeliveryPattern("without signature headers", signature="none"),
    "wrong_key": DeliveryPattern("signed with another key", signature="wrong"),
    "api_key_signature": DeliveryPattern("signed with the API key", signature="api_key"),
    "tampered": DeliveryPattern("its amount changed after it was signed", signature="tampered"),
    "respaced": DeliveryPattern("its JSON written anew after it was signed", signature="respaced"),
    "plain_json": DeliveryPattern("signed, JSON without PHP's escapes", plain=True),
}


def retry_delay(retry: str, tries: int) -> float | None:
    """Return the pause before the next try, or None when there is none."""
    return TEN_MINUTES if tries < RETRIES[retry][1] else None


RETRIES: dict[str, tuple[str, int]] = {
    "10_times": ("every 10 minutes, 10 times", 10),
    "72_hours": ("every 10 minutes for 72 hours", 432),
    "never": ("nothing", 0),
}


@dataclass(frozen=True)
class Callback:
    """How callback_url is called: with a query or a JSON body, with which reference, true or forged."""

    about: str
    method: str = "GET"
    as_json: bool = False
    forged: bool = False
    sent: bool = True


CALLBACKS: dict[str, Callback] = {
    "query": Callback("GET with trx_ref, ref_id and status in the query"),
    "json": Callback("GET with the three in a JSON body", as_json=True),
    "browser_post": Callback(
        "POST as the in-page script does: JSON whose tx_ref is Chapa's reference",
        method="POST",
        as_json=True,
    ),
    "forged": Callback("GET that says success, with an build ref_id, whatever happened", forged=True),
    "never": Callback("not called", sent=False),
}


def callback_facts(transaction: Transaction, pattern: Callback, status: str) -> dict[str, str]:
    """Return the fields of a callback. It is unsigned, so a merchant must not trust them."""
    if pattern.method == "POST":
        return {"tx_ref": transaction.reference, "status": status}
    if pattern.forged:
        return {"trx_ref": transaction.tx_ref, "ref_id": new_reference(), "status": "success"}
    return {"trx_ref": transaction.tx_ref, "ref_id": transaction.reference, "status": status}


class ChapaWebhookSender(WebhookSender):
    """Sends Chapa's webhooks; for version 1 it also calls each payment's callback_url before."""

    def call_back(self, transaction: Transaction, event: str) -> None:
        """Call the payment's callback_url once, if it has one."""
        pattern = CALLBACKS[self._switches.of("callback", transaction.tx_ref)]
        if not pattern.sent or not transaction.callback_url:
            return
        facts = callback_facts(transaction, pattern, event.partition(".")[2])
        entry = self._call_log.begin(
            "callback",
            method=pattern.method,
            path=transaction.callback_url,
            tx_ref=transaction.tx_ref,
            body=facts,
        )
        if pattern.as_json:
            self.exchange(entry, json.dumps(facts).encode(), {"Content-Type": "application/json"})
        else:
            self.exchange(entry, None, {}, query=facts)


WEBHOOK_FORMAT = WebhookFormat(
    agent="Chapa-Sandbox",
    payload=charge_payload,
    write=json_as_php,
    plain=plain_json,
    signatures=SIGNATURES,
    patterns=DELIVERY_PATTERNS,
    retry_delay=retry_delay,
)
