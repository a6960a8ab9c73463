"""Chapa, version 1 of its API, behind the Gateway port. ``v1_parsing`` reads its responses."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.adapters.gateways.chapa.email import accepts_email
from chalicelib.adapters.gateways.chapa.v1_parsing import (
    read_closed,
    read_events,
    read_link,
    read_refund,
    read_refund_status,
    read_transactions,
    read_verification,
)
from chalicelib.adapters.gateways.chapa.webhooks import read_webhook
from chalicelib.adapters.gateways.client import FORM, GatewayClient
from chalicelib.adapters.gateways.parsing import page_number, private_texts
from chalicelib.domain.finance.settlement import TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V1
from chalicelib.services.ports.gateways import GatewayEvent, Opening, RefundAnswer, WebhookNotice

PER_PAGE = 100
"""How many transactions are asked for at once; Chapa may answer fewer."""
_PHONE = re.compile(r"0[79][0-9]{8}", re.ASCII)


class ChapaV1(GatewayClient):
    """The Gateway port over Chapa's hosted checkout."""

    name = "chapa"
    version = CHAPA_V1

    def initialize(self, opening: Opening) -> str:
        body = json.dumps(_request(opening)).encode()
        response = self._call("POST", "/transaction/initialize", body)
        return read_link(response, secure=self._secure, private=private_texts(opening))

    def verify(self, tx_ref: str) -> Verification:
        path = f"/transaction/verify/{quote(tx_ref, safe='')}"
        return read_verification(self._call("GET", path))

    def cancel(self, tx_ref: str) -> bool:
        path = f"/transaction/cancel/{quote(tx_ref, safe='')}"
        return read_closed(self._call("PUT", path))

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        fields = {"amount": amount.decimal, "reference": refund_id, "reason": _plain(reason)[:50].strip() or "Refund"}
        path = f"/refund/{quote(provider_reference, safe='')}"
        # Documented as a form; Chapa keeps its ``reference`` unique for ever, and refuses a second post of the same.
        body = urlencode(fields).encode()
        return read_refund(self._call("POST", path, body, content_type=FORM))

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        path = f"/refund/{quote(provider_refund_id, safe='')}/verify"
        return read_refund_status(self._call("GET", path))

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:  # noqa: ARG002 - the port has them
        """See the port. Chapa knows the refund's ``reference``, which is ours; None where it does not find it by that.

        The documents promise the look-up by Chapa's own ``ref_id`` only, which its older answers leave out.
        """
        answer = self.refund_status(refund_id)
        return None if answer.status == "unknown" else answer

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        return read_events(self._call("GET", f"/transaction/events/{quote(reference, safe='')}"))

    def transactions(self, after: str = "") -> TransactionPage:
        page = page_number(after)
        return read_transactions(self._call("GET", f"/transactions?page={page}&per_page={PER_PAGE}"), page)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read."""
        return read_webhook(body, headers, self._secrets)


def _request(opening: Opening) -> dict[str, Any]:
    title = _plain(opening.title)
    optional = {
        "email": opening.email if accepts_email(opening.email) else "",
        "first_name": opening.first_name,
        "last_name": opening.last_name,
        "phone_number": opening.phone if _PHONE.fullmatch(opening.phone) else "",
    }
    return {
        "amount": opening.amount.decimal,
        "currency": opening.amount.currency,
        "tx_ref": opening.tx_ref,
        **{name: value for name, value in optional.items() if value},
        "callback_url": opening.callback_url,
        "return_url": opening.return_url,
        "customization": {
            "title": title[:16].strip() or "Guzo",
            "description": f"{title[:28].strip() or 'Guzo'} {_plain(opening.tx_ref)[:20]}",
        },
        "meta": dict(opening.meta),
    }


def _plain(text: str) -> str:
    """The part of a text that Chapa accepts: ASCII letters, digits, hyphen, underscore, space, dot; it may be empty."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().replace("'", "")
    kept = " ".join(re.sub(r"[^A-Za-z0-9_. -]", " ", letters).split())
    return kept if re.search("[A-Za-z0-9]", kept) else ""
