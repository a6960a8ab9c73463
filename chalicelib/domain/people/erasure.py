"""Erase who a person is, and keep what happened: names and addresses go, money, days and acts stay.

What is held of persons, and what becomes of each part, is enumerated in ``personal``. Nothing is erased while something
is under way that needs the person: a stay to come, money that may still move, a dispute.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from chalicelib.domain import outbox
from chalicelib.domain.booking import Actor, Booking, Event, OutboxEntry, Payment, append_event, event_of
from chalicelib.domain.cancellation import REASONS
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.host import Host, Notify
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.obstacles import Obstacle
from chalicelib.domain.people.accounts import Account, AccountAct
from chalicelib.domain.people.review import Review
from chalicelib.domain.proposal import CancelAct, CloseListingAct, Proposal, RefundAct
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import WATCHED_FOR
from chalicelib.domain.verification import CANCELLED, NOT_ACCEPTED, PAID_TWICE, PLACE_GONE, Verification
from chalicelib.domain.words.search_terms import NO_KEYS

CONTACT_ERASED = "contact_erased"
"""The kind of the event that tells of it."""
ON_REQUEST, EXPIRED = "on request", "its time is over"
"""Why it was erased: that event's detail."""

OUR_REASONS = frozenset({"no_show", "left_early", PLACE_GONE, PAID_TWICE, CANCELLED, NOT_ACCEPTED, *REASONS.values()})
"""The reasons of refunds that are words of ours. Any other is a person's sentence."""
OUR_DETAILS = frozenset(
    {
        "refund_owed",
        "refund_refunded",
        "payment_expired",
        "payment_failed",
        "payment_completed",
        "booking_confirmed",
        "contact_corrected",
        CONTACT_ERASED,
    }
)
"""The kinds of events whose detail is a word of ours, or an amount, also where a person acted. The detail of any other
act of a person, and of every dispute, is somebody's sentence."""
_PERSONS = frozenset({"guest", "host", "operator"})

Part = Literal["email", "phone"]
"""By what of a contact a person is named."""

_PREFIX = "ERASURE#"


class Erasure(Record, frozen=True, kw_only=True):
    """That a person is erased on request, and how far that got. Who the person is, it does not say.

    ``erasure_id`` is the keyed hash of the address or number that was named, ``part`` which of the two. ``key``,
    ``orphan_key`` and ``host_key`` are the keyed hashes by which bookings, orphans and profiles are found, also those
    that a restore brings back. ``hosts`` are the profiles that are the person's until it is finished, ``position`` is
    where to go on. ``left`` are bookings that turned out to be needed still. ``due_at`` is when the clock carries it
    on; None: it is finished.
    """

    erasure_id: str
    part: Part
    by: Actor
    note: str
    request_id: str
    begun_at: datetime
    due_at: datetime | None = None
    finished_at: datetime | None = None
    key: str = ""
    orphan_key: str = ""
    host_key: str = ""
    hosts: tuple[PersonId, ...] = ()
    position: str = ""
    erased: int = 0
    left: tuple[Obstacle, ...] = ()
    version: int = 0


def erasure_task(erasure_id: str) -> BookingId:
    """The name under which the clock and its queue have an erasure, among bookings."""
    return BookingId(f"{_PREFIX}{erasure_id}")


def erasure_of_task(task_id: str) -> str | None:
    """The erasure that goes by this name; None for a booking's."""
    return task_id.removeprefix(_PREFIX) if task_id.startswith(_PREFIX) else None


def under_way(booking: Booking, *, now: datetime) -> tuple[Obstacle, ...]:
    """What of a booking still needs its guest. Nothing: its contact may be erased."""
    matters = [*_of_stay(booking, now=now)]
    for payment in booking.payments:
        matters += _of_payment(payment, is_held=booking.status == "pending_payment")
    matters += (
        Obstacle(kind="proposal", subject=each.proposal_id, until=each.expires_at)
        for each in booking.proposals
        if each.is_open(now)
    )
    return tuple(matters)


def _of_stay(booking: Booking, *, now: datetime) -> Iterator[Obstacle]:
    if booking.status == "pending_payment":
        yield Obstacle(kind="unpaid_hold", subject=booking.booking_id, until=booking.hold_expires_at)
    if booking.status == "confirmed" and now < booking.check_out_at:
        yield Obstacle(kind="stay", subject=booking.booking_id, until=booking.check_out_at)


def _of_payment(payment: Payment, *, is_held: bool) -> Iterator[Obstacle]:
    if payment.status == "review":
        yield Obstacle(kind="payment_review", subject=payment.tx_ref)
    elif payment.schedule.next_verify_at is not None and not is_held:
        yield Obstacle(kind="payment", subject=payment.tx_ref, until=payment.created_at + WATCHED_FOR)
    if payment.has_open_reversal:
        yield Obstacle(kind="payment_reversed", subject=payment.tx_ref)
    yield from (
        Obstacle(kind="refund", subject=refund.refund_id) for refund in payment.refunds if refund.status != "refunded"
    )
    yield from (Obstacle(kind="dispute", subject=each.dispute_id) for each in payment.disputes if each.is_undecided)


def erase_guest(booking: Booking, *, actor: Actor, why: str, now: datetime) -> Booking:
    """The booking without its guest: contact, search keys, and every sentence that a person wrote about it.

    Amounts, days, ids, and who of the staff did what, stay; so does the guest's account id, by which the guest goes on
    seeing the booking. Letters that are owed to the guest, or did not arrive, are superseded. Nothing changes where it
    was erased before. Raises ValueError while something is under way.
    """
    if booking.contact_erased_at is not None:
        return booking
    if under_way(booking, now=now):
        raise ValueError("a booking that is under way needs its guest")
    booking = replace(
        booking,
        contact=NOBODY,
        search_keys=NO_KEYS,
        # It is a digest of the contact, too: with it, a guess could be proved.
        fingerprint="",
        return_url=None,
        contact_erased_at=now,
        updated_at=now,
        payments=tuple(_without_words(payment) for payment in booking.payments),
        proposals=tuple(map(_without_why, booking.proposals)),
        history=tuple(_without_guest(event, booking.guest_id) for event in booking.history),
    )
    booking = outbox.with_entries(booking, _superseded(booking), now=now)
    status = booking.status
    erased = event_of(actor, CONTACT_ERASED, now=now, before=status, after=status, detail=why)
    return append_event(booking, erased)


def erase_host(booking: Booking, *, now: datetime) -> Booking:
    """The booking without how its host is reached, and without her name in its history."""
    host_id = booking.place.host_id
    history = tuple(replace(event, by_name="") if event.by == host_id else event for event in booking.history)
    place = replace(booking.place, host_email="", address="")
    if (place, history) == (booking.place, booking.history):
        return booking
    return replace(booking, place=place, history=history, updated_at=now)


def without_profile(host: Host, *, now: datetime) -> Host:
    """The profile without how the host is reached. Who she is to the tax office is a record of the books, and stays."""
    return replace(host, notify=Notify(), search_keys=NO_KEYS, updated_at=now)


def without_address(listing: Listing) -> Listing:
    """A listing without its host's address, and without what shows where she lives."""
    return replace(listing, host_email="", description="", address="", photos=())


def without_notes(account: Account) -> Account:
    """An account whose acts say what was decided, by whom and when, and not what was written about its person."""

    def silent(act: AccountAct) -> AccountAct:
        return replace(act, note="")

    return replace(
        account, acts=tuple(map(silent, account.acts)), block=silent(account.block) if account.block else None
    )


def without_text(review: Review) -> Review:
    """A review of which the rating is left: it counts in an average that many gave."""
    return replace(review, text="")


def without_payer(verification: Verification) -> Verification:
    """Money without a booking, and without who sent it. A person has dealt with it."""
    return replace(verification, payer="", receipt_url=None)


def _without_words(payment: Payment) -> Payment:
    """The payment without links to pages that name its payer, and without sentences."""
    return replace(
        payment,
        checkout_url=None,
        problem=None,
        facts=replace(payment.facts, receipt_url=None),
        refunds=tuple(
            refund if refund.reason in OUR_REASONS else replace(refund, reason="") for refund in payment.refunds
        ),
        disputes=tuple(replace(dispute, reason="") for dispute in payment.disputes),
    )


def _without_why(proposal: Proposal) -> Proposal:
    """What was proposed and decided, by whom, and not why."""
    act = proposal.act
    if isinstance(act, RefundAct | CancelAct | CloseListingAct):
        return replace(proposal, act=replace(act, reason=""), note="")
    return replace(proposal, act=replace(act, note=""), note="")


def _without_guest(event: Event, guest_id: PersonId) -> Event:
    """What happened, and by whom of the staff; not the guest's name, nor a sentence that may name the guest."""
    is_sentence = event.kind.startswith("dispute_") or (event.cause in _PERSONS and event.kind not in OUR_DETAILS)
    is_guests = event.cause == "guest" or event.by == guest_id
    return replace(event, by_name="" if is_guests else event.by_name, detail="" if is_sentence else event.detail)


def _superseded(booking: Booking) -> dict[str, OutboxEntry]:
    """Letters that nobody can be sent any more, and that no person is to be asked about."""
    return {
        entry.entry_id: replace(entry, status="superseded", lease=None)
        for entry in booking.letters
        if not entry.to_host and entry.status in ("owed", "failed", "bounced", "complained")
    }
