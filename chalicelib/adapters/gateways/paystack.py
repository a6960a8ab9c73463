"""Paystack behind the Gateway port. What its answers mean stands in ``paystack_answers``.

It takes no birr: it is for guests who pay in shillings, naira, cedi, rand or dollars. Amounts are in minor units, an
e-mail address is required, and no call closes a link. One secret, ``paystack_secret_key``, is both what it is asked
with and what its webhooks are signed with; while it is rotated, ``paystack_secret_key_previous`` still counts for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack
from urllib.parse import quote

from chalicelib.adapters.gateways.client import ClientOptions, GatewayClient
from chalicelib.adapters.gateways.keys import KeyForm
from chalicelib.adapters.gateways.parsing import private_words, read_word
from chalicelib.adapters.gateways.paystack_parsing import (
    read_link,
    read_refund,
    read_refund_in_list,
    read_refund_status,
    read_verification,
)
from chalicelib.adapters.gateways.webhooks import current_and_previous, read_signed
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.domain.money import Money
from chalicelib.domain.timing import REFUND_SEARCH_BEFORE
from chalicelib.domain.verification import Verification
from chalicelib.services.ports import GatewayEvent, Opening, RefundAnswer, Secrets, WebhookNotice

BASE_URL = "https://api.paystack.co"
SIGNATURE = "x-paystack-signature"
PAGE = 50
MOST_PAGES = 5
"""Of refunds, when one is looked for: so many on a page, its own usual number, and so many pages."""


class Paystack(GatewayClient):
    """The Gateway port over Paystack's checkout. The key is read at each call, so that it may change."""

    name = "paystack"
    form = KeyForm("Paystack", "sk_test_", "sk_live_")

    def __init__(
        self,
        secrets: Secrets,
        *,
        base_url: str = BASE_URL,
        key_name: str = "paystack_secret_key",
        **terms: Unpack[ClientOptions],
    ) -> None:
        super().__init__(base_url, secrets, key_name=key_name, **terms)

    def initialize(self, opening: Opening) -> str:
        """See the port. Paystack knows one address only: where the guest's browser goes, with our reference added."""
        answer = self._ask("POST", "/transaction/initialize", json.dumps(_request(opening)).encode())
        return read_link(answer, secure=self._secure, private=private_words(opening))

    def verify(self, tx_ref: str) -> Verification:
        return read_verification(self._ask("GET", f"/transaction/verify/{quote(tx_ref, safe='')}"))

    def cancel(self, tx_ref: str) -> bool:  # noqa: ARG002 - the port names it
        """Paystack has no call that closes a link: it is never certain."""
        return False

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        """See the port. Nothing makes a second post of the same harmless here, so whoever posts has claimed it first.

        The note is the merchant's only: it lets a person find our refund in Paystack's dashboard.
        """
        fields = {
            "transaction": provider_reference,
            "amount": amount.minor,
            "currency": amount.currency,
            "merchant_note": f"{refund_id} {' '.join(reason.split())}"[:200].strip(),
        }
        return read_refund(self._ask("POST", "/refund", json.dumps(fields).encode()))

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        return read_refund_status(self._ask("GET", f"/refund/{quote(provider_refund_id, safe='')}"))

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        """See the port. By the note that it was asked for with, in the list of refunds since the day before."""
        start = (since - REFUND_SEARCH_BEFORE).date().isoformat()
        for number in range(1, MOST_PAGES + 1):
            answer = self._ask("GET", f"/refund?perPage={PAGE}&page={number}&from={start}")
            found, listed = read_refund_in_list(answer, refund_id)
            if found is not None:
                return found
            if listed < PAGE:
                return RefundAnswer("unknown")
        # It may be further down: nothing can be said of it.
        raise GatewayBadAnswer("The payment gateway lists too many refunds.", definitely_not_executed=False)

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:  # noqa: ARG002 - the port names it
        """No call that tells a payment's story is documented."""
        return ()

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read: nothing can be checked then."""
        current, previous = current_and_previous(self._secrets, self._key_name)
        # The key as it is sent: white space around it is no part of it.
        keys = (current.strip(), previous.strip())
        fields = read_signed(body, headers, header=SIGNATURE, keys=keys, digest=hashlib.sha512)
        event = read_word(fields.get("event")) or ""
        return WebhookNotice(tx_ref=_about(fields.get("data")), event=event, claims_paid=event == "charge.success")


def _request(opening: Opening) -> dict[str, Any]:
    return {
        "email": opening.email,
        "amount": opening.amount.minor,
        "currency": opening.amount.currency,
        "reference": opening.tx_ref,
        "callback_url": opening.callback_url.removesuffix(f"/{opening.tx_ref}"),
        "metadata": dict(opening.meta),
    }


def _about(data: object) -> str | None:
    """Our reference in an event's data: events of refunds and disputes call it otherwise than those of charges."""
    if not isinstance(data, dict):
        return None
    transaction = data.get("transaction")
    disputed = transaction.get("reference") if isinstance(transaction, dict) else None
    return read_word(data.get("transaction_reference")) or read_word(disputed) or read_word(data.get("reference"))
