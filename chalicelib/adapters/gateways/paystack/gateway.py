"""Paystack behind the Gateway port. ``parsing`` reads its responses.

Paystack takes no birr: it is for guests who pay in shillings, naira, cedi, rand or dollars. Amounts are in minor units,
an e-mail address is required, and no call closes a link. One secret, ``paystack_secret_key``, is what calls carry and
what webhooks are signed with; while it is rotated, ``paystack_secret_key_previous`` still counts for webhooks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from chalicelib.adapters.gateways.client import GatewayClient
from chalicelib.adapters.gateways.parsing import page_number, private_texts, read_word
from chalicelib.adapters.gateways.paystack.parsing import (
    dispute_facts,
    read_dispute,
    read_link,
    read_payouts,
    read_refund,
    read_refund_in_list,
    read_refund_status,
    read_transactions,
    read_verification,
)
from chalicelib.adapters.gateways.signatures import read_signed, webhook_keys
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.domain.finance.settlement import PayoutPage, TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.timing import REFUND_SEARCH_BEFORE
from chalicelib.domain.verification import Verification
from chalicelib.gateways import PAYSTACK_V1
from chalicelib.services.ports.gateways import GatewayEvent, Opening, RefundAnswer, WebhookNotice

_NAMELESS = DisputeFacts(provider_dispute_id="", status="needs_response")
"""What an event tells of a dispute that it does not name: a person must look."""

PAGE_SIZE = 50
MAX_PAGES = 5
"""Of the list of refunds in which one is looked for; the size is Paystack's own default."""


class Paystack(GatewayClient):
    """The Gateway port over Paystack's checkout."""

    name = "paystack"
    version = PAYSTACK_V1

    def initialize(self, opening: Opening) -> str:
        """See the port. Paystack takes one address only: the guest's browser goes there, with our reference added."""
        response = self._call("POST", "/transaction/initialize", json.dumps(_request(opening)).encode())
        return read_link(response, secure=self._secure, private=private_texts(opening))

    def verify(self, tx_ref: str) -> Verification:
        return read_verification(self._call("GET", f"/transaction/verify/{quote(tx_ref, safe='')}"))

    def cancel(self, tx_ref: str) -> bool:  # noqa: ARG002 - the port has it
        """Paystack has no call that closes a link: it is never certain."""
        return False

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        """See the port. Paystack would execute a second post of the same refund too: only the claim's owner posts.

        The note is the merchant's only: it lets an operator find our refund in Paystack's dashboard.
        """
        fields = {
            "transaction": provider_reference,
            "amount": amount.minor,
            "currency": amount.currency,
            "merchant_note": f"{refund_id} {' '.join(reason.split())}"[:200].strip(),
        }
        return read_refund(self._call("POST", "/refund", json.dumps(fields).encode()))

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        return read_refund_status(self._call("GET", f"/refund/{quote(provider_refund_id, safe='')}"))

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        """See the port. The refund is found by its note, in the list of refunds since the day before."""
        start = (since - REFUND_SEARCH_BEFORE).date().isoformat()
        for page in range(1, MAX_PAGES + 1):
            response = self._call("GET", f"/refund?perPage={PAGE_SIZE}&page={page}&from={start}")
            found, listed = read_refund_in_list(response, refund_id)
            if found is not None:
                return found
            if listed < PAGE_SIZE:
                return RefundAnswer("unknown")
        # It may be further down.
        raise GatewayBadAnswer("The payment gateway lists too many refunds.", definitely_not_executed=False)

    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:
        return read_dispute(self._call("GET", f"/dispute/{quote(provider_dispute_id, safe='')}"))

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:  # noqa: ARG002 - the port has it
        """No call for a payment's log is documented."""
        return ()

    def transactions(self, after: str = "") -> TransactionPage:
        page = page_number(after)
        return read_transactions(self._call("GET", f"/transaction?page={page}&perPage={PAGE_SIZE}"), page)

    def payouts(self, after: str = "") -> PayoutPage:
        page = page_number(after)
        return read_payouts(self._call("GET", f"/settlement?page={page}&perPage={PAGE_SIZE}"), page)

    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:
        page = page_number(after)
        path = f"/settlement/{quote(payout_id, safe='')}/transactions?page={page}&perPage={PAGE_SIZE}"
        return read_transactions(self._call("GET", path), page)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read."""
        current, previous = webhook_keys(self._secrets, self._row.secrets[0])
        # The key as calls carry it: without white space around it.
        keys = (current.strip(), previous.strip())
        fields = read_signed(body, headers, signatures=self._row.signatures, keys=keys, digest=hashlib.sha512)
        event, data = read_word(fields.get("event")) or "", fields.get("data")
        return WebhookNotice(
            tx_ref=_tx_ref_of_event(data),
            event=event,
            claims_paid=event == "charge.success",
            dispute=(dispute_facts(data) or _NAMELESS) if event.startswith("charge.dispute.") else None,
        )


def _request(opening: Opening) -> dict[str, Any]:
    return {
        "email": opening.email,
        "amount": opening.amount.minor,
        "currency": opening.amount.currency,
        "reference": opening.tx_ref,
        "callback_url": opening.callback_url.removesuffix(f"/{opening.tx_ref}"),
        "metadata": dict(opening.meta),
    }


def _tx_ref_of_event(data: object) -> str | None:
    """Our reference in an event's data: events of refunds and disputes keep it elsewhere than those of charges."""
    if not isinstance(data, dict):
        return None
    transaction = data.get("transaction")
    disputed = transaction.get("reference") if isinstance(transaction, dict) else None
    return read_word(data.get("transaction_reference")) or read_word(disputed) or read_word(data.get("reference"))
