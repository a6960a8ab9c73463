"""What operators see and resolve: what needs a person, a day's bookings and payments, and the money of a period."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from chalicelib.domain.attention import PAYMENT_REVERSED, AttentionKind
from chalicelib.domain.booking import Actor, Booking, BookingStatus, Payment, PaymentStatus
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.finance.ledger import TotalRow
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.money import Money
from chalicelib.domain.operators.closing import listing_of_task
from chalicelib.domain.people.erasure import erasure_of_task
from chalicelib.domain.people.expiry import TASK
from chalicelib.domain.proposal import Proposal, ResolvePaymentAct
from chalicelib.domain.record import Record, replace
from chalicelib.domain.verification import Availability
from chalicelib.domain.verification import resolve_review as decide_review
from chalicelib.domain.watch.invariants import Finding
from chalicelib.services.access import Principal, actor_of, visible_payment, with_role
from chalicelib.services.four_eyes import update_with_four_eyes
from chalicelib.services.operators import ledger
from chalicelib.services.pages import until_some
from chalicelib.services.ports.bookings import AttentionEntry, Orphan
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.updating import Decide, Decision

MOST_DAYS = 31

Action = Literal["resolve", "close", "resend", "approve", "reject", "acknowledge"]
"""A call that takes something off the attention list: `resolve` a payment or a refund, `close` a dispute, `resend` a
letter, `approve` or `reject` what another person proposed, `acknowledge` anything else, and a dispute that was
answered."""

_OWN_CALLS: Mapping[str, tuple[Action, ...]] = {
    "review": ("resolve",),
    "attention": ("resolve",),
    "needs_response": ("close", "acknowledge"),
}
"""The calls that resolve a payment, a refund or a dispute, by its status."""


class AttentionItem(Record, frozen=True):
    """One line of the attention list: what it is about, why, and since when."""

    kind: AttentionKind
    subject: str
    booking_id: str | None
    reason: str
    since: datetime
    actions: tuple[Action, ...] = ("acknowledge",)
    due_at: datetime | None = None
    """By when it must be answered, where that is known; of a proposal, when it expires."""
    amount: Money | None = None
    """The money that it is about."""
    guest: str | None = None
    """The name of its booking's guest, where there is a booking that can be read."""
    version: int | None = None
    """The version of that booking."""

    @property
    def item_id(self) -> str:
        """Its name in the calls that resolve it. An e-mail's own id is only good within its booking."""
        of_booking = (self.booking_id or "",) if self.kind == "email" else ()
        return ".".join((self.kind, *of_booking, self.subject))


def attention(
    ports: Ports, principal: Principal | None, *, kind: AttentionKind | None, limit: int, after: str | None
) -> Page[AttentionItem]:
    """What needs a person, oldest first. Raises Forbidden."""
    with_role(principal, "operator")

    def read(position: str | None) -> Page[AttentionItem]:
        page = ports.bookings.attention_entries(limit=limit, after=position)
        ids = [BookingId(entry.subject) for entry in page.items if is_booking_id(entry.subject)]
        bookings = {booking.booking_id: booking for booking in read_bookings(ports, ids)}
        broken = [entry.subject for entry in page.items if entry.kind == "invariant"]
        found = ports.watch.findings(broken) if broken else {}
        strange = [entry.subject for entry in page.items if entry.kind == "orphan"]
        orphans = ports.bookings.orphans(strange) if strange else {}
        proposed = _proposed_closings(ports, page.items)
        items = [
            _with_booking(item, bookings.get(BookingId(item.booking_id or "")))
            for entry in page.items
            for item in (
                *_items_of(
                    entry,
                    bookings.get(BookingId(entry.subject)),
                    found.get(entry.subject),
                    orphans.get(entry.subject),
                ),
                *(_of_proposal(each, None) for each in proposed.get(entry.subject, ())),
            )
        ]
        return Page(tuple(item for item in items if kind in (None, item.kind)), page.next_cursor)

    return until_some(read, after)


def bookings_by_day(
    ports: Ports,
    principal: Principal | None,
    start: date,
    end: date,
    *,
    status: BookingStatus | None,
    limit: int,
    after: str | None,
) -> Page[Booking]:
    """Bookings made from ``start`` to ``end``, both included, days of the stage's zone.

    Raises Forbidden, InvalidRequest.
    """
    with_role(principal, "operator")
    check_period(start, end)

    def read(position: str | None) -> Page[Booking]:
        found, next_cursor = _made(ports, start, end, limit=limit, after=position)
        return Page(tuple(booking for booking in found if status in (None, booking.status)), next_cursor)

    return until_some(read, after)


def payments_by_day(
    ports: Ports,
    principal: Principal | None,
    start: date,
    end: date,
    *,
    status: PaymentStatus | None,
    limit: int,
    after: str | None,
) -> Page[tuple[Booking, Payment]]:
    """The payments of bookings made from ``start`` to ``end``, both included, days of the stage's zone.

    Raises Forbidden, InvalidRequest.
    """
    with_role(principal, "operator")
    check_period(start, end)

    def read(position: str | None) -> Page[tuple[Booking, Payment]]:
        start_at, shown = json.loads(position) if position else (None, 0)
        bookings, next_cursor = _made(ports, start, end, limit=limit, after=start_at)
        every = [
            (booking, payment)
            for booking in bookings
            for payment in booking.payments
            if status in (None, payment.status)
        ]
        items = tuple(every[shown : shown + limit])
        if shown + limit < len(every):
            return Page(items, json.dumps([start_at, shown + limit]))
        return Page(items, None if next_cursor is None else json.dumps([next_cursor, 0]))

    return until_some(read, after)


def resolve_review(
    ports: Ports,
    principal: Principal | None,
    tx_ref: str,
    *,
    as_: Literal["accept", "refund"],
    note: str,
    request_id: str = "",
) -> tuple[Booking, Payment]:
    """Resolve a payment in review. Raises Forbidden, PaymentNotFound, NotInReview, SecondPersonNeeded, Busy."""
    operator = with_role(principal, "operator")
    booking, payment, _ = visible_payment(ports, operator, tx_ref, roles=("operator", "guest", "host"))
    actor, act = actor_of(operator, "operator"), ResolvePaymentAct(tx_ref, as_, note)
    decide = resolving_review(ports, act, actor=actor)
    saved = update_with_four_eyes(ports, booking, decide, act=act, actor=actor, request_id=request_id).after
    return saved, saved.payment(tx_ref) or payment


def resolving_review(ports: Ports, act: ResolvePaymentAct, *, actor: Actor) -> Decide:
    """Decide what the resolution of a payment in review makes of a booking. The decision raises NotInReview."""

    def decide(current: Booking, availability: Availability) -> Decision:
        now = ports.clock.now()
        return Decision(
            decide_review(
                current, act.tx_ref, as_=act.as_, availability=availability, note=act.note, actor=actor, now=now
            )
        )

    return decide


def report(ports: Ports, principal: Principal | None, start: date, end: date) -> tuple[TotalRow, ...]:
    """The money that moved from ``start`` to ``end``, by day and currency, as the ledger has it.

    Raises Forbidden, InvalidRequest, Busy.
    """
    with_role(principal, "operator")
    check_period(start, end)
    return ledger.totals(ports, principal, start, end, by=frozenset({"day"}))


def check_period(start: date, end: date) -> None:
    """Raises InvalidRequest."""
    wrong = []
    if end < start:
        wrong.append(FieldError("to", "must not be before from"))
    elif (end - start).days >= MOST_DAYS:
        wrong.append(FieldError("to", f"at most {MOST_DAYS} days"))
    if wrong:
        raise InvalidRequest("The period does not fit.", errors=tuple(wrong))


def _of_orphan(entry: AttentionEntry, orphan: Orphan | None) -> AttentionItem:
    """With what finds it in the gateway's dashboard: how much it is, and what the gateway calls it."""
    said = orphan.verification if orphan else None
    amount = said.amount if said else None
    told = (amount.formatted if amount else said.reported, said.provider_reference) if said else ()
    # What a gateway listed after a restore is called by the gateway's own name already.
    known = ", ".join(each for each in told if each and each != entry.subject)
    reason = f"money for a reference that is not ours: {known}" if known else "money for a reference that is not ours"
    return AttentionItem("orphan", entry.subject, None, reason, entry.since, amount=amount)


def _with_booking(item: AttentionItem, booking: Booking | None) -> AttentionItem:
    return replace(item, guest=booking.contact.name, version=booking.version) if booking else item


def _items_of(
    entry: AttentionEntry, booking: Booking | None, finding: Finding | None, orphan: Orphan | None
) -> list[AttentionItem]:
    if entry.kind == "invariant":
        about, says = (finding.about, finding.says) if finding else (entry.subject, "this release cannot read it")
        booking_id = finding.booking_id if finding else None
        return [AttentionItem("invariant", entry.subject, booking_id, f"{about}: {says}", entry.since)]
    if entry.kind == "orphan":
        return [_of_orphan(entry, orphan)]
    if not is_booking_id(entry.subject):
        return _of_work(entry)
    if booking is None:
        reason = "this release cannot read its record"
        return [AttentionItem("unreadable", entry.subject, entry.subject, reason, entry.since, ())]
    found = [item for payment in booking.payments for item in _of_payment(payment, booking, entry)]
    if entry.kind == "failing":
        reason = "working on it has failed for a day"
        about = booking.booking_id
        found.append(AttentionItem("failing", about, about, reason, entry.since, amount=booking.total))
    for letter in booking.outbox:
        if letter.needs_a_person:
            why = letter.why or f"after {letter.tries} tries"
            reason = f"{letter.kind}: {letter.status}, {why}"
            actions: tuple[Action, ...] = ("resend", "acknowledge") if letter.status != "owed" else ("acknowledge",)
            found.append(AttentionItem("email", letter.entry_id, booking.booking_id, reason, entry.since, actions))
    return found + [_of_proposal(proposal, booking) for proposal in booking.proposals if proposal.status == "open"]


def _of_work(entry: AttentionEntry) -> list[AttentionItem]:
    """Work that goes on batch by batch, and has failed for a day; what was only proposed has an item of its own."""
    if entry.kind == "proposal":
        return []
    about = listing_of_task(entry.subject) or entry.subject
    reason = "closing this listing has failed for a day"
    if entry.subject == TASK:
        reason = "the expiry of contacts has failed for a day"
    elif erasure_of_task(entry.subject) is not None:
        reason = "erasing a person has failed for a day"
    return [AttentionItem("failing", about, None, reason, entry.since, ())]


def _proposed_closings(ports: Ports, entries: Sequence[AttentionEntry]) -> Mapping[str, Sequence[Proposal]]:
    """The open proposals to close listings, by the names of their entries."""
    found: dict[str, Sequence[Proposal]] = {}
    for entry in entries:
        listing_id = listing_of_task(entry.subject) if entry.kind == "proposal" else None
        known = ports.closings.load(listing_id) if listing_id else None
        if known is not None and known.waiting is not None:
            found[entry.subject] = (known.waiting,)
    return found


def _of_proposal(proposal: Proposal, booking: Booking | None) -> AttentionItem:
    reason = f"{proposal.by_name or proposal.by} proposed: {proposal.why}"
    return AttentionItem(
        "proposal",
        proposal.proposal_id,
        booking.booking_id if booking else None,
        reason,
        proposal.at,
        ("approve", "reject"),
        proposal.expires_at,
        proposal.amount,
    )


def _of_payment(payment: Payment, booking: Booking, entry: AttentionEntry) -> Iterator[AttentionItem]:
    if payment.status == "review":
        money = payment.facts.received or payment.amount
        yield replace(_of_event(booking, "payment_review", payment.tx_ref, "review", entry), amount=money)
    if payment.has_open_reversal:
        reason = f"{payment.reversal} at the gateway, not by us"
        money = payment.facts.received or payment.amount
        own = (
            event.at for event in booking.history if (event.kind, event.subject) == (PAYMENT_REVERSED, payment.tx_ref)
        )
        since = next(own, entry.since)
        yield AttentionItem("payment_reversed", payment.tx_ref, booking.booking_id, reason, since, amount=money)
    for dispute in payment.disputes:
        if dispute.needs_a_person:
            reason = f"{dispute.amount.formatted} claimed back: {dispute.reason}".removesuffix(": ")
            since, actions = dispute.updated_at, _OWN_CALLS[dispute.status]
            yield AttentionItem(
                "dispute",
                dispute.dispute_id,
                booking.booking_id,
                reason,
                since,
                actions,
                dispute.due_at,
                dispute.amount,
            )
    for refund in payment.refunds:
        if refund.status == "attention":
            item = _of_event(booking, "refund", refund.refund_id, refund.status, entry)
            yield replace(item, amount=refund.amount)


def _of_event(booking: Booking, kind: AttentionKind, subject: str, status: str, entry: AttentionEntry) -> AttentionItem:
    """The reason and the time are those of the change that asked for a person."""
    actions = _OWN_CALLS.get(status, ())
    for event in reversed(booking.history):
        if event.subject == subject and event.after == status and event.before != status:
            return AttentionItem(kind, subject, booking.booking_id, event.detail or status, event.at, actions)
    return AttentionItem(kind, subject, booking.booking_id, status, entry.since, actions)


def _made(
    ports: Ports, start: date, end: date, *, limit: int, after: str | None
) -> tuple[tuple[Booking, ...], str | None]:
    """A page of the bookings that were made on these days, as the stage's time zone has them."""
    begins, ends = (instant_of(day, "00:00", ports.rules.time_zone) for day in (start, end + timedelta(days=1)))
    page = ports.bookings.made_between(begins, ends, limit=limit, after=after)
    return read_bookings(ports, page.items), page.next_cursor
