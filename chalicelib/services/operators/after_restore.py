"""After a restore: ask the gateways for all that happened in the lost window, and put before a person what was lost.

What the gateways list and no booking of ours has becomes an orphan, with what the gateway knows of the payer. Every
booking made in the window, or not long before it, is verified again: money that went back meanwhile is found so.
Whoever was erased in the window is back, and is erased again: by the records of erasures, which a restore leaves as
they are, or by a list that was kept elsewhere. Contacts expire again by themselves, for how far they had expired went
back with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from chalicelib.domain.booking import Actor, Booking, Payment
from chalicelib.domain.errors import Busy, FieldError, GatewayError, InvalidRequest
from chalicelib.domain.finance.settlement import StatementRow, amount_of
from chalicelib.domain.ids import BookingId, booking_of
from chalicelib.domain.listings.calendar import dates_between
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RESTORE_LOOKS_BACK, RESTORE_MARGIN
from chalicelib.domain.verification import Verification
from chalicelib.domain.words.search_terms import payer_key
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.operators.erasing import erase_again
from chalicelib.services.ports.gateways import Gateway
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.reconcile import reconcile
from chalicelib.services.search_keys import reference_key, search_secret

PAGE = 100
MOST_PAGES = 1000
"""Of a gateway's list: a hundred thousand payments."""
MONEY = ("paid", "refunded", "reversed")

Outcome = Literal["orphan", "verified", "changed", "unanswered", "incomplete", "erased", "left", "expiry"]
"""What became of a line: an `orphan` for a person; a payment that was `verified` and is as it was, or has `changed`;
one that the gateway did not answer for (`unanswered`); a list that was not read to its end (`incomplete`); a person who
was `erased` again, or of whom something that is under way was `left`; or how far contacts have expired (`expiry`)."""


class Recovered(Record, frozen=True):
    """One thing that was looked at. ``subject`` is a payment's reference, ours or the gateway's, a gateway, or an
    erasure.
    """

    outcome: Outcome
    subject: str
    booking_id: str = ""
    detail: str = ""


def after_restore(
    ports: Ports,
    principal: Principal | None,
    start: datetime,
    end: datetime,
    *,
    recorded: Iterable[Erasure] = (),
    dry_run: bool,
) -> Iterator[Recovered]:
    """Look for what the tables forgot of the time from ``start`` to ``end``. ``dry_run``: only say what would be done.

    ``recorded`` are erasures that were kept outside the tables. It may be repeated, and cut off: an orphan is made
    once, and to verify or to erase twice does no harm. Raises Forbidden, InvalidRequest.
    """
    actor = actor_of(with_role(principal, "operator"), "operator")
    if end <= start:
        raise InvalidRequest("The window does not fit.", errors=(FieldError("to", "must be after from"),))
    for gateway in ports.gateways.all():
        yield from _listed(ports, gateway, start, end, dry_run=dry_run)
    for booking in _made(ports, start, end):
        for payment in booking.payments:
            yield _verified(ports, booking, payment, actor=actor, dry_run=dry_run)
    # Last: what a payment's verification has ended is not in the way of an erasure any more.
    found = {each.erasure_id: each for each in recorded if each.begun_at >= start - RESTORE_MARGIN}
    found |= {each.erasure_id: each for each in erasures_between(ports, principal, start - RESTORE_MARGIN, end)}
    for erasure in found.values():
        yield _erased(ports, erasure, dry_run=dry_run)
    if (expiry := ports.erasures.expiry()) is not None:
        yield Recovered("expiry", "contacts", detail=f"expired up to {expiry.done_until}; the clock carries on there")


def erasures_between(ports: Ports, principal: Principal | None, start: datetime, end: datetime) -> Iterator[Erasure]:
    """The erasures that operators asked for in this time, as the trail has them by its days (UTC). Raises Forbidden."""
    with_role(principal, "operator", "accounts")
    seen: set[str] = set()
    for day in dates_between(start.astimezone(UTC).date(), end.astimezone(UTC).date() + timedelta(days=1)):
        after: str | None = None
        while True:
            page = ports.ledger.accesses(day, limit=PAGE, after=after)
            for act in page.items:
                if act.act == "erase" and act.subject not in seen and start <= act.at <= end:
                    seen.add(act.subject)
                    if (erasure := ports.erasures.load(act.subject)) is not None:
                        yield erasure
            after = page.next_cursor
            if after is None:
                break


def _erased(ports: Ports, erasure: Erasure, *, dry_run: bool) -> Recovered:
    if dry_run:
        return Recovered("erased", erasure.erasure_id, detail=f"would be erased again, by {erasure.part}")
    done = erase_again(ports, erasure)
    told = f"{done.erased} bookings are erased again" + ("" if done.finished_at else "; the rest follows")
    if not done.left:
        return Recovered("erased", erasure.erasure_id, detail=told)
    matters = ", ".join(f"{each.kind} {each.subject}" for each in done.left)
    return Recovered("left", erasure.erasure_id, detail=f"{told}; under way: {matters}")


def _listed(ports: Ports, gateway: Gateway, start: datetime, end: datetime, *, dry_run: bool) -> Iterator[Recovered]:
    """What a gateway took in the window and no booking of ours has."""
    seen: set[str] = set()
    try:
        after = ""
        for _ in range(MOST_PAGES):
            page = gateway.transactions(after)
            if page is None:
                yield Recovered(
                    "incomplete", gateway.name, detail="its API lists nothing: match its statement as a file"
                )
                return
            for row in page.rows:
                if row.reference in seen or row.status not in MONEY or not _within(row, start, end):
                    continue
                seen.add(row.reference)
                if not _is_known(ports, row):
                    yield _orphan(ports, gateway, row, dry_run=dry_run)
            older = [row for row in page.rows if row.at is not None and row.at < start]
            if not page.more or (page.rows and len(older) == len(page.rows)):
                return
            after = page.cursor
        yield Recovered("incomplete", gateway.name, detail="its list is longer than can be read")
    except GatewayError as error:
        yield Recovered("incomplete", gateway.name, detail=error.detail)


def _within(row: StatementRow, start: datetime, end: datetime) -> bool:
    """A line without a time is looked at: too much is asked rather than too little."""
    return row.at is None or start <= row.at <= end


def _is_known(ports: Ports, row: StatementRow) -> bool:
    """Some payment of ours is this one, whatever its status: then verifying its booking finds what changed."""
    if booking_id := booking_of(row.tx_ref):
        booking = ports.bookings.load(booking_id)
        return booking is not None and booking.payment(row.tx_ref) is not None
    for line in ports.ledger.of_reference(reference_key(ports, row.reference)):
        booking = ports.bookings.load(line.booking_id)
        if booking is not None and booking.payment(line.tx_ref) is not None:
            return True
    return False


def _orphan(ports: Ports, gateway: Gateway, row: StatementRow, *, dry_run: bool) -> Recovered:
    name = row.tx_ref if booking_of(row.tx_ref) else row.reference
    told = f"{gateway.name}: {row.status} {row.currency} {row.amount}"
    if not dry_run:
        verification = Verification(
            row.status,
            tx_ref=row.tx_ref or None,
            amount=amount_of(row.amount, row.currency),
            reported=told,
            mode=gateway.mode,
            provider_reference=row.reference,
            paid_at=row.at,
            payer=row.payer,
        )
        key = payer_key(row.payer, search_secret(ports)) if row.payer else ""
        ports.bookings.orphan(name, verification, ports.clock.now(), payer_key=key)
    return Recovered("orphan", name, detail=f"{told}, from {row.payer}" if row.payer else told)


def _made(ports: Ports, start: datetime, end: datetime) -> Iterator[Booking]:
    """The bookings made in the window, and those that may have moved in it: made RESTORE_LOOKS_BACK before."""
    after: str | None = None
    while True:
        page = ports.bookings.made_between(start - RESTORE_LOOKS_BACK, end, limit=PAGE, after=after)
        yield from read_bookings(ports, page.items)
        after = page.next_cursor
        if after is None:
            return


def _verified(ports: Ports, booking: Booking, payment: Payment, *, actor: Actor, dry_run: bool) -> Recovered:
    if dry_run:
        return Recovered("verified", payment.tx_ref, booking.booking_id, "would be asked about")
    try:
        done = reconcile(ports, BookingId(booking.booking_id), tx_ref=payment.tx_ref, actor=actor, worker=True)
    except (GatewayError, Busy) as silent:
        return Recovered("unanswered", payment.tx_ref, booking.booking_id, silent.detail)
    if done is None or done.error is not None:
        return Recovered(
            "unanswered", payment.tx_ref, booking.booking_id, done.error.detail if done and done.error else ""
        )
    after = done.booking.payment(payment.tx_ref) or payment
    was, now = _state(booking, payment), _state(done.booking, after)
    if was == now:
        return Recovered("verified", payment.tx_ref, booking.booking_id, now)
    return Recovered("changed", payment.tx_ref, booking.booking_id, f"{was} → {now}")


def _state(booking: Booking, payment: Payment) -> str:
    gone = f", {payment.reversal} at the gateway" if payment.reversal else ""
    back = "".join(f", {refund.refund_id} {refund.status}" for refund in payment.refunds)
    return f"booking {booking.status}, payment {payment.status}{gone}{back}"
