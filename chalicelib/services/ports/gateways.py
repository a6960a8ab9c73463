"""Payment gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from msgspec import field

from chalicelib.domain.booking import Payment
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.finance.settlement import PayoutPage, TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Verification


class BadSignature(Exception):
    """A webhook that the gateway did not sign; the message is a short code that says why."""


class NotJson(Exception):
    """A signed webhook whose bytes are no JSON object."""


class Opening(Record, frozen=True):
    """What a gateway needs to know to open a payment; ``phone`` in the form of a ``Contact``."""

    tx_ref: str
    amount: Money
    email: str
    first_name: str
    last_name: str
    phone: str
    title: str
    callback_url: str
    return_url: str
    meta: Mapping[str, str] = field(default_factory=dict)


class GatewayEvent(Record, frozen=True):
    """One line of what the gateway's own log tells of a payment."""

    at: datetime
    text: str


RefundGatewayStatus = Literal["processing", "waiting", "refunded", "reversed", "unknown"]


class RefundAnswer(Record, frozen=True):
    """What the gateway says of a refund. ``reversed``: the refund itself came back; ``unknown``: it has no word of it;
    ``waiting``: it is alive, and somebody must do something before it goes on.

    ``provider_refund_id`` is the gateway's own name for it, where it gave one.
    """

    status: RefundGatewayStatus
    provider_refund_id: str | None = None


class WebhookNotice(Record, frozen=True):
    """What a signed webhook says: only a hint of which payment, and which ``dispute`` of it, to ask about."""

    tx_ref: str | None
    event: str
    claims_paid: bool
    dispute: DisputeFacts | None = None


class Gateway(Protocol):
    """A payment gateway. Every call raises GatewayError (domain/errors.py) and nothing else when it goes wrong."""

    @property
    def name(self) -> str: ...

    @property
    def mode(self) -> str:
        """``test`` or ``live``: what the stage is for. Its key is never one of the other."""

    @property
    def api_version(self) -> str:
        """The version of its API that new payments are opened with, where it has several; else empty."""

    @property
    def refund_business_days(self) -> int:
        """Within how many business days the gateway says that money goes back."""

    def initialize(self, opening: Opening) -> str:
        """Open a payment; answers the link to its checkout page. Never tried twice by itself."""

    def verify(self, tx_ref: str) -> Verification:
        """Ask what became of a payment. No information is an exception, never an answer."""

    def cancel(self, tx_ref: str) -> bool:
        """Close a link. True when it is closed now; False when that is not certain: verify again."""

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        """Give back part or all of a payment, named by the gateway's own reference. Never tried twice by itself."""

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        """Ask what became of a refund, by the gateway's own name for it."""

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        """Look for a refund that was asked for since then, and whose name was never heard, by our own name for it.

        None: the gateway cannot be asked so.
        """

    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:
        """Ask what became of a dispute, by the gateway's own name for it. None: it has no call that tells."""

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        """What the gateway's own log tells of a payment, oldest first, for a person who looks into it.

        By its own reference where that is known, else by ours. Nothing where it keeps no log, or none of this one.
        """

    def transactions(self, after: str = "") -> TransactionPage | None:
        """A page of all that the gateway took, newest first; None where it cannot be listed.

        ``after`` is the cursor of the page before; empty: the first one.
        """

    def payouts(self, after: str = "") -> PayoutPage | None:
        """A page of what the gateway paid to the stage's account, newest first; None where it cannot be listed."""

    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:
        """A page of the payments that are in a payout, in any order."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """Check the signature over the raw bytes, then read them. Raises BadSignature, NotJson."""


class Gateways(Protocol):
    """The gateways of this stage."""

    def named(self, name: str) -> Gateway:
        """A gateway by its name, also one that takes no new payments any more. Raises KeyError for any other name."""

    def of(self, payment: Payment) -> Gateway:
        """The gateway that this payment was opened with, in the version of its API that opened it."""

    def for_currency(self, currency: str) -> Gateway | None:
        """The gateway that new payments in ``currency`` are opened with; None: no such money is taken here."""

    def all(self) -> Sequence[Gateway]:
        """Every gateway of this stage."""
