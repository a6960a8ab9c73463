"""Booking, the aggregate: its records, and the one set of transitions over them.

Every function here takes a record and returns the next one; nothing is changed in place and nothing is read from
outside. A payment or a refund is taken out of its booking once, changed as a whole, and put back once with the event
that tells of it. Each change of a status appends one event, so that folding the history rebuilds the statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from chalicelib.domain.contact import Contact, Language
from chalicelib.domain.errors import FieldError
from chalicelib.domain.ids import BookingId, DisputeId, ListingId, PersonId, RefundId, TxRef, payment_of
from chalicelib.domain.listings.calendar import Stay, dates_between, instant_of
from chalicelib.domain.listings.listing import CancellationPolicy, Listing
from chalicelib.domain.listings.prices import Line
from chalicelib.domain.money import Money, zero
from chalicelib.domain.proposal import Proposal
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import OUTAGE_GRACE
from chalicelib.domain.words.search_terms import NO_KEYS, SearchKeys

BookingStatus = Literal["pending_payment", "confirmed", "expired", "cancelled"]
"""Where a booking stands: `pending_payment` holds its nights until `hold_expires_at`, `confirmed` is paid, `expired`
was not paid in time, `cancelled` was given up by somebody. Late money may still confirm an `expired` one."""
PaymentStatus = Literal["created", "pending", "completed", "failed", "expired", "review"]
"""How far a payment got: `created` before its link is known, `pending` with a link to pay on, `completed` once the
gateway's own verify answer says so, `failed` where the gateway refused it, `expired` where its time is over, `review`
where money came that does not match, so that a person decides."""
RefundStatus = Literal["owed", "requested", "processing", "refunded", "attention"]
"""How far a refund got: `owed` until it is told to the gateway, `requested` once it was, `processing` while the gateway
works on it, `refunded` when it is done, `attention` when a person must look."""
DisputeStatus = Literal["needs_response", "under_review", "won", "lost"]
"""How a dispute stands: `needs_response`, it must be answered; `under_review`, the bank decides; `won`, the money stays
with us; `lost`, it went back to the payer."""
EntryStatus = Literal["owed", "sent", "superseded", "limited", "failed", "bounced", "complained", "acknowledged"]
"""What became of a letter: `owed` until it is sent, `sent` once the mail service took it; `superseded` if what it says
held no more by then, `limited` if its reader got as many letters that day as one address may get; `failed` if it could
not be sent, `bounced` if it came back, `complained` if its reader calls it abuse; `acknowledged` once an operator dealt
with one of these."""
WhyNot = Literal["no_address", "suppressed", "refused", "permanent", "transient", "undetermined", "abuse"]
"""Why a letter did not arrive: `no_address` is known; it is `suppressed`, because its address bounced or complained
before; the mail service `refused` it; the mailbox is not there (`permanent`), is full or away (`transient`), or it came
back for reasons that nobody gave (`undetermined`); or its reader calls it `abuse`."""
LetterKind = Literal[
    "booking_confirmed",
    "hold_expired",
    "payment_failed",
    "booking_cancelled",
    "money_returned",
    "stay_ended",
    "host_new_booking",
    "host_cancelled",
]
"""What a letter tells. The guest: `booking_confirmed`, that the `hold_expired`, that a `payment_failed`,
`booking_cancelled`, `money_returned` when money goes back by itself or by hand, `stay_ended` early. The host:
`host_new_booking`, `host_cancelled`."""
LineKind = Literal["payment", "refund", "reversal", "dispute", "dispute_won"]
"""What a line of the ledger tells of: a `payment` that came, a `refund` that is done, a `reversal`, by which the
gateway took a payment back without a refund, a `dispute` that was lost, or `dispute_won`: money that came back so."""
Cause = Literal["guest", "host", "operator", "webhook", "callback", "return", "verify", "sweep", "email"]
"""Who or what brought a change: a `guest`, a `host` or an `operator` by a call; the gateway's `webhook` or unsigned
`callback`; the guest's `return` to our page; a call of `verify`; the `sweep`, which does what is due; the delivery of
an `email`."""
EndedAs = Literal["no_show", "left_early"]
"""How a stay ended before its last night: the guest never came (`no_show`), or left before (`left_early`)."""
GatewayStatus = Literal["paid", "pending", "failed", "unknown", "refunded", "reversed", "no_answer"]
"""What a gateway reports of a payment. ``unknown``: it does not know the reference; ``no_answer``: no information."""

BOOKING_TRANSITIONS: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    "pending_payment": frozenset({"confirmed", "expired", "cancelled"}),
    "confirmed": frozenset({"cancelled"}),
    "expired": frozenset({"confirmed", "cancelled"}),
    "cancelled": frozenset(),
}
PAYMENT_TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    "created": frozenset({"pending", "completed", "failed", "expired", "review"}),
    "pending": frozenset({"completed", "failed", "expired", "review"}),
    "failed": frozenset({"completed", "review"}),
    "expired": frozenset({"completed", "review"}),
    "review": frozenset({"completed"}),
    "completed": frozenset(),
}
"""``completed`` is final: a stale answer never un-completes a payment. Every other status may still see late money."""
REFUND_TRANSITIONS: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    "owed": frozenset({"requested", "refunded", "attention"}),
    "requested": frozenset({"owed", "processing", "refunded", "attention"}),
    "processing": frozenset({"refunded", "attention"}),
    "attention": frozenset({"owed", "refunded"}),
    "refunded": frozenset(),
}

DISPUTE_TRANSITIONS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    "needs_response": frozenset({"under_review", "won", "lost"}),
    "under_review": frozenset({"needs_response", "won", "lost"}),
    "won": frozenset(),
    "lost": frozenset(),
}

HOLDING_STATUSES: frozenset[BookingStatus] = frozenset({"pending_payment", "confirmed"})
"""The statuses in which a booking keeps its nights from others."""
OPEN: frozenset[PaymentStatus] = frozenset({"created", "pending"})
UNDER_WAY: frozenset[RefundStatus] = frozenset({"requested", "processing"})
UNDECIDED: frozenset[DisputeStatus] = frozenset({"needs_response", "under_review"})

ENTRY_TRIES_BEFORE_ATTENTION = 20

LINE_KINDS: frozenset[str] = frozenset(get_args(LineKind))


class Actor(Record, frozen=True):
    """Who or what brings a change about: the door it came through and, for a person, who they are.

    ``person_id`` is the token's ``sub``, ``name`` its e-mail address or name; both are empty where no person acts.
    """

    cause: Cause
    person_id: str = ""
    name: str = ""


SWEEP = Actor("sweep")


class Lease(Record, frozen=True):
    """Who may act alone, and until when. Nobody's lease is ``None``, never a sentinel."""

    owner: str
    until: datetime

    def is_held(self, now: datetime) -> bool:
        return now < self.until


class Place(Record, frozen=True, kw_only=True):
    """What a booking remembers of its listing, as it was when the booking was made."""

    listing_id: ListingId
    host_id: PersonId
    host_email: str
    title: str
    city: str
    time_zone: str
    cancellation_policy: CancellationPolicy
    address: str = ""
    check_in_time: str = "14:00"
    check_out_time: str = "11:00"

    @classmethod
    def of(cls, listing: Listing) -> Place:
        return cls(**{name: getattr(listing, name) for name in cls.__struct_fields__})


class Event(Record, frozen=True, array_like=True):
    """One line of the history. ``subject`` is a tx_ref, a refund id or an outbox entry's id; empty for the booking.

    ``by`` and ``by_name`` name the person who acted: the token's ``sub``, and its e-mail address or name.
    """

    at: datetime
    kind: str
    cause: Cause
    subject: str
    before: str | None
    after: str
    detail: str = ""
    by: str = ""
    by_name: str = ""


class OpeningProblem(Record, frozen=True):
    """Why an opening gave no link: the refusal that the guest was, or would have been, answered."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None


class VerifySchedule(Record, frozen=True, kw_only=True):
    """When the gateway is asked about a payment; ``next_verify_at`` is None for never again."""

    next_verify_at: datetime | None = None
    verified_at: datetime | None = None
    consecutive_failures: int = 0


class GatewayFacts(Record, frozen=True, kw_only=True):
    """What the gateway reported of a payment that it took money for. ``received`` may differ from what was asked."""

    received: Money | None = None
    mode: str | None = None
    provider_reference: str | None = None
    receipt_url: str | None = None
    fee: Money | None = None
    paid_at: datetime | None = None

    def updated_by(self, newer: GatewayFacts) -> GatewayFacts:
        """Take over what ``newer`` reports; its silence unsays nothing."""
        reported = {name: fact for name in self.__struct_fields__ if (fact := getattr(newer, name)) is not None}
        return replace(self, **reported)


class Refund(Record, frozen=True, kw_only=True):
    """Money of one payment that goes, or went, back. ``reason`` is a word of ours or a person's sentence.

    ``due_at`` is when it must be started or looked up, ``answered_at`` when the gateway last reported anything of it.
    ``owner`` moved it to ``requested`` and is the only one who may post it. ``provider_refund_id`` is the
    gateway's own name for it, where it gave one. ``key`` and ``fingerprint`` recognise a repeated call.
    ``start_failures`` counts the times that it could not be started. ``may_be_executed``: it was posted, and the
    gateway has not excluded that it executes that post.
    """

    refund_id: RefundId
    amount: Money
    reason: str
    created_at: datetime
    updated_at: datetime
    status: RefundStatus = "owed"
    due_at: datetime | None = None
    answered_at: datetime | None = None
    owner: str = ""
    start_failures: int = 0
    may_be_executed: bool = False
    provider_refund_id: str | None = None
    key: str = ""
    fingerprint: str = ""


class Dispute(Record, frozen=True, kw_only=True):
    """Money of one payment that the payer claims back through the bank, the card's scheme, or the gateway.

    ``due_at`` is by when it must be answered, as the gateway or a person says. ``provider_dispute_id`` is the gateway's
    own name for it, empty where a person entered it; ``look_up_at`` is when the gateway is asked about it, after
    ``failures`` times without an answer. ``acknowledged``: a person has answered it, so that it waits for nobody here.
    ``key`` and ``fingerprint`` recognise a repeated call.
    """

    dispute_id: DisputeId
    amount: Money
    reason: str
    created_at: datetime
    updated_at: datetime
    status: DisputeStatus = "needs_response"
    due_at: datetime | None = None
    provider_dispute_id: str = ""
    look_up_at: datetime | None = None
    failures: int = 0
    acknowledged: bool = False
    key: str = ""
    fingerprint: str = ""

    @property
    def is_undecided(self) -> bool:
        return self.status in UNDECIDED

    @property
    def needs_a_person(self) -> bool:
        return self.status == "needs_response" and not self.acknowledged


class Payment(Record, frozen=True, kw_only=True):
    """One attempt at the gateway, under one ``tx_ref`` that is never used again.

    ``opening`` is the lease of the caller who is calling initialize now. ``gateway_status`` is the gateway's last word
    on a payment that is still open (a refused card may be tried again inside the checkout window). ``key`` is the
    Idempotency-Key's hash that it was opened under, ``shown_under`` are those of calls that were given its open link.
    ``expected_mode`` is the mode of the key that it was opened with, ``api_version`` its version of the gateway's
    API. ``accepted`` marks the one payment that confirmed the booking. ``reversal`` tells that the gateway took
    completed money back without a refund of ours.
    """

    tx_ref: TxRef
    gateway: str
    expected_mode: str
    amount: Money
    created_at: datetime
    updated_at: datetime
    status: PaymentStatus = "created"
    opening: Lease | None = None
    key: str = ""
    shown_under: tuple[str, ...] = ()
    checkout_url: str | None = None
    link_cancelled: bool = False
    problem: OpeningProblem | None = None
    schedule: VerifySchedule = VerifySchedule()
    gateway_status: GatewayStatus | None = None
    accepted: bool = False
    facts: GatewayFacts = GatewayFacts()
    reversal: str = ""
    reversal_acknowledged: bool = False
    api_version: str = ""
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()

    @property
    def attempt(self) -> int:
        return int(self.tx_ref.rpartition("-")[2])

    def is_opening(self, now: datetime) -> bool:
        """Somebody holds the lease to call initialize."""
        return self.status == "created" and self.opening is not None and self.opening.is_held(now)

    def opening_lapsed(self, now: datetime) -> bool:
        """The owner of the lease never came back: the opening may be taken over, under the same tx_ref."""
        return self.status == "created" and self.opening is not None and not self.opening.is_held(now)

    def is_opened_by(self, owner: str) -> bool:
        """Whether ``owner`` holds, or held last, the lease to open this payment."""
        return self.opening is not None and self.opening.owner == owner

    @property
    def has_open_reversal(self) -> bool:
        """The gateway took completed money back without us, and no person has dealt with it yet."""
        return bool(self.reversal) and not self.reversal_acknowledged

    @property
    def refunded_or_owed(self) -> Money:
        """All refunds of this payment added up, whatever their state: they count in what was received."""
        total = zero((self.facts.received or self.amount).currency)
        for refund in self.refunds:
            total += refund.amount
        return total

    @property
    def is_disputed(self) -> bool:
        """A dispute of it is undecided."""
        return any(dispute.is_undecided for dispute in self.disputes)

    @property
    def at_risk(self) -> Money:
        """What of it is claimed back, or was taken back without us, while that is not decided."""
        return self.facts.received or self.amount if self.has_open_reversal else self.disputed(UNDECIDED)

    @property
    def lost(self) -> Money:
        """What of it went back to the payer by disputes."""
        return self.disputed(frozenset({"lost"}))

    def disputed(self, statuses: frozenset[DisputeStatus]) -> Money:
        """The disputes of these statuses added up; never more than was received."""
        received = self.facts.received or self.amount
        total = zero(received.currency)
        for dispute in self.disputes:
            if dispute.status in statuses and dispute.amount.currency == received.currency:
                total += dispute.amount
        return min(total, received)

    def refund(self, refund_id: str) -> Refund | None:
        return next((refund for refund in self.refunds if refund.refund_id == refund_id), None)


class OutboxEntry(Record, frozen=True, kw_only=True):
    """Something that a change promised to do afterwards, saved by the same write: a letter, or a line of the ledger.

    ``about`` is the tx_ref or refund id that it tells of, or nothing. ``due_at`` is when the clock enqueues it
    (again). ``lease`` is held by the worker that claimed it; a first delivery needs none, because the queue hides its
    message meanwhile. ``tries`` counts the times that its delivery was deferred. ``why`` says why it did
    not arrive, ``resends`` how often a person had it sent again.
    """

    entry_id: str
    kind: LetterKind | LineKind
    due_at: datetime
    about: str = ""
    status: EntryStatus = "owed"
    lease: Lease | None = None
    tries: int = 0
    why: WhyNot | Literal[""] = ""
    resends: int = 0

    @property
    def is_line(self) -> bool:
        """It is a line of the ledger, and no letter."""
        return self.kind in LINE_KINDS

    @property
    def to_host(self) -> bool:
        return self.kind in ("host_new_booking", "host_cancelled")

    @property
    def needs_a_person(self) -> bool:
        """It did not arrive, or was tried in vain for most of a day; the latter is tried on all the same.

        A line of the ledger is tried for ever: nobody can write it instead.
        """
        if self.is_line:
            return False
        return self.status in ("failed", "bounced", "complained") or (
            self.status == "owed" and self.tries >= ENTRY_TRIES_BEFORE_ATTENTION
        )


class StayEnd(Record, frozen=True, kw_only=True):
    """That a stay ended before its last night: since the day ``free_from``, its nights are for others again.

    ``refund`` is what went back for it, in minor units. ``last_night`` is the last one of a guest who left early.
    """

    as_: EndedAs
    at: datetime
    free_from: date
    last_night: date | None = None
    refund: int = 0


class Booking(Record, frozen=True, kw_only=True):
    """A stay that somebody holds or has, with everything that happened to its money.

    ``version`` is the one that was loaded; the store saves only over it (optimistic locking). ``expiry_retry_at`` is
    set while the hold is over but the gateway did not answer. ``verify_lease`` is held by the caller who is asking the
    gateway about its payments at this moment, so that doors which open at the same time do not multiply at the gateway.
    ``search_keys`` are the keyed hashes that it is found by, ``contact_erased_at`` is when its guest's contact went.
    ``proposals`` are operators' acts that wait, or waited, for a second person.
    """

    booking_id: BookingId
    guest_id: PersonId
    place: Place
    stay: Stay
    contact: Contact
    lines: tuple[Line, ...]
    total: Money
    hold_expires_at: datetime
    created_at: datetime
    updated_at: datetime
    fingerprint: str
    language: Language = "en"
    status: BookingStatus = "pending_payment"
    return_url: str | None = None
    request_id: str = ""
    expiry_retry_at: datetime | None = None
    confirmed_late_at: datetime | None = None
    ended: StayEnd | None = None
    contact_erased_at: datetime | None = None
    verify_lease: Lease | None = None
    search_keys: SearchKeys = NO_KEYS
    payments: tuple[Payment, ...] = ()
    outbox: tuple[OutboxEntry, ...] = ()
    history: tuple[Event, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    version: int = 1

    @property
    def current_payment(self) -> Payment:
        """The payment that counts now: the accepted one, else the latest."""
        return next((payment for payment in self.payments if payment.accepted), self.payments[-1])

    @property
    def was_confirmed(self) -> bool:
        """It is, or was, confirmed: from then on guest and host are told how to reach each other."""
        return any(payment.accepted for payment in self.payments)

    @property
    def refunds(self) -> tuple[Refund, ...]:
        """All refunds, of all payments."""
        return tuple(refund for payment in self.payments for refund in payment.refunds)

    @property
    def letters(self) -> tuple[OutboxEntry, ...]:
        """The outbox without the lines of the ledger."""
        return tuple(entry for entry in self.outbox if not entry.is_line)

    @property
    def disputes(self) -> tuple[Dispute, ...]:
        """All disputes, of all payments."""
        return tuple(dispute for payment in self.payments for dispute in payment.disputes)

    def payment(self, tx_ref: str) -> Payment | None:
        return next((payment for payment in self.payments if payment.tx_ref == tx_ref), None)

    def refund(self, refund_id: str) -> Refund | None:
        return next((refund for refund in self.refunds if refund.refund_id == refund_id), None)

    def dispute(self, dispute_id: str) -> Dispute | None:
        return next((dispute for dispute in self.disputes if dispute.dispute_id == dispute_id), None)

    def proposal(self, proposal_id: str) -> Proposal | None:
        return next((each for each in self.proposals if each.proposal_id == proposal_id), None)

    def letter(self, entry_id: str) -> OutboxEntry | None:
        return next((entry for entry in self.letters if entry.entry_id == entry_id), None)

    def entry(self, entry_id: str) -> OutboxEntry | None:
        return next((entry for entry in self.outbox if entry.entry_id == entry_id), None)

    @property
    def check_in_at(self) -> datetime:
        return instant_of(self.stay.check_in, self.place.check_in_time, self.place.time_zone)

    @property
    def check_out_at(self) -> datetime:
        """When its guest leaves, or would have left."""
        left_early = self.ended is not None and self.ended.as_ == "left_early"
        day = self.free_from if left_early else self.stay.check_out
        return instant_of(day, self.place.check_out_time, self.place.time_zone)

    @property
    def holds_nights(self) -> bool:
        return self.status in HOLDING_STATUSES

    @property
    def was_paid(self) -> bool:
        """Money came for it, whatever became of that money since."""
        return any(payment.facts.received is not None for payment in self.payments)

    def today(self, now: datetime) -> date:
        """The date at its listing at the instant ``now``."""
        return now.astimezone(ZoneInfo(self.place.time_zone)).date()

    @property
    def free_from(self) -> date:
        """The first day whose night is not this booking's any more."""
        return self.stay.check_out if self.ended is None else self.ended.free_from

    @property
    def held_nights(self) -> tuple[date, ...]:
        """The nights that this booking keeps from others."""
        return dates_between(self.stay.check_in, self.free_from) if self.holds_nights else ()

    @property
    def hold_counts_until(self) -> datetime:
        """When the hold stops counting against its guest, whatever became of this booking."""
        return self.hold_expires_at + OUTAGE_GRACE


def event_of(
    actor: Actor,
    kind: str,
    *,
    now: datetime,
    subject: str = "",
    before: str | None,
    after: str,
    detail: str = "",
) -> Event:
    """The line of the history that says who did what."""
    return Event(now, kind, actor.cause, subject, before, after, detail, actor.person_id, actor.name)


def append_event(booking: Booking, *events: Event) -> Booking:
    """Add lines to the history."""
    return replace(booking, history=(*booking.history, *events)) if events else booking


def transition_booking(
    booking: Booking, to: BookingStatus, *, actor: Actor, now: datetime, detail: str = ""
) -> Booking:
    """Give a booking its next status, which ``BOOKING_TRANSITIONS`` must allow."""
    if to not in BOOKING_TRANSITIONS[booking.status]:
        raise ValueError(f"a booking never goes from {booking.status} to {to}")
    event = event_of(actor, f"booking_{to}", now=now, before=booking.status, after=to, detail=detail)
    return append_event(replace(booking, status=to, updated_at=now), event)


def transition_payment(
    payment: Payment, to: PaymentStatus, *, actor: Actor, now: datetime, detail: str = ""
) -> tuple[Payment, Event]:
    """Give a payment its next status, which ``PAYMENT_TRANSITIONS`` must allow; answers the event that tells of it."""
    if to not in PAYMENT_TRANSITIONS[payment.status]:
        raise ValueError(f"a payment never goes from {payment.status} to {to}")
    event = event_of(
        actor, f"payment_{to}", now=now, subject=payment.tx_ref, before=payment.status, after=to, detail=detail
    )
    return replace(payment, status=to, updated_at=now), event


def transition_refund(
    refund: Refund, to: RefundStatus, *, actor: Actor, now: datetime, detail: str = ""
) -> tuple[Refund, Event]:
    """Give a refund its next status, which ``REFUND_TRANSITIONS`` must allow; answers the event that tells of it."""
    if to not in REFUND_TRANSITIONS[refund.status]:
        raise ValueError(f"a refund never goes from {refund.status} to {to}")
    event = event_of(
        actor, f"refund_{to}", now=now, subject=refund.refund_id, before=refund.status, after=to, detail=detail
    )
    due_at = None if to in ("refunded", "attention") else refund.due_at
    return replace(refund, status=to, due_at=due_at, updated_at=now), event


def transition_dispute(
    dispute: Dispute, to: DisputeStatus, *, actor: Actor, now: datetime, detail: str = ""
) -> tuple[Dispute, Event]:
    """Give a dispute its next status, which ``DISPUTE_TRANSITIONS`` must allow; answers the event that tells of it.

    One that must be answered again waits for a person again.
    """
    if to not in DISPUTE_TRANSITIONS[dispute.status]:
        raise ValueError(f"a dispute never goes from {dispute.status} to {to}")
    event = event_of(
        actor, f"dispute_{to}", now=now, subject=dispute.dispute_id, before=dispute.status, after=to, detail=detail
    )
    look_up_at = dispute.look_up_at if to in UNDECIDED else None
    return replace(dispute, status=to, look_up_at=look_up_at, acknowledged=False, updated_at=now), event


def without_verify_lease(booking: Booking, lease: Lease | None) -> Booking:
    """Give a lease to ask the gateway back, if it is still the one that the booking holds."""
    return replace(booking, verify_lease=None) if lease and booking.verify_lease == lease else booking


def get_payment(booking: Booking, tx_ref: str) -> Payment:
    """A payment that is known to be there. Raises KeyError."""
    payment = booking.payment(tx_ref)
    if payment is None:
        raise KeyError(tx_ref)
    return payment


def get_refund(booking: Booking, refund_id: str) -> Refund:
    """A refund that is known to be there. Raises KeyError."""
    refund = booking.refund(refund_id)
    if refund is None:
        raise KeyError(refund_id)
    return refund


def get_dispute(booking: Booking, dispute_id: str) -> Dispute:
    """A dispute that is known to be there. Raises KeyError."""
    dispute = booking.dispute(dispute_id)
    if dispute is None:
        raise KeyError(dispute_id)
    return dispute


def with_payment(booking: Booking, payment: Payment, *events: Event) -> Booking:
    """Put the next state of a payment back into its booking (a new one after the others), with what tells of it."""
    known = any(each.tx_ref == payment.tx_ref for each in booking.payments)
    payments = (
        tuple(payment if each.tx_ref == payment.tx_ref else each for each in booking.payments)
        if known
        else (*booking.payments, payment)
    )
    booking = replace(booking, payments=payments)
    if events:
        booking = replace(booking, updated_at=events[-1].at)
    return append_event(booking, *events)


def with_refund(booking: Booking, refund: Refund, *events: Event) -> Booking:
    """Put the next state of a refund back into its payment (a new one after the others), with what tells of it."""
    payment = get_payment(booking, payment_of(refund.refund_id))
    known = payment.refund(refund.refund_id) is not None
    refunds = (
        tuple(refund if each.refund_id == refund.refund_id else each for each in payment.refunds)
        if known
        else (*payment.refunds, refund)
    )
    payment = replace(payment, refunds=refunds, updated_at=max(payment.updated_at, refund.updated_at))
    return with_payment(booking, payment, *events)


def with_dispute(booking: Booking, dispute: Dispute, *events: Event) -> Booking:
    """Put the next state of a dispute back into its payment (a new one after the others), with what tells of it."""
    payment = get_payment(booking, payment_of(dispute.dispute_id))
    known = any(each.dispute_id == dispute.dispute_id for each in payment.disputes)
    disputes = (
        tuple(dispute if each.dispute_id == dispute.dispute_id else each for each in payment.disputes)
        if known
        else (*payment.disputes, dispute)
    )
    payment = replace(payment, disputes=disputes, updated_at=max(payment.updated_at, dispute.updated_at))
    return with_payment(booking, payment, *events)
