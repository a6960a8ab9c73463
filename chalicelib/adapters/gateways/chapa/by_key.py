"""The version of Chapa's API that a stage speaks: its key tells it at each call, so a new key needs no deployment.

While a key of one version replaces a key of the other, payments of the earlier one are still under way, and each
version knows only its own. So the earlier key may stay under ``chapa_secret_key_previous``, and each payment is asked
about in the version, and with the key, that opened it: the other version's answer proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Unpack

from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.chapa.webhooks import read_webhook
from chalicelib.adapters.gateways.client import ClientOptions
from chalicelib.adapters.gateways.keys import check_key, version_of_key, with_usable_key
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.finance.settlement import TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V1, CHAPA_V2, GATEWAYS, ApiVersion, Mode
from chalicelib.services.ports.gateways import Gateway, GatewayEvent, Opening, RefundAnswer, WebhookNotice
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.stage import Secrets
from chalicelib.settings import BadSetting

ROW = GATEWAYS["chapa"]
KEY = ROW.secrets[0]


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
    refund_business_days = ROW.refund_business_days

    def __init__(self, base_url: str, secrets: Secrets, **options: Unpack[ClientOptions]) -> None:
        first, second = base_urls(base_url)
        self.mode: Mode = options.get("mode", "test")
        self._secrets = secrets
        self._by_version: Mapping[ApiVersion, Gateway] = {
            CHAPA_V1: ChapaV1(first, secrets, **options),
            CHAPA_V2: ChapaV2(second, secrets, **options),
        }

    @property
    def api_version(self) -> str:
        """See the port. Empty while there is no usable key."""
        try:
            return self._version().name
        except (Fault, BadSetting):
            return ""

    def of_version(self, name: str) -> Gateway:
        """See KeyedGateway."""
        return next((gateway for version, gateway in self._by_version.items() if version.name == name), self)

    def check_key(self) -> None:
        """See KeyedGateway."""
        self._version()

    def initialize(self, opening: Opening) -> str:
        return with_usable_key(self._current).initialize(opening)

    def verify(self, tx_ref: str) -> Verification:
        """See the port. A reference that the current version does not know is asked of the one before."""
        current = with_usable_key(self._current)
        verification = current.verify(tx_ref)
        other = self._previous()
        return verification if verification.status != "unknown" or other in (None, current) else other.verify(tx_ref)

    def cancel(self, tx_ref: str) -> bool:
        return with_usable_key(self._current).cancel(tx_ref)

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        current = with_usable_key(self._current)
        return current.refund(provider_reference, amount=amount, refund_id=refund_id, reason=reason)

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        return with_usable_key(self._current).refund_status(provider_refund_id)

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        return with_usable_key(self._current).find_refund(refund_id, since=since)

    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:
        return with_usable_key(self._current).dispute(provider_dispute_id)

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        return with_usable_key(self._current).events(reference)

    def transactions(self, after: str = "") -> TransactionPage | None:
        """What the account of the current key took, with the version that the key is for."""
        return self._current().transactions(after)

    def payouts(self, after: str = "") -> None:
        """No list of settlements is documented."""

    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:  # noqa: ARG002 - the port has it
        """See the port. There is no payout to ask about."""
        return TransactionPage((), more=False)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """See the port. Raises Fault too, when the secret cannot be read."""
        return read_webhook(body, headers, self._secrets)

    def _version(self) -> ApiVersion:
        return check_key(KEY, self._secrets.get(KEY).strip(), ROW, mode=self.mode)

    def _current(self) -> Gateway:
        return self._by_version[self._version()]

    def _previous(self) -> Gateway | None:
        """The version of the key that was replaced, while that one is kept."""
        previous = (self._secrets.find(f"{KEY}_previous") or "").strip()
        version = version_of_key(previous, ROW, mode=self.mode)
        return None if version is None else self._by_version[version]
