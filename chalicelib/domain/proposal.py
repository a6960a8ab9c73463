"""What one operator proposed, and another one decides: the records, which a booking keeps, or a closing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

from chalicelib.domain.ids import PersonId, ProposalId
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record

ProposalStatus = Literal["open", "approved", "rejected", "expired"]
"""How a proposal stands: `open` waits for a second person; `approved`, it was done; `rejected`, it was not; `expired`,
nobody decided in time."""


class RefundAct(Record, frozen=True, tag="refund"):
    """To give back ``amount`` minor units of a payment, or all that is left; ``key`` is the Idempotency-Key's hash."""

    tx_ref: str
    reason: str
    amount: int | None = None
    cancel_booking: bool | None = None
    key: str = ""


class ResolveRefundAct(Record, frozen=True, tag="resolve_refund"):
    """To resolve a refund in attention."""

    refund_id: str
    as_: Literal["post_again", "already_refunded", "paid_otherwise"]
    note: str


class ResolvePaymentAct(Record, frozen=True, tag="resolve_payment"):
    """To resolve a payment in review."""

    tx_ref: str
    as_: Literal["accept", "refund"]
    note: str


class CancelAct(Record, frozen=True, tag="cancel"):
    """To cancel the booking, with all of its money back."""

    reason: str


class EndStayAct(Record, frozen=True, tag="end_stay"):
    """To end the stay, and give back ``refund`` minor units."""

    as_: Literal["no_show", "left_early"]
    last_night: date | None
    refund: int
    note: str


class CloseListingAct(Record, frozen=True, tag="close_listing"):
    """To close a listing and cancel its ``expected`` bookings to come: ``returns`` goes back, in each currency."""

    reason: str
    expected: int
    returns: tuple[Money, ...]


Act: TypeAlias = RefundAct | ResolveRefundAct | ResolvePaymentAct | CancelAct | EndStayAct | CloseListingAct


class Proposal(Record, frozen=True, kw_only=True):
    """An act that waits for a second person, or waited. ``amount`` is the money that it gives back, or decides about.

    ``by`` proposed it, under the request ``request_id``; ``decided_by`` is the other one, or nobody.
    """

    proposal_id: ProposalId
    act: Act
    amount: Money
    at: datetime
    by: PersonId
    by_name: str
    request_id: str
    expires_at: datetime
    status: ProposalStatus = "open"
    decided_at: datetime | None = None
    decided_by: PersonId | None = None
    decided_by_name: str = ""
    note: str = ""

    def is_open(self, now: datetime) -> bool:
        """It still waits: nobody has decided, and its time is not over."""
        return self.status == "open" and now < self.expires_at

    @property
    def subject(self) -> str:
        """What it is about: a payment, a refund, or nothing for the booking itself."""
        match self.act:
            case RefundAct() | ResolvePaymentAct():
                return self.act.tx_ref
            case ResolveRefundAct():
                return self.act.refund_id
            case _:
                return ""

    @property
    def why(self) -> str:
        """The reason or the note of who proposed it."""
        return self.act.reason if isinstance(self.act, RefundAct | CancelAct | CloseListingAct) else self.act.note
