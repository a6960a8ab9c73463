"""Webhooks of payment gateways: believed only when they are signed over their very bytes, and then only a hint."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.adapters.gateways.parsing import read_word
from chalicelib.adapters.gateways.transport import read_json
from chalicelib.services.ports import BadSignature, NotJson, Secrets, WebhookNotice

CHAPA_HEADER = "x-chapa-signature"
"""The ``Chapa-Signature`` beside it is the same for every body and proves nothing: it is never looked at."""


def read_signed(
    body: bytes, headers: Mapping[str, str], *, header: str, keys: tuple[str, str], digest: Callable[..., Any]
) -> dict[str, Any]:
    """The fields of a webhook that is signed in ``header``: the lower-case hex HMAC of its raw bytes under a key.

    ``keys`` are the current one and, during a rotation, the previous one ("": none). Raises BadSignature, NotJson.
    """
    given = [value for name, value in headers.items() if name.lower() == header]
    if not _is_signed(body, given, keys, digest):
        raise BadSignature(f"{header} is missing or is not that of this body")
    try:
        # Twice the same field is still a JSON object, and all of this is only a hint.
        fields = read_json(body, unique=False)
    except ValueError as error:
        raise NotJson("the body is no JSON") from error
    if not isinstance(fields, dict):
        raise NotJson("the body is no JSON object")
    return fields


def current_and_previous(secrets: Secrets, name: str) -> tuple[str, str]:
    """A secret, and the one that it replaces for as long as a rotation lasts ("": none).

    Raises Fault when it cannot be read: nothing can be checked then.
    """
    return secrets.get(name), secrets.find(f"{name}_previous") or ""


def read_chapa(body: bytes, headers: Mapping[str, str], secrets: Secrets) -> WebhookNotice:
    """A webhook of Chapa's, of either version: after a change of key those of the other still come for days.

    Version 1 calls our reference ``tx_ref`` (once ``trx_ref``) and says ``charge.…``; version 2 calls it
    ``merchant_reference`` (in older answers misspelt) and says ``payment.…``. Both sign alike.
    Raises as read_signed does, and Fault.
    """
    keys = current_and_previous(secrets, "chapa_webhook_secret")
    fields = read_signed(body, headers, header=CHAPA_HEADER, keys=keys, digest=hashlib.sha256)
    names = ("tx_ref", "trx_ref", "merchant_reference", "merchant_referece")
    event = read_word(fields.get("event")) or ""
    return WebhookNotice(
        tx_ref=next((word for name in names if (word := read_word(fields.get(name)))), None),
        event=event,
        claims_paid=event in ("charge.success", "payment.success") or fields.get("status") in ("success", "SUCCESS"),
    )


def _is_signed(body: bytes, signatures: list[str], keys: tuple[str, str], digest: Callable[..., Any]) -> bool:
    # With an empty key anybody can sign: it never counts as a secret.
    if not keys[0].strip() or len(signatures) != 1 or not signatures[0].isascii():
        return False
    given = signatures[0].encode()
    made = [hmac.new(key.encode(), body, digest).hexdigest().encode() for key in keys if key.strip()]
    # The sum compares with every key, always, and takes the same time whichever fits.
    return sum(hmac.compare_digest(given, each) for each in made) > 0
