"""Chapa, version 2 of its API, behind the Gateway port. ``v2_parsing`` reads its responses.

Its keys begin with CHAPA_TEST_ or CHAPA_LIVE_, its amounts are in minor units, and our reference (at most 20
characters) is called ``merchant_reference``. Where a guest comes back to, and where webhooks go, is set in Chapa's
dashboard: no request names an address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from chalicelib.adapters.gateways.chapa.email import accepts_email
from chalicelib.adapters.gateways.chapa.v2_parsing import read_link, read_payments, read_verification
from chalicelib.adapters.gateways.chapa.webhooks import read_webhook
from chalicelib.adapters.gateways.client import GatewayClient
from chalicelib.adapters.gateways.parsing import private_texts
from chalicelib.domain.errors import GatewayRejected
from chalicelib.domain.finance.settlement import TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V2
from chalicelib.services.ports.gateways import GatewayEvent, Opening, RefundAnswer, WebhookNotice

PER_PAGE = 100
"""How many payments a page of the list is asked for; Chapa may give fewer."""
_PHONE = re.compile(r"0([79][0-9]{8})", re.ASCII)


class ChapaV2(GatewayClient):
    """The Gateway port over version 2's hosted checkout."""

    name = "chapa"
    version = CHAPA_V2

    def initialize(self, opening: Opening) -> str:
        # The same request again, under the same key, is the same payment: a link whose answer was lost may come back.
        once = {"Idempotency-Key": opening.tx_ref}
        body = json.dumps(_request(opening)).encode()
        response = self._call("POST", "/payments/hosted", body, headers=once)
        return read_link(response, secure=self._secure, private=private_texts(opening))

    def verify(self, tx_ref: str) -> Verification:
        response = self._call("GET", f"/payments/{quote(tx_ref, safe='')}/verify")
        # The key that the call carried is one for our mode, and sees its own mode only.
        return read_verification(response, key_mode=self.mode)

    def cancel(self, tx_ref: str) -> bool:  # noqa: ARG002 - the port has it
        """No call that closes a link is documented: it is never certain."""
        return False

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:  # noqa: ARG002 - likewise
        """No call that gives money back is documented well enough to send money with. Raises GatewayRejected."""
        raise GatewayRejected(
            f"Give {amount.formatted} back in Chapa's dashboard, then settle this refund as already refunded: "
            "version 2 of Chapa's API offers Guzo no call for it.",
            definitely_not_executed=True,
        )

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:  # noqa: ARG002 - likewise
        """Nothing can be asked about a refund: what became of it is seen at the payment."""
        return RefundAnswer("unknown")

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:  # noqa: ARG002 - the port has it
        """No call that lists refunds is documented."""
        return None

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:  # noqa: ARG002 - the port has it
        """No call for a payment's log is documented."""
        return ()

    def transactions(self, after: str = "") -> TransactionPage:
        cursor = f"&cursor={quote(after, safe='')}" if after else ""
        return read_payments(self._call("GET", f"/payments?limit={PER_PAGE}{cursor}"))

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read."""
        return read_webhook(body, headers, self._secrets)


def _request(opening: Opening) -> dict[str, Any]:
    phone = _PHONE.fullmatch(opening.phone)
    customer = {
        "first_name": opening.first_name,
        "last_name": opening.last_name,
        "email": opening.email if accepts_email(opening.email) else "",
        "phone_number": f"251{phone[1]}" if phone else "",
    }
    return {
        "amount": opening.amount.minor,
        "currency": opening.amount.currency,
        "merchant_reference": opening.tx_ref,
        "customer": {name: value for name, value in customer.items() if value},
        "meta": dict(opening.meta),
    }
