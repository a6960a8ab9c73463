"""Chapa's webhooks, of both versions of its API and of both kinds, standard and custom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from chalicelib.adapters.gateways.parsing import read_word
from chalicelib.adapters.gateways.signatures import read_signed, webhook_keys
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.gateways import GATEWAYS
from chalicelib.services.ports.gateways import WebhookNotice
from chalicelib.services.ports.stage import Secrets

_A_DISPUTE = DisputeFacts(provider_dispute_id="", status="needs_response", reason="announced by Chapa")
"""An older page of Chapa's promises such an event, and shows none: all that it tells is that a person must look."""

REFERENCE_FIELDS = ("tx_ref", "trx_ref", "merchant_reference", "merchant_referece")
"""Our reference: in version 1, once in version 1, in version 2, and misspelt in older bodies of version 2."""


def read_webhook(body: bytes, headers: Mapping[str, str], secrets: Secrets) -> WebhookNotice:
    """The notice in a webhook of either version: after a change of key those of the other still come for days.

    A standard webhook is signed in ``x-chapa-signature``, a custom one in ``chapa-signature``. Events of version 1 are
    called ``charge.…``, of version 2 ``payment.…``. Raises BadSignature, NotJson; Fault when the secret cannot be read.
    """
    keys = webhook_keys(secrets, "chapa_webhook_secret")
    fields = read_signed(body, headers, signatures=GATEWAYS["chapa"].signatures, keys=keys, digest=hashlib.sha256)
    event = read_word(fields.get("event")) or ""
    tx_ref = next((word for name in REFERENCE_FIELDS if (word := read_word(fields.get(name)))), None)
    return WebhookNotice(
        tx_ref=tx_ref,
        event=event,
        dispute=_A_DISPUTE if event.startswith("charge.dispute.") else None,
        claims_paid=event in ("charge.success", "payment.success") or fields.get("status") in ("success", "SUCCESS"),
    )
