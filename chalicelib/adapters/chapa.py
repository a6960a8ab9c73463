"""Chapa, version 1 of its API, behind the Gateway port. What its answers mean stands in ``chapa_answers``."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.adapters.chapa_answers import (
    read_closed,
    read_link,
    read_refund,
    read_refund_status,
    read_verification,
    read_word,
    refuse_without_reading,
)
from chalicelib.domain.errors import GatewayBadAnswer, GatewayUnreachable
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.outbound import Answer, Outbound, read_json
from chalicelib.services.ports import BadSignature, Fault, Notice, NotJson, Opening, RefundAnswer, Secrets
from chalicelib.settings import BadSetting

SIGNATURE = "x-chapa-signature"
"""The ``Chapa-Signature`` beside it is the same for every body and proves nothing: it is never looked at."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_KEY = re.compile(r"CHASECK(_TEST)?-[!-~]+", re.ASCII)
_PHONE = re.compile(r"0[79][0-9]{8}", re.ASCII)
_ATOM = r"[a-z0-9!#$%&'*+/=?^_{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@((?:{_LABEL}\.)+[a-z]{{2,63}})", re.ASCII)
_RESERVED = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|test\.com|test|example|invalid|localhost|local)")


class Chapa:
    """The Gateway port over Chapa's hosted checkout. The key is read at each call, so that it may change."""

    name = "chapa"

    def __init__(
        self,
        base_url: str,
        secrets: Secrets,
        *,
        seconds: float = 12.0,
        connect: float = 3.0,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._secrets = secrets
        self._outbound = Outbound(seconds=seconds, connect=connect)
        self._sleep = sleep
        self._jitter = jitter

    @property
    def mode(self) -> str:
        """``test`` or ``live``, by the key. Raises Fault, and BadSetting for a key that cannot work."""
        return "test" if self._key().startswith("CHASECK_TEST-") else "live"

    def initialize(self, opening: Opening) -> str:
        body = json.dumps(_request(opening)).encode()
        answer = self._ask("POST", "/transaction/initialize", body)
        return read_link(
            answer,
            secure=self._base.startswith("https:"),
            private=(opening.email, opening.phone, opening.first_name, opening.last_name),
        )

    def verify(self, tx_ref: str) -> Verification:
        return read_verification(self._ask("GET", f"/transaction/verify/{quote(tx_ref, safe='')}"))

    def cancel(self, tx_ref: str) -> bool:
        return read_closed(self._ask("PUT", f"/transaction/cancel/{quote(tx_ref, safe='')}"))

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        fields = {"amount": amount.decimal, "reference": refund_id, "reason": _plain(reason)[:50].strip() or "Refund"}
        path = f"/refund/{quote(provider_reference, safe='')}"
        # Documented as a form; its ``reference`` is unique for ever, so that a second post of the same is refused.
        return read_refund(self._ask("POST", path, urlencode(fields).encode(), content_type=FORM))

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        return read_refund_status(self._ask("GET", f"/refund/{quote(provider_refund_id, safe='')}/verify"))

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """See the port. Raises Fault too, when the secret cannot be read: nothing can be checked then."""
        if not self._is_signed(body, [value for name, value in headers.items() if name.lower() == SIGNATURE]):
            raise BadSignature("x-chapa-signature is missing or is not that of this body")
        try:
            # Twice the same field is still a JSON object, and all of this is only a hint.
            fields = read_json(body, unique=False)
        except ValueError as error:
            raise NotJson("the body is no JSON") from error
        if not isinstance(fields, dict):
            raise NotJson("the body is no JSON object")
        event = read_word(fields.get("event")) or ""
        return Notice(
            tx_ref=read_word(fields.get("tx_ref")) or read_word(fields.get("trx_ref")),
            event=event,
            claims_paid=event == "charge.success" or fields.get("status") == "success",
        )

    def _is_signed(self, body: bytes, signatures: list[str]) -> bool:
        current = self._secrets.get("chapa_webhook_secret")
        previous = self._secrets.find("chapa_webhook_secret_previous") or ""
        # With an empty key anybody can sign: it never counts as a secret.
        if not current.strip() or len(signatures) != 1 or not signatures[0].isascii():
            return False
        given = signatures[0].encode()
        keys = [key.encode() for key in (current, previous) if key.strip()]
        made = [hmac.new(key, body, hashlib.sha256).hexdigest().encode() for key in keys]
        # The sum compares with every key, always, and takes the same time whichever fits.
        return sum(hmac.compare_digest(given, each) for each in made) > 0

    def _ask(self, method: str, path: str, body: bytes | None = None, *, content_type: str = JSON) -> Answer:
        try:
            headers = {"Authorization": f"Bearer {self._key()}"}
        except Fault as error:
            raise GatewayUnreachable("The payment gateway's key cannot be read.", fate_known=True) from error
        except BadSetting as error:
            raise GatewayBadAnswer("The payment gateway's key is not set right.", fate_known=True) from error
        if body is not None:
            headers["Content-Type"] = content_type
        ends = time.monotonic() + self._outbound.seconds
        try:
            answer = self._outbound.call(method, self._base + path, headers=headers, body=body)
        except GatewayUnreachable:
            if method != "GET":
                raise  # it may have been heard
            self._sleep(0.1 + 0.4 * self._jitter())
            left = ends - time.monotonic()
            if left < 0.1:
                raise
            answer = self._outbound.call(method, self._base + path, headers=headers, seconds=left)
        refuse_without_reading(answer)
        return answer

    def _key(self) -> str:
        key = self._secrets.get("chapa_secret_key").strip()
        if _KEY.fullmatch(key):
            return key
        if key.startswith(("CHAPA_TEST_", "CHAPA_LIVE_")):
            raise BadSetting(
                "The secret chapa_secret_key is for version 2 of Chapa's API, and Guzo speaks version 1: "
                "take a key from the dashboard that begins with CHASECK_TEST- or CHASECK-"
            )
        raise BadSetting(
            "The secret chapa_secret_key is no secret key of Chapa: take one from the dashboard that begins "
            "with CHASECK_TEST- or CHASECK-"
        )


def accepts_email(address: str) -> bool:
    """Whether Chapa takes this e-mail address: it refuses reserved domains, as example.com or anything.test.

    An address that it would refuse is left out of the request, where it is optional: the guest can still pay.
    """
    match = _EMAIL.fullmatch(address.lower()) if address.isascii() and len(address) <= 254 else None
    return match is not None and not _RESERVED.fullmatch(match[1])


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
    """What Chapa takes of a title: ASCII letters, digits, hyphen, underscore, space, dot; perhaps nothing."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().replace("'", "")
    kept = " ".join(re.sub(r"[^A-Za-z0-9_. -]", " ", letters).split())
    return kept if re.search("[A-Za-z0-9]", kept) else ""
