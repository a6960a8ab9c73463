"""Every refusal, each with its stable code.

::

    Refusal
    ├── InvalidRequest            invalid_request           a field, or several, are wrong
    │   ├── IdempotencyKeyRequired idempotency_key_required
    │   ├── AmountAboveLimit      amount_above_limit        more than one payment can be at this stage
    │   └── InvalidCursor         invalid_cursor
    ├── Unauthenticated           unauthenticated
    ├── Forbidden                 forbidden                 a role that the caller lacks
    ├── AccountBlocked            account_blocked           an operator decided that this account books no more
    ├── NotFound                  not_found                 or somebody else's: never told apart
    │   ├── ListingNotFound       listing_not_found
    │   ├── BookingNotFound       booking_not_found
    │   ├── PaymentNotFound       payment_not_found
    │   ├── RefundNotFound        refund_not_found
    │   ├── ClosingNotFound       closing_not_found         no operator has closed this listing
    │   ├── AccountNotFound       account_not_found         no token has such a ``sub``
    │   ├── DisputeNotFound       dispute_not_found
    │   ├── MessageNotFound       message_not_found
    │   ├── DeadLetterNotFound    dead_letter_not_found     or somebody else is looking at it
    │   ├── AttentionItemNotFound attention_item_not_found  nothing of this name waits for a person
    │   ├── PayoutNotFound        payout_not_found          the host was paid nothing of this id
    │   ├── ProposalNotFound      proposal_not_found
    │   └── SettlementNotFound    settlement_not_found      no report of this id
    ├── Conflict
    │   ├── DatesUnavailable      dates_unavailable         names the nights
    │   ├── PriceChanged          price_changed             carries the new total
    │   ├── ListingClosed         listing_closed
    │   ├── ListingLocked         listing_locked            an operator closed it
    │   ├── CurrencyNotTaken      currency_not_taken        no gateway of this stage takes such money
    │   ├── BookingNotPayable     booking_not_payable
    │   ├── PaymentInReview       payment_in_review
    │   ├── NotInReview           not_in_review             there is nothing for an operator to resolve
    │   ├── NotInAttention        not_in_attention          there is nothing for an operator to resolve
    │   ├── WrongResolutionCall   wrong_resolution_call     another call than acknowledge resolves it
    │   ├── MessageNotTrue        message_not_true          what a letter says does not hold any more
    │   ├── NoAddress             no_address                nobody knows where to send a letter
    │   ├── AddressSuppressed     address_suppressed        letters to it bounced, or its reader complained
    │   ├── StayBegun             stay_begun
    │   ├── StayNotBegun          stay_not_begun            a stay ends early once it has begun
    │   ├── StayOver              stay_over                 and not once it is over
    │   ├── StayEndedAlready      stay_ended                it was ended before, otherwise
    │   ├── StayNotOver           stay_not_over             reviews are for stays that are over
    │   ├── AlreadyReviewed       already_reviewed
    │   ├── ContactFixed          contact_fixed             once it is paid or cancelled, an operator corrects it
    │   ├── RefundExceedsPayment  refund_exceeds_payment    more than what is left of what was received
    │   ├── CancelBookingRequired cancel_booking_required   is the booking cancelled with a refund of all?
    │   ├── RefundUnderWay        refund_under_way          the money of the same payment is on its way back already
    │   ├── SecondPersonNeeded    second_person_needed      carries the proposal that another person decides
    │   ├── ProposalClosed        proposal_closed           it was decided, or nobody did in time
    │   ├── ProposalOutdated      proposal_outdated         it would now come to another amount than was proposed
    │   ├── PaymentDisputed       payment_disputed          the payer claims the money back: nobody pays it twice
    │   ├── NothingToDispute      nothing_to_dispute        no money was received with the payment
    │   ├── DisputeClosed         dispute_closed            it ended the other way
    │   ├── DataStillNeeded       data_still_needed         names what is under way of the person
    │   └── InProgress            in_progress               the same call is at work elsewhere
    ├── PreconditionFailed        precondition_failed       it changed since it was read (If-Match)
    ├── IdempotencyKeyReused      idempotency_key_reused
    ├── TooManyOpenHolds          too_many_open_holds
    ├── RateLimited               rate_limited              too many bookings, or given up unpaid, for now
    ├── Busy                      busy                      the store could not answer, or others were faster
    └── GatewayError              what the payment gateway did instead of an answer
        ├── GatewayRejected       gateway_rejected          it read the request and refused it
        │   └── ReferenceUsed     gateway_rejected          this tx_ref was opened before: its link is lost
        ├── GatewayBadAnswer      gateway_bad_answer        5xx, HTML, unreadable JSON, refused credentials
        ├── GatewayUnreachable    gateway_unreachable       no connection, reset, or 429
        └── GatewayTimeout        gateway_timeout           no answer in time

The table from code to HTTP status stands in ``api/core/problems.py``; nothing here knows HTTP.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.record import Record

if TYPE_CHECKING:
    from chalicelib.domain.ids import BookingId
    from chalicelib.domain.money import Money
    from chalicelib.domain.obstacles import Obstacle


class FieldError(Record, frozen=True):
    """One wrong field: its dotted path, and a sentence for a person."""

    field: str
    message: str


class Refusal(Exception):
    """Something that Guzo will not do, said so that a program (``code``) and a person can understand it."""

    code = "refused"

    def __init__(
        self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: timedelta | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after = None if retry_after is None else round(retry_after.total_seconds())
        """In whole seconds."""


class InvalidRequest(Refusal):
    code = "invalid_request"


class IdempotencyKeyRequired(InvalidRequest):
    code = "idempotency_key_required"


class AmountAboveLimit(InvalidRequest):
    code = "amount_above_limit"


class InvalidCursor(InvalidRequest):
    code = "invalid_cursor"


class Unauthenticated(Refusal):
    code = "unauthenticated"


class Forbidden(Refusal):
    code = "forbidden"


class AccountBlocked(Refusal):
    code = "account_blocked"


class NotFound(Refusal):
    code = "not_found"


class ListingNotFound(NotFound):
    code = "listing_not_found"


class BookingNotFound(NotFound):
    code = "booking_not_found"


class PaymentNotFound(NotFound):
    code = "payment_not_found"


class RefundNotFound(NotFound):
    code = "refund_not_found"


class AccountNotFound(NotFound):
    code = "account_not_found"


class DisputeNotFound(NotFound):
    code = "dispute_not_found"


class AttentionItemNotFound(NotFound):
    code = "attention_item_not_found"


class ClosingNotFound(NotFound):
    code = "closing_not_found"


class PayoutNotFound(NotFound):
    code = "payout_not_found"


class SettlementNotFound(NotFound):
    code = "settlement_not_found"


class ProposalNotFound(NotFound):
    code = "proposal_not_found"


class MessageNotFound(NotFound):
    code = "message_not_found"


class DeadLetterNotFound(NotFound):
    code = "dead_letter_not_found"


class Conflict(Refusal):
    code = "conflict"


class DatesUnavailable(Conflict):
    """Some nights are short or closed; ``nights`` names them.

    ``own_booking``: an unpaid booking of the same guest that holds one of them.
    """

    code = "dates_unavailable"

    def __init__(self, nights: tuple[date, ...], *, own_booking: BookingId | None = None) -> None:
        if own_booking is None:
            super().__init__("Some nights of this stay are no longer free.")
        else:
            super().__init__("Some nights of this stay are held by your own booking, which is not paid yet.")
        self.nights = nights
        self.own_booking = own_booking


class PriceChanged(Conflict):
    """The stay costs something else than the guest was shown; ``total`` is today's."""

    code = "price_changed"

    def __init__(self, total: Money) -> None:
        super().__init__(f"The stay now costs {total.formatted}.")
        self.total = total


class ListingClosed(Conflict):
    code = "listing_closed"


class ListingLocked(Conflict):
    code = "listing_locked"


class CurrencyNotTaken(Conflict):
    code = "currency_not_taken"


class BookingNotPayable(Conflict):
    code = "booking_not_payable"


class PaymentInReview(Conflict):
    code = "payment_in_review"


class NotInReview(Conflict):
    code = "not_in_review"


class NotInAttention(Conflict):
    code = "not_in_attention"


class DataStillNeeded(Conflict):
    """``matters`` are what is under way."""

    code = "data_still_needed"

    def __init__(self, matters: tuple[Obstacle, ...]) -> None:
        super().__init__("Something is under way that needs this person's data.")
        self.matters = matters


class WrongResolutionCall(Conflict):
    code = "wrong_resolution_call"


class MessageNotTrue(Conflict):
    code = "message_not_true"


class NoAddress(Conflict):
    code = "no_address"


class AddressSuppressed(Conflict):
    code = "address_suppressed"


class StayBegun(Conflict):
    code = "stay_begun"


class StayNotBegun(Conflict):
    code = "stay_not_begun"


class StayOver(Conflict):
    code = "stay_over"


class StayEndedAlready(Conflict):
    code = "stay_ended"


class StayNotOver(Conflict):
    code = "stay_not_over"


class AlreadyReviewed(Conflict):
    code = "already_reviewed"


class ContactFixed(Conflict):
    code = "contact_fixed"


class RefundExceedsPayment(Conflict):
    code = "refund_exceeds_payment"


class CancelBookingRequired(Conflict):
    """A refund gives back all of a confirmed booking's money, and does not say what becomes of the booking."""

    code = "cancel_booking_required"


class RefundUnderWay(Conflict):
    code = "refund_under_way"


class SecondPersonNeeded(Conflict):
    """Another person must approve it; ``proposal_id`` is what they approve."""

    code = "second_person_needed"

    def __init__(self, detail: str, proposal_id: str) -> None:
        super().__init__(detail)
        self.proposal_id = proposal_id


class ProposalClosed(Conflict):
    code = "proposal_closed"


class ProposalOutdated(Conflict):
    code = "proposal_outdated"


class PaymentDisputed(Conflict):
    code = "payment_disputed"


class NothingToDispute(Conflict):
    code = "nothing_to_dispute"


class DisputeClosed(Conflict):
    code = "dispute_closed"


class InProgress(Conflict):
    code = "in_progress"


class PreconditionFailed(Refusal):
    code = "precondition_failed"


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"


class TooManyOpenHolds(Refusal):
    code = "too_many_open_holds"


class RateLimited(Refusal):
    """The account has booked too often, or given up too many unpaid bookings; ``retry_after`` says for how long."""

    code = "rate_limited"


class Busy(Refusal):
    """The store could not answer, or others were faster, however often it was tried: the call may succeed later."""

    code = "busy"


class GatewayError(Refusal):
    """The gateway did not do what it was asked.

    ``definitely_not_executed`` is True only where it is certain that the gateway took nothing over.
    """

    code = "gateway_error"

    def __init__(
        self,
        detail: str,
        *,
        definitely_not_executed: bool,
        errors: tuple[FieldError, ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)
        self.definitely_not_executed = definitely_not_executed


class GatewayRejected(GatewayError):
    code = "gateway_rejected"


class ReferenceUsed(GatewayRejected):
    """The tx_ref was initialised before, so a link exists that we never saw."""


class GatewayBadAnswer(GatewayError):
    code = "gateway_bad_answer"


class GatewayUnreachable(GatewayError):
    code = "gateway_unreachable"


class GatewayTimeout(GatewayError):
    code = "gateway_timeout"
