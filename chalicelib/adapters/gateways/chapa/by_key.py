"""The version of Chapa's API that a stage speaks: its key tells it at each call, so a new key needs no deployment.

While a key of one version replaces a key of the other, payments of the earlier one are still under way, and each
version knows only its own. So the earlier key may stay under ``chapa_secret_key_previous``: what the current version
does not know is asked of the other. (A key that replaces one of the same version needs none of this.)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Unpack

from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.chapa.webhooks import read_webhook
from chalicelib.adapters.gateways.client import ClientOptions
from chalicelib.adapters.gateways.keys import check_key, with_usable_key
from chalicelib.domain.errors import GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V1, CHAPA_V2, GATEWAYS, ApiVersion, Mode
from chalicelib.services.ports import Gateway, GatewayEvent, Opening, RefundAnswer, Secrets, WebhookNotice
from chalicelib.settings import BadSetting

ROW = GATEWAYS["chapa"]
KEY = ROW.secrets[0]
PREVIOUS_KEY = f"{KEY}_previous"


def base_urls(setting: str) -> tuple[str, str]:
    """The addresses of version 1 and 2 by the one setting CHAPA_BASE_URL, which names either.

    Chapa's own versions are on two hosts; anywhere else, as in a sandbox, they lie side by side.
    """
    setting = setting.rstrip("/")
    if setting in (CHAPA_V1.base_url, CHAPA_V2.base_url):
        return CHAPA_V1.base_url, CHAPA_V2.base_url
    root, _, last = setting.rpartition("/")
    return (f"{root}/v1", f"{root}/v2") if last in ("v1", "v2") else (setting, setting)


class ChapaByKey:
    """The Gateway port over either version of Chapa's API. Each payment's mode is taken when it is opened."""

    name = "chapa"

    def __init__(self, base_url: str, secrets: Secrets, **options: Unpack[ClientOptions]) -> None:
        first, second = base_urls(base_url)
        self.mode: Mode = options.get("mode", "test")
        self._secrets = secrets
        self._current: Mapping[ApiVersion, Gateway] = {
            CHAPA_V1: ChapaV1(first, secrets, **options),
            CHAPA_V2: ChapaV2(second, secrets, **options),
        }
        self._previous: Mapping[ApiVersion, Gateway] = {
            CHAPA_V1: ChapaV1(first, secrets, key_name=PREVIOUS_KEY, **options),
            CHAPA_V2: ChapaV2(second, secrets, key_name=PREVIOUS_KEY, **options),
        }

    def check_key(self) -> None:
        """See KeyedGateway."""
        self._version()

    def initialize(self, opening: Opening) -> str:
        return with_usable_key(self._by_key).initialize(opening)

    def verify(self, tx_ref: str) -> Verification:
        verification = with_usable_key(self._by_key).verify(tx_ref)
        other = self._other()
        return other.verify(tx_ref) if other and verification.status == "unknown" else verification

    def cancel(self, tx_ref: str) -> bool:
        closed = with_usable_key(self._by_key).cancel(tx_ref)
        other = self._other()
        # A version answers for the other's link that there is none: only both together are certain.
        return (other.cancel(tx_ref) and closed) if other else closed

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        try:
            return with_usable_key(self._by_key).refund(
                provider_reference, amount=amount, refund_id=refund_id, reason=reason
            )
        except GatewayRejected as refused:
            other = self._other()
            if other is None:
                raise
            try:
                return other.refund(provider_reference, amount=amount, refund_id=refund_id, reason=reason)
            except GatewayRejected as again:
                raise refused from again

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        answer = with_usable_key(self._by_key).refund_status(provider_refund_id)
        other = self._other()
        return other.refund_status(provider_refund_id) if other and answer.status == "unknown" else answer

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        return with_usable_key(self._by_key).find_refund(refund_id, since=since)

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        events = with_usable_key(self._by_key).events(reference)
        other = self._other()
        return other.events(reference) if other and not events else events

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read."""
        return read_webhook(body, headers, self._secrets)

    def _version(self) -> ApiVersion:
        return check_key(KEY, self._secrets.get(KEY).strip(), ROW, mode=self.mode)

    def _by_key(self) -> Gateway:
        return self._current[self._version()]

    def _other(self) -> Gateway | None:
        """The other version, while the key that was replaced is one of its."""
        previous = (self._secrets.find(PREVIOUS_KEY) or "").strip()
        try:
            version = check_key(PREVIOUS_KEY, previous, ROW, mode=self.mode)
            return self._previous[version] if version != self._version() else None
        except BadSetting:
            return None
