"""What must be true when everything rests: all money accounted for, nothing owed, nothing forgotten."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking, Payment
from chalicelib.domain.finance.ledger import money_moved
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.timing import OUTAGE_GRACE
from chalicelib.services.book import account_of
from tests.simulation.coverage import covered
from tests.simulation.gateway import Charge
from tests.simulation.scheduler import HOUR, Violation
from tests.simulation.world import World


def check_end(world: World) -> None:
    """Raises Violation."""
    for listing in world.tables.listings.values():
        ratings = [each.rating for (of, _), each in world.tables.reviews.items() if of == listing.listing_id]
        if (listing.rating_sum, listing.rating_count) != (sum(ratings), len(ratings)):
            raise Violation("the average does not count every review once", listing.listing_id)
    for listing_id in world.listing_ids:
        world.monitor.nights_add_up(listing_id)
    for row in world.tables.rows.values():
        booking = row.booking
        if row.due is not None:
            raise Violation(
                "something does not come to rest", f"{booking.booking_id} is due {row.due}, {due_at(booking)}"
            )
        if booking.status == "pending_payment":
            raise Violation("a hold never ended", booking.booking_id)
        if row.attention != "unreadable" and (row.attention is None) != (attention(booking) is None):
            raise Violation("the attention list is wrong", f"{booking.booking_id} {row.attention}")
        covered("ending", booking.status)
        _emails(world, booking)
        _ledger(world, booking)
        _refunds(world, booking)
    for charge in world.gateway.charges.values():
        if charge.received is not None:
            _money(world, charge)
    _accounts(world)


def _accounts(world: World) -> None:
    """Every guest may hold three more bookings, and no hold counts for longer than it can last."""
    for guest, account in world.tables.accounts.items():
        for hold in account.holds:
            if hold.frees_at > world.scheduler.now + OUTAGE_GRACE + timedelta(minutes=world.settings.hold_minutes):
                raise Violation("a hold counts for ever", f"{guest} {hold.booking_id}")
        if account_of(world.ports, guest, world.scheduler.now)[0].holds:
            raise Violation("a hold counts though no booking is unpaid", guest)


def _emails(world: World, booking: Booking) -> None:
    for email in booking.outbox:
        if email.is_line:
            if email.status != "sent":
                raise Violation("a line of the ledger is still owed", f"{booking.booking_id} {email}")
            continue
        sent = world.mailer.sent[booking.booking_id, email.entry_id]
        covered("ending", f"e-mail {email.status}{' more than once' if sent > 1 else ''}")
        if email.status == "owed":
            raise Violation("an e-mail is still owed", f"{booking.booking_id} {email}")
        if email.status == "limited" and sent and not (world.faults.injected or world.resets):
            raise Violation("an e-mail was sent, and is called limited", f"{booking.booking_id} {email}")
        if email.status == "sent" and not sent:
            raise Violation("an e-mail was marked, and never sent", f"{booking.booking_id} {email}")
        went_wrong = world.faults.injected or world.resets or booking.booking_id in world.queue.repeated
        if sent > 1 and not went_wrong:
            raise Violation("an e-mail was sent twice though nothing went wrong", f"{booking.booking_id} {email}")


def _ledger(world: World, booking: Booking) -> None:
    """Adding up the lines of a booking gives what the booking says."""
    lines = [line for line in world.tables.lines.values() if line.booking_id == booking.booking_id]
    summed: dict[str, int] = {}
    for line in lines:
        summed[line.gross.currency] = summed.get(line.gross.currency, 0) + line.gross.minor
    if summed != money_moved(booking):
        raise Violation("the ledger does not add up to the booking", f"{booking.booking_id} {summed}")
    promised = {f"{entry.about}.{entry.kind}" for entry in booking.outbox if entry.is_line}
    if {line.line_id for line in lines} != promised:
        raise Violation("a line is missing, or nobody promised it", f"{booking.booking_id} {promised}")


def _refunds(world: World, booking: Booking) -> None:
    """What we call refunded went back, and what went back we do not call anything else."""
    for payment in booking.payments:
        charge = world.gateway.charges.get(payment.tx_ref)
        for refund in payment.refunds:
            covered("ending", f"refund {refund.status}")
            if refund.status not in ("refunded", "attention"):
                raise Violation("a refund does not come to an end", f"{refund.refund_id} {refund.status}")
            if (
                refund.status == "attention"
                or refund.refund_id in world.monitor.confirmed_by_operator
                or charge is None
            ):
                continue
            there = next((each for each in charge.refunds if each.refund_id == refund.refund_id), None)
            if not charge.reversal and (there is None or there.status != "refunded") and not world.resets:
                raise Violation("called refunded, and it is not", f"{refund.refund_id} {there}")
        if charge is not None and charge.received is not None and charge.went_back > charge.received.minor:
            raise Violation("more went back than came", payment.tx_ref)


def _money(world: World, charge: Charge) -> None:
    """Every birr received is confirmed, refunded, owed or in attention."""
    booking = next((row.booking for row in world.tables.rows.values() if row.booking.payment(charge.tx_ref)), None)
    payment = booking.payment(charge.tx_ref) if booking else None
    if booking is None or payment is None:
        _orphan(world, charge)
        return
    if payment.reversal_acknowledged:
        covered("ending", "money that a person has dealt with")
    elif payment.status == "review" or payment.reversal:
        covered("ending", "money in attention")
        if world.tables.rows[booking.booking_id].attention is None:
            raise Violation("money in doubt, and nobody is asked", charge.tx_ref)
    elif payment.status == "completed":
        covered("ending", "money " + _where(booking, payment))
    elif charge.paid_at <= charge.opened + 70 * HOUR:
        raise Violation("money is forgotten", f"{charge.tx_ref} is {payment.status}, {booking.status}; {charge}")


def _where(booking: Booking, payment: Payment) -> str:
    assert payment.facts.received is not None
    back = payment.refunded_or_owed.minor
    if payment.accepted and booking.status == "confirmed":
        return "for a confirmed booking" if not back else "for a confirmed booking, some back"
    if back == payment.facts.received.minor:
        return "all back"
    if payment.accepted and booking.status == "cancelled":
        return "kept by the policy" if not back else "back by the policy"
    raise Violation("money is for nothing", f"{payment.tx_ref} {booking.status}")


def _orphan(world: World, charge: Charge) -> None:
    describe_row = world.acknowledged.get(charge.tx_ref, -1)
    since = world.resets[-1] if world.resets else 0
    dropped = [task.tx_ref for _, task in world.queue.lost + world.queue.dead]
    if charge.tx_ref in world.tables.acknowledged:
        covered("ending", "money orphaned, and a person has dealt with it")
    elif charge.tx_ref in world.tables.orphans:
        covered("ending", "money orphaned, in attention")
    elif (
        charge.status == "paid"
        and describe_row >= since
        and charge.tx_ref not in dropped
        and charge.paid_at <= describe_row
    ):
        raise Violation("orphaned money is forgotten", charge.tx_ref)
    else:
        covered("ending", "money of an earlier life")
