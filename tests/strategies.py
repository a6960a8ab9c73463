"""Hypothesis strategies: money, listings, stays, whatever a gateway may say, and the lives of bookings.

A ``Life`` is a booking's states in order, each reached from the one before by a function of the domain that the
use cases call too, under the same guards, while time goes on by milliseconds or by days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import get_args

from hypothesis import strategies as st

from chalicelib.domain import checkout as opening
from chalicelib.domain import disputes as disputing
from chalicelib.domain import lifecycle, outbox
from chalicelib.domain import refunds as refunding
from chalicelib.domain.attention import Acknowledgeable, acknowledge
from chalicelib.domain.booking import (
    Actor,
    Booking,
    Dispute,
    DisputeStatus,
    EntryStatus,
    GatewayStatus,
    OpeningProblem,
    Payment,
    Refund,
    RefundStatus,
    WhyNot,
    get_payment,
)
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.ending import end_stay
from chalicelib.domain.errors import InvalidRequest, MessageNotTrue, NothingToDispute, PaymentDisputed, RefundUnderWay
from chalicelib.domain.ids import payment_of
from chalicelib.domain.listings.calendar import Night, Nights, Stay
from chalicelib.domain.listings.listing import CancellationPolicy, Listing
from chalicelib.domain.money import EXPONENTS, MAX_MINOR, Money
from chalicelib.domain.verification import Availability, Verification, WebhookClaim, apply_verification, resolve_review
from tests.builders import NOW, WINDOW, a_booking, a_listing, change_entry, move_refund, verification_of
from tests.replacing import replace

Draw = st.DrawFn
Step = Callable[[Draw, Booking, datetime], Booking]

ZONES = ("Africa/Addis_Ababa", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")
"""Without and with summer time, a quarter of an hour aside, and a day ahead."""

PAUSES = (
    timedelta(0),
    timedelta(milliseconds=1),
    timedelta(seconds=25),
    timedelta(minutes=2),
    timedelta(minutes=28),
    timedelta(minutes=61),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=4),
)

currencies = st.sampled_from(sorted(EXPONENTS))
policies = st.sampled_from(get_args(CancellationPolicy))
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def moneys(*, least: int = 0, most: int = MAX_MINOR, currency: str | None = None) -> st.SearchStrategy[Money]:
    kinds = currencies if currency is None else st.just(currency)
    return st.builds(Money, st.integers(least, most), kinds)


OPERATOR = Actor("operator", "operator-1", "operator@guzo.example.et")


@st.composite
def listings(draw: Draw) -> Listing:
    return a_listing(
        units=draw(st.integers(1, 6)),
        guests_per_unit=draw(st.integers(1, 4)),
        nightly_price=draw(moneys(least=100, most=5_000_000)),
        cancellation_policy=draw(policies),
        time_zone=draw(st.sampled_from(ZONES)),
        title=draw(st.sampled_from(("Lake house", "የሐይቅ ዳር ቤት"))),
    )


@st.composite
def stays(draw: Draw, listing: Listing, *, most_nights: int = 12) -> Stay:
    """A stay that the listing's rooms can hold, from today up to three weeks ahead."""
    check_in = listing.today(NOW) + timedelta(days=draw(st.integers(0, 21)))
    units = draw(st.integers(1, listing.units))
    guests = draw(st.integers(1, units * listing.guests_per_unit))
    return Stay(check_in, check_in + timedelta(days=draw(st.integers(1, most_nights))), units, guests)


@st.composite
def nights_around(draw: Draw, listing: Listing, stay: Stay) -> Nights:
    """Some nights of the stay, and its neighbours, with units taken, prices of their own, or closed."""
    days = [stay.check_in - timedelta(days=1), *stay.dates, stay.check_out]
    changed: list[date] = draw(st.lists(st.sampled_from(days), unique=True))
    price = st.none() | st.sampled_from((100_000, 250_000, listing.nightly_price.minor))
    return {
        day: Night(
            day,
            draw(st.integers(0, listing.units + 1)),
            None if (minor := draw(price)) is None else Money(minor, listing.nightly_price.currency),
            draw(st.booleans()),
        )
        for day in changed
    }


@st.composite
def verifications(draw: Draw, payment: Payment, *, odd: bool | None = None) -> Verification:
    """Anything that a gateway may say of a payment. ``odd``: whether some of it is not ours; None: either."""
    if odd is None:
        odd = draw(st.booleans())
    other_currency = "USD" if payment.amount.currency != "USD" else "ETB"
    wrong = draw(st.sampled_from(("tx_ref", "amount", "mode"))) if odd else ""
    tx_refs: tuple[str | None, ...] = (None, f"{payment.tx_ref}0", payment.tx_ref.lower(), "")
    amounts: tuple[Money | None, ...] = (
        None,
        Money(payment.amount.minor - 1, payment.amount.currency),
        Money(payment.amount.minor + 1, payment.amount.currency),
        Money(payment.amount.minor, other_currency),
    )
    modes = (None, "live" if payment.expected_mode == "test" else "test", "")
    return Verification(
        status=draw(st.sampled_from(get_args(GatewayStatus))),
        tx_ref=draw(st.sampled_from(tx_refs)) if wrong == "tx_ref" else payment.tx_ref,
        amount=draw(st.sampled_from(amounts)) if wrong == "amount" else payment.amount,
        reported=draw(st.sampled_from(("", "12.345 ETB"))),
        mode=draw(st.sampled_from(modes)) if wrong == "mode" else payment.expected_mode,
        provider_reference=draw(st.sampled_from((None, "AP6QkQeP3mYJ"))),
        fee=draw(st.none() | moneys(most=100_000)),
        paid_at=draw(st.none() | st.just(NOW)),
    )


@dataclass(frozen=True, repr=False)
class Life:
    """A booking's states, oldest first, and the instant at which the last one was reached."""

    states: tuple[Booking, ...]
    now: datetime

    @property
    def booking(self) -> Booking:
        return self.states[-1]

    def __repr__(self) -> str:
        # Short, because Hypothesis warns of long ones, and then tells nothing else.
        return f"Life({len(self.states)} states: {', '.join(event.kind for event in self.booking.history)})"


@st.composite
def lives(draw: Draw, *, most_steps: int = 12) -> Life:
    """A booking from its hold on, through steps that may happen to it, in any order that the guards let through."""
    listing = draw(listings())
    now = NOW
    hold_for = draw(st.sampled_from((timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=24))))
    booking = a_booking(listing=listing, stay=draw(stays(listing)), hold_for=hold_for)
    states = [booking]
    for _ in range(draw(st.integers(0, most_steps))):
        now += draw(st.sampled_from(PAUSES))
        step = draw(st.sampled_from(list(_steps(booking, now))))
        booking = step(draw, booking, now)
        states.append(booking)
    return Life(tuple(states), now)


def _steps(booking: Booking, now: datetime) -> Iterator[Step]:
    last = booking.payments[-1]
    # Several times, so that much is heard from the gateway, and some of it good.
    yield from (_told, _told, _paid, _paid, _silenced, _mailed)
    if booking.status == "pending_payment":
        if last.status == "created":
            yield from (_link_opened, _opening_failed, _reference_used, _leased)
        elif opening.may_try_again(booking, now=now):
            yield _new_attempt
        if now >= booking.hold_expires_at:
            yield _expired
            yield _put_off
    if booking.status != "confirmed" or now < booking.check_in_at:
        yield _cancelled
    if booking.status == "confirmed" and booking.ended is None and booking.check_in_at <= now < booking.check_out_at:
        yield from (_stay_ended, _stay_ended)
    if any(payment.status == "review" for payment in booking.payments):
        yield _resolved
    yield from _steps_of_letters(booking)
    if any(refunding.left_to_refund(payment).minor for payment in booking.payments):
        yield _refund_owed
    if any(refund.status != "refunded" for refund in booking.refunds):
        yield from (_refund_worked_on, _refund_worked_on)
    yield _disputed
    if any(dispute.is_undecided for dispute in booking.disputes):
        yield from (_dispute_told, _dispute_told, _dispute_closed)
    if any(payment.checkout_url and not payment.link_cancelled for payment in booking.payments):
        yield _link_cancelled


def _steps_of_letters(booking: Booking) -> Iterator[Step]:
    if any(_acknowledgeable(booking)):
        yield _acknowledged
    if any(entry.status != "owed" for entry in booking.letters):
        yield from (_reported, _resent)


def _told(draw: Draw, booking: Booking, now: datetime) -> Booking:
    payment = draw(st.sampled_from(booking.payments))
    return apply_verification(
        booking,
        payment.tx_ref,
        draw(verifications(payment)),
        now=now,
        availability=draw(st.sampled_from(Availability)),
        actor=Actor(draw(st.sampled_from(("webhook", "callback", "return", "verify", "sweep")))),
        window=WINDOW,
        jitter=draw(jitters),
        claim=draw(st.sampled_from(get_args(WebhookClaim))),
    )


def _paid(draw: Draw, booking: Booking, now: datetime) -> Booking:
    payment = draw(st.sampled_from(booking.payments))
    return apply_verification(
        booking,
        payment.tx_ref,
        verification_of(payment),
        now=now,
        availability=draw(st.sampled_from(Availability)),
        actor=Actor("webhook"),
        window=WINDOW,
        jitter=0,
    )


def _silenced(draw: Draw, booking: Booking, now: datetime) -> Booking:
    payment = draw(st.sampled_from(booking.payments))
    return apply_verification(
        booking,
        payment.tx_ref,
        Verification("no_answer"),
        now=now,
        actor=Actor("sweep"),
        window=WINDOW,
        jitter=draw(jitters),
    )


def _link_opened(draw: Draw, booking: Booking, now: datetime) -> Booking:
    tx_ref = booking.payments[-1].tx_ref
    link = f"https://checkout.chapa.co/checkout/payment/{tx_ref}"
    return opening.link_opened(booking, tx_ref, link, actor=Actor("guest"), now=now)


def _opening_failed(draw: Draw, booking: Booking, now: datetime) -> Booking:
    known = draw(st.booleans())
    problem = OpeningProblem("gateway_timeout", "No answer in time.", retry_after=draw(st.none() | st.just(30)))
    tx_ref = booking.payments[-1].tx_ref
    return opening.opening_failed(
        booking, tx_ref, problem, definitely_not_executed=known, actor=Actor("guest"), now=now
    )


def _reference_used(draw: Draw, booking: Booking, now: datetime) -> Booking:
    problem = OpeningProblem("gateway_rejected", "The payment gateway knows this reference already.")
    return opening.reference_used(booking, booking.payments[-1].tx_ref, problem, actor=Actor("guest"), now=now)


def _leased(draw: Draw, booking: Booking, now: datetime) -> Booking:
    return opening.lease_opening(
        booking, booking.payments[-1].tx_ref, owner="another", key="key", api_version="", now=now
    )


def _new_attempt(draw: Draw, booking: Booking, now: datetime) -> Booking:
    return opening.new_attempt(
        booking, gateway="chapa", mode="test", api_version="", owner="opener", key="", actor=Actor("guest"), now=now
    )


def _link_cancelled(draw: Draw, booking: Booking, now: datetime) -> Booking:
    open_links = [payment for payment in booking.payments if payment.checkout_url and not payment.link_cancelled]
    return opening.link_cancelled(booking, draw(st.sampled_from(open_links)).tx_ref)


def _expired(draw: Draw, booking: Booking, now: datetime) -> Booking:
    return lifecycle.expire(booking, actor=Actor("sweep"), now=now)


def _put_off(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """The hold is over, but the gateway cannot be asked."""
    return replace(booking, expiry_retry_at=now + timedelta(minutes=15))


def _cancelled(draw: Draw, booking: Booking, now: datetime) -> Booking:
    return cancel(
        booking,
        actor=Actor(draw(st.sampled_from(("guest", "host", "operator"))), "person-1"),
        reason="Plans changed.",
        now=now,
    )


def _resolved(draw: Draw, booking: Booking, now: datetime) -> Booking:
    payment = draw(st.sampled_from([payment for payment in booking.payments if payment.status == "review"]))
    return resolve_review(
        booking,
        payment.tx_ref,
        as_=draw(st.sampled_from(("accept", "refund"))),
        availability=draw(st.sampled_from(Availability)),
        note="Seen on the bank's list.",
        actor=OPERATOR,
        now=now,
    )


def _acknowledgeable(booking: Booking) -> Iterator[tuple[Acknowledgeable, str]]:
    """What an operator could take off the attention list."""
    yield from (("payment_reversed", each.tx_ref) for each in booking.payments if each.has_open_reversal)
    yield from (("dispute", each.dispute_id) for each in booking.disputes if each.needs_a_person)
    yield from (("email", each.entry_id) for each in booking.letters if each.needs_a_person)


def _acknowledged(draw: Draw, booking: Booking, now: datetime) -> Booking:
    kind, subject = draw(st.sampled_from(list(_acknowledgeable(booking))))
    note = draw(st.sampled_from(("", "Told.")))
    return acknowledge(booking, kind, subject, actor=OPERATOR, note=note, now=now)


def _reported(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """The mail service reports of a letter that it took."""
    entry = draw(st.sampled_from([entry for entry in booking.letters if entry.status != "owed"]))
    bounces: tuple[WhyNot, ...] = ("permanent", "transient", "undetermined")
    why: WhyNot = draw(st.sampled_from((*bounces, "abuse")))
    if entry.status in ("superseded", "limited", "failed"):
        return booking  # it was never sent
    return change_entry(booking, outbox.report(entry, "bounced" if why in bounces else "complained", why), now=now)


def _resent(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """An operator has a letter sent again, unless it says what is not so any more."""
    entry = draw(st.sampled_from(booking.letters))
    try:
        return outbox.resend(booking, entry.entry_id, actor=OPERATOR, note=draw(st.text(max_size=9)), now=now)
    except MessageNotTrue:
        return booking


def _stay_ended(draw: Draw, booking: Booking, now: datetime) -> Booking:
    payment = booking.current_payment
    busy = payment.at_risk.minor or any(refunding.is_under_way(each) for each in payment.refunds)
    left = 0 if busy else refunding.left_to_refund(payment).minor
    nights = booking.stay.dates[:-1]
    last_night = draw(st.none() | st.sampled_from(nights)) if nights else None
    return end_stay(
        booking,
        as_="no_show" if last_night is None else "left_early",
        last_night=last_night,
        refund=draw(st.integers(0, left)),
        note="",
        actor=Actor(draw(st.sampled_from(("host", "operator")))),
        now=now,
    )


def _disputed(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """A webhook tells of a dispute; or an operator enters one, where that is possible."""
    payment = draw(st.sampled_from(booking.payments))
    if draw(st.booleans()):
        facts = draw(dispute_facts(payment))
        return disputing.hear_of(booking, payment.tx_ref, facts, actor=Actor("webhook"), now=now)
    try:
        return disputing.open_dispute(
            booking,
            payment.tx_ref,
            amount=draw(st.none() | st.just(Money(1, (payment.facts.received or payment.amount).currency))),
            reason="unknown to the card's owner",
            due_at=draw(st.none() | st.just(now + timedelta(days=5))),
            note="The gateway's e-mail.",
            actor=OPERATOR,
            now=now,
        )
    except (NothingToDispute, InvalidRequest):
        return booking


@st.composite
def dispute_facts(draw: Draw, payment: Payment) -> DisputeFacts:
    """Whatever a gateway may say of a dispute of this payment."""
    amounts = (None, payment.amount, Money(1, payment.amount.currency), Money(7, "USD"), Money(10**12, "ETB"))
    return DisputeFacts(
        provider_dispute_id=draw(st.sampled_from(("", "2867", "9911"))),
        status=draw(st.sampled_from(get_args(DisputeStatus))),
        tx_ref=payment.tx_ref,
        amount=draw(st.sampled_from(amounts)),
        reason=draw(st.sampled_from(("", "chargeback"))),
        due_at=draw(st.none() | st.just(NOW + timedelta(days=2))),
    )


def _undecided(draw: Draw, booking: Booking) -> Dispute:
    return draw(st.sampled_from([dispute for dispute in booking.disputes if dispute.is_undecided]))


def _dispute_told(draw: Draw, booking: Booking, now: datetime) -> Booking:
    dispute = _undecided(draw, booking)
    if draw(st.booleans()):
        return disputing.defer_look_up(booking, dispute.dispute_id, jitter=draw(jitters), now=now)
    payment = get_payment(booking, payment_of(dispute.dispute_id))
    facts = draw(st.none() | dispute_facts(payment))
    return disputing.apply_facts(booking, dispute.dispute_id, facts, actor=Actor("sweep"), now=now)


def _dispute_closed(draw: Draw, booking: Booking, now: datetime) -> Booking:
    as_: disputing.CloseAs = draw(st.sampled_from(get_args(disputing.CloseAs)))
    dispute_id = _undecided(draw, booking).dispute_id
    return disputing.close(booking, dispute_id, as_=as_, note="The bank's letter.", actor=OPERATOR, now=now)


def _refund_owed(draw: Draw, booking: Booking, now: datetime) -> Booking:
    left = {payment.tx_ref: refunding.left_to_refund(payment) for payment in booking.payments}
    tx_ref = draw(st.sampled_from([tx_ref for tx_ref, money in left.items() if money.minor]))
    amount = Money(draw(st.integers(1, left[tx_ref].minor)), left[tx_ref].currency)
    return refunding.owe_refund(
        booking,
        tx_ref,
        amount=amount,
        reason="a broken shower",
        actor=Actor("operator"),
        now=now,
        tell=draw(st.booleans()),
    )


def _refund_worked_on(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """What the clock, the gateway or an operator may do with a refund that is not done."""
    refund = draw(st.sampled_from([refund for refund in booking.refunds if refund.status != "refunded"]))
    return draw(st.sampled_from(_REFUND_STEPS[refund.status]))(draw, booking, refund, now)


def _claimed(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    return refunding.claim(booking, refund.refund_id, owner="worker", actor=Actor("sweep"), now=now)


def _postponed(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    return refunding.defer_start(
        booking, refund.refund_id, actor=Actor("sweep"), now=now, jitter=draw(jitters), detail="gateway_timeout"
    )


def _accepted(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    known = draw(st.sampled_from((None, "RFND-1")))
    return refunding.record_accepted(booking, refund.refund_id, provider_refund_id=known, actor=Actor("sweep"), now=now)


def _put_back(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    return refunding.requeue_rejected(
        booking, refund.refund_id, actor=Actor("sweep"), now=now, jitter=draw(jitters), detail="gateway_unreachable"
    )


def _looked_up(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    outlook: refunding.Outlook = draw(st.sampled_from(get_args(refunding.Outlook)))
    return refunding.record_lookup(
        booking, refund.refund_id, outlook=outlook, business_days=3, actor=Actor("sweep"), now=now
    )


def _refunded(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    return refunding.record_refunded(booking, refund.refund_id, actor=Actor("webhook"), now=now)


def _refused(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    return move_refund(booking, refund.refund_id, "attention", actor=Actor("sweep"), now=now, detail="refused")


def _posted_again(draw: Draw, booking: Booking, refund: Refund, now: datetime) -> Booking:
    try:
        return refunding.resolve(
            booking, refund.refund_id, as_="post_again", note="Lost on the way.", actor=OPERATOR, now=now
        )
    except PaymentDisputed:
        assert get_payment(booking, payment_of(refund.refund_id)).at_risk.minor
        return booking
    except RefundUnderWay:
        others = get_payment(booking, payment_of(refund.refund_id)).refunds
        assert any(refunding.is_under_way(each) for each in others if each != refund)
        return booking


_REFUND_STEPS: Mapping[RefundStatus, tuple[Callable[[Draw, Booking, Refund, datetime], Booking], ...]] = {
    "owed": (_claimed, _claimed, _postponed, _refused),
    "requested": (_accepted, _put_back, _looked_up, _refunded, _refused),
    "processing": (_looked_up, _refunded, _refused),
    "attention": (_posted_again, _refunded),
}


def _mailed(draw: Draw, booking: Booking, now: datetime) -> Booking:
    """Every e-mail that is owed is claimed, and each comes to some end or is deferred."""
    for entry in booking.letters:
        if entry.status == "owed" and (entry.lease is None or not entry.lease.is_held(now)):
            status: EntryStatus = draw(st.sampled_from(("owed", "sent", "superseded", "limited", "failed")))
            claimed = outbox.claim(entry, owner="worker", now=now)
            done = replace(claimed, status=status, lease=None, tries=entry.tries + 1)
            booking = change_entry(booking, claimed if status == "owed" else done, now=now)
    return booking
