"""Chapa, version 2 of its API, behind the Gateway port. What its answers mean stands in ``chapa_v2_answers``.

Its keys begin with CHAPA_TEST_ or CHAPA_LIVE_, its amounts are in minor units, and our reference (at most 20
characters) is called ``merchant_reference``. Where a guest comes back to, and where webhooks go, is set in Chapa's
dashboard: no request names an address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack
from urllib.parse import quote

from chalicelib.adapters.gateways.chapa.email import accepts_email
from chalicelib.adapters.gateways.chapa.v2_parsing import read_link, read_verification
from chalicelib.adapters.gateways.client import ClientOptions, GatewayClient
from chalicelib.adapters.gateways.keys import KeyForm
from chalicelib.adapters.gateways.parsing import private_words
from chalicelib.adapters.gateways.webhooks import read_chapa
from chalicelib.domain.errors import GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.ports import GatewayEvent, Opening, RefundAnswer, Secrets, WebhookNotice

BASE_URL = "https://api.chapa.global/v2"

_PHONE = re.compile(r"0([79][0-9]{8})", re.ASCII)


class ChapaV2(GatewayClient):
    """The Gateway port over version 2's hosted checkout. The key is read at each call, so that it may change."""

    name = "chapa"
    form = KeyForm("Chapa", "CHAPA_TEST_", "CHAPA_LIVE_", version="version 2", public="PUB")

    def __init__(
        self,
        secrets: Secrets,
        *,
        base_url: str = BASE_URL,
        key_name: str = "chapa_secret_key",
        **terms: Unpack[ClientOptions],
    ) -> None:
        super().__init__(base_url, secrets, key_name=key_name, **terms)

    def initialize(self, opening: Opening) -> str:
        # The same request again, under the same key, is the same payment: a link whose answer was lost may come back.
        once = {"Idempotency-Key": opening.tx_ref}
        answer = self._ask("POST", "/payments/hosted", json.dumps(_request(opening)).encode(), headers=once)
        return read_link(answer, secure=self._secure, private=private_words(opening))

    def verify(self, tx_ref: str) -> Verification:
        answer = self._ask("GET", f"/payments/{quote(tx_ref, safe='')}/verify")
        # The key that was asked with is one for our mode, and sees its own mode only.
        return read_verification(answer, key_mode=self.mode)

    def cancel(self, tx_ref: str) -> bool:  # noqa: ARG002 - the port names it
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

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:  # noqa: ARG002 - the port names it
        """No call that lists refunds is documented."""
        return None

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:  # noqa: ARG002 - the port names it
        """No call that tells a payment's story is documented."""
        return ()

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read: nothing can be checked then."""
        return read_chapa(body, headers, self._secrets)


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
