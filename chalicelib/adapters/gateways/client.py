"""The one HTTP client towards payment gateways: its key, its deadline, and the refusals that all gateways share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar, Protocol, TypedDict, Unpack, cast

from chalicelib.adapters.gateways.keys import check_key, version_of_key, with_usable_key
from chalicelib.adapters.gateways.transport import HttpResponse, NoTimeLeft, Transport
from chalicelib.counters import counters
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayUnreachable
from chalicelib.domain.finance.settlement import PayoutPage, TransactionPage
from chalicelib.domain.timing import (
    GATEWAY_CALL,
    GATEWAY_CONNECT,
    GATEWAY_RETRY_MIN,
    GATEWAY_RETRY_SPREAD,
    RETRY_AFTER_GATEWAY,
    RETRY_AFTER_GATEWAY_MAX,
    RETRY_AFTER_GATEWAY_MIN,
)
from chalicelib.domain.watch.health import answered_name, silent_name
from chalicelib.gateways import GATEWAYS, ApiVersion, Mode
from chalicelib.services.ports.gateways import Gateway
from chalicelib.services.ports.stage import Secrets
from chalicelib.telemetry import count, observe

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class ClientOptions(TypedDict, total=False):
    """How a gateway is called: the stage's mode (``test``), how many ``seconds`` a call may take and how many of them
    to ``connect``, or the ``transport`` that makes the calls, and what makes the pause before a second GET."""

    mode: Mode
    transport: Transport
    seconds: float
    connect: float
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


class KeyedGateway(Gateway, Protocol):
    """A gateway whose key can be checked before it is used, and tells which version of the API it is for."""

    def check_key(self) -> None:
        """Raises Fault when the key cannot be read; BadSetting, which says what to do, for one that cannot work."""

    def of_version(self, name: str) -> Gateway:
        """The same gateway as a payment knows it that was opened with this version of its API."""


class GatewayClient:
    """What the adapters of payment gateways derive from: calls below ``base_url``, over kept connections.

    The key lies under the first secret of the gateway's row, and is read at each call, so that it may change. While it
    is one of another version, the key before it (``…_previous``) serves. A key of another mode than the stage's is
    never sent.
    """

    name: ClassVar[str]
    """Its row in GATEWAYS."""
    version: ClassVar[ApiVersion]
    """The version of the gateway's API that this client speaks."""

    def __init__(self, base_url: str, secrets: Secrets, **options: Unpack[ClientOptions]) -> None:
        self.mode: Mode = options.get("mode", "test")
        self._row = GATEWAYS[self.name]
        self._base_url = base_url.rstrip("/")
        self._secrets = secrets
        self._transport = options.get("transport") or Transport(
            seconds=options.get("seconds", GATEWAY_CALL.total_seconds()),
            connect=options.get("connect", GATEWAY_CONNECT.total_seconds()),
        )
        self._sleep = options.get("sleep", time.sleep)
        self._jitter = options.get("jitter", random.random)

    @property
    def _secure(self) -> bool:
        """Whether the gateway is reached over TLS, so that its links must be too."""
        return self._base_url.startswith("https:")

    @property
    def api_version(self) -> str:
        """See the port."""
        return self.version.name

    @property
    def refund_business_days(self) -> int:
        """See the port."""
        return self._row.refund_business_days

    def of_version(self, name: str) -> Gateway:  # noqa: ARG002 - it speaks one version
        """See KeyedGateway."""
        return cast(Gateway, self)

    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:  # noqa: ARG002 - most gateways have no call for it
        """See the port. No call that tells of a dispute is documented."""
        return None

    def check_key(self) -> None:
        """See KeyedGateway."""
        self._key()

    def transactions(self, after: str = "") -> TransactionPage | None:  # noqa: ARG002 - those that list have their own
        """See the port: unless it says otherwise, a gateway lists nothing."""
        return None

    def payouts(self, after: str = "") -> PayoutPage | None:  # noqa: ARG002 - those that list have their own
        """See the port: unless it says otherwise, a gateway lists no payouts."""
        return None

    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:  # noqa: ARG002 - as above
        """See the port. There is no payout to ask about."""
        return TransactionPage((), more=False)

    def _key(self) -> tuple[str, str]:
        """The name and the value of the secret key. Raises Fault, BadSetting."""
        name = self._row.secrets[0]
        key = self._secrets.get(name).strip()
        replaced = version_of_key(key, self._row, mode=self.mode) not in (None, self.version)
        if replaced and (older := (self._secrets.find(f"{name}_previous") or "").strip()):
            name, key = f"{name}_previous", older
        check_key(name, key, self._row, mode=self.mode, version=self.version)
        return name, key

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> HttpResponse:
        """Send one request; a GET whose connection broke is sent once more. Raises GatewayError, and nothing else."""
        key_name, key = with_usable_key(self._key)
        sent = {"Authorization": f"Bearer {key}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        deadline = time.monotonic() + self._transport.seconds
        try:
            response = self._watched(method, self._base_url + path, headers=sent, body=body)
        except GatewayUnreachable:
            if method != "GET":
                raise  # the gateway may have executed it
            self._sleep((GATEWAY_RETRY_MIN + GATEWAY_RETRY_SPREAD * self._jitter()).total_seconds())
            left = deadline - time.monotonic()
            if left < GATEWAY_RETRY_MIN.total_seconds():
                raise
            response = self._watched(method, self._base_url + path, headers=sent, seconds=left)
        if response.status in (401, 403):
            observe("key_unusable", level="error", detail=f"The gateway refused the secret {key_name}")
        raise_for_refused_call(response)
        return response

    def _watched(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> HttpResponse:
        """Send one request, and count how fast the gateway answered, or that it said nothing."""
        began = time.monotonic()
        try:
            response = self._transport.call(method, url, headers=headers, body=body, seconds=seconds)
        except NoTimeLeft:
            raise
        except GatewayError as error:
            self._was_silent(error.code, began)
            raise
        if response.status >= 500 or response.status == 429:
            self._was_silent(str(response.status), began)
        else:
            counters.add(answered_name(self.name, timedelta(seconds=time.monotonic() - began)))
            count("gateway_answered")
        return response

    def _was_silent(self, reason: str, began: float) -> None:
        counters.add(silent_name(self.name))
        took = round((time.monotonic() - began) * 1000)
        observe("gateway_silent", level="warning", gateway=self.name, reason=reason, duration_ms=took)


def raise_for_refused_call(response: HttpResponse) -> None:
    """Raise GatewayError for the statuses that mean the same of every call: throttled, and refused credentials."""
    if response.status == 429:
        raise GatewayUnreachable(
            "The payment gateway is asked too often.",
            definitely_not_executed=True,
            retry_after=_retry_after(response.headers),
        )
    if response.status in (401, 403):
        raise GatewayBadAnswer("The payment gateway refused our credentials.", definitely_not_executed=True)


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """In whole seconds, within what ``timing`` allows; its default where no header can be read."""
    for name in ("retry-after", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit() and len(value) <= 12:
            # More than thirty years is no pause but an instant.
            seconds = int(value) if int(value) < 10**9 else int(value) - time.time()
        else:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        at_most = min(seconds, RETRY_AFTER_GATEWAY_MAX.total_seconds())
        return max(timedelta(seconds=round(at_most)), RETRY_AFTER_GATEWAY_MIN)
    return RETRY_AFTER_GATEWAY
