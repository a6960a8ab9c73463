"""`check_booking`: the invariants of a single booking, which hold after every change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, get_args

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import (
    BOOKING_TRANSITIONS,
    DISPUTE_TRANSITIONS,
    HOLDING_STATUSES,
    OPEN,
    PAYMENT_TRANSITIONS,
    REFUND_TRANSITIONS,
    Booking,
    Cause,
)
from chalicelib.domain.finance.ledger import line_of, money_moved
from chalicelib.domain.lifecycle import due_at

EMAIL_TRANSITIONS = {
    "owed": {"sent", "superseded", "limited", "failed", "bounced", "complained", "acknowledged"},
    "sent": {"bounced", "complained", "owed"},
    "failed": {"acknowledged", "superseded", "owed"},
    "bounced": {"complained", "acknowledged", "superseded", "owed"},
    "complained": {"acknowledged", "superseded", "owed"},
    "superseded": {"owed"},
    "limited": {"owed"},
    "acknowledged": {"owed", "bounced", "complained"},
}


def statuses_from_history(booking: Booking) -> dict[str, str]:
    """Fold the history into the statuses of the booking (key "") and of its payments, refunds and e-mails."""
    statuses: dict[str, str] = {}
    for event in booking.history:
        if event.kind.startswith(("email_", "line_")):
            # That an entry of the outbox is owed is part of the change that earned it.
            statuses.setdefault(event.subject, "owed")
        assert statuses.get(event.subject) == event.before, event
        if event.before != event.after:
            assert event.after in _transitions_of(event.subject, event.before), event
        statuses[event.subject] = event.after
    return statuses


def statuses_of(booking: Booking) -> dict[str, str]:
    """Return the same statuses as the booking's own fields have them."""
    found: dict[str, str] = {"": booking.status}
    found |= {payment.tx_ref: payment.status for payment in booking.payments}
    found |= {refund.refund_id: refund.status for refund in booking.refunds}
    found |= {dispute.dispute_id: dispute.status for dispute in booking.disputes}
    found |= {email.entry_id: email.status for email in booking.outbox if email.status != "owed" or email.resends}
    return found


def check_booking(booking: Booking, *, one_clock: bool = True, booked: bool = True) -> None:
    """Raise AssertionError where an invariant is broken.

    Without ``one_clock`` events need not be in order of time: two processes may read the time in one order and save in
    the other. Without ``booked`` it was stored before there was a ledger.
    """
    assert statuses_from_history(booking) == statuses_of(booking)
    _check_payments(booking)
    accepted = [payment for payment in booking.payments if payment.accepted]
    assert booking.current_payment == (accepted or booking.payments[-1:])[0]
    # A hold that was not ended for want of an answer is ended, or paid, or was given up.
    assert booking.expiry_retry_at is None or booking.status in ("pending_payment", "cancelled")
    _check_money(booking)
    _check_due_work(booking)
    if booked:
        _check_lines(booking)
    assert booking.holds_nights is (booking.status in HOLDING_STATUSES)
    assert booking.held_nights == (nights_kept(booking) if booking.holds_nights else ())
    _check_end(booking)
    check_four_eyes(booking)
    for event in booking.history:
        assert isinstance(event.at, datetime), event
        assert event.cause in get_args(Cause), event
        assert isinstance(event.detail, str), event
    instants = [event.at for event in booking.history]
    assert not one_clock or instants == sorted(instants)


def nights_kept(booking: Booking) -> tuple[date, ...]:
    """Return the nights of a stay, up to its end where it ended early."""
    end = booking.ended
    return tuple(day for day in booking.stay.dates if end is None or day < end.free_from)


def _check_end(booking: Booking) -> None:
    """A stay ends once, while it lasts, and its guest is told once."""
    told = [entry for entry in booking.outbox if entry.kind == "stay_ended"]
    recorded = [event for event in booking.history if event.kind == "stay_ended"]
    if booking.ended is None:
        assert not told
        assert not recorded
        return
    assert booking.status == "confirmed"
    assert len(told) == len(recorded) == 1
    assert recorded[0].at == booking.ended.at >= booking.check_in_at
    assert booking.stay.check_in <= booking.ended.free_from <= booking.stay.check_out
    assert (booking.ended.last_night is None) is (booking.ended.as_ == "no_show")
    if booking.ended.refund:
        refund = booking.refund(told[0].about)
        assert refund is not None
        assert (refund.amount.minor, refund.reason) == (booking.ended.refund, booking.ended.as_)


def _check_payments(booking: Booking) -> None:
    assert [payment.tx_ref for payment in booking.payments] == [
        f"{booking.booking_id}-{n + 1}" for n in range(len(booking.payments))
    ]
    # Only the last attempt of a booking that waits for money can be paid on.
    still_open = [payment.tx_ref for payment in booking.payments if payment.status in OPEN]
    assert still_open in ([], [booking.payments[-1].tx_ref])
    assert not still_open or booking.status == "pending_payment"
    for payment in booking.payments:
        if payment.status in ("completed", "review"):
            assert payment.problem is None


def _check_money(booking: Booking) -> None:
    accepted = [payment for payment in booking.payments if payment.accepted]
    was_confirmed = any(event.subject == "" and event.after == "confirmed" for event in booking.history)
    assert len(accepted) == was_confirmed
    for payment in booking.payments:
        assert payment.status == "completed" or not (payment.accepted or payment.refunds)
        if payment.status != "completed":
            continue
        assert payment.facts.received is not None
        if not any(event.subject == payment.tx_ref and event.after == "review" for event in booking.history):
            # Nobody but the gateway said so, and in all four points.
            assert payment.facts.received == payment.amount
            assert payment.facts.mode == payment.expected_mode
        back = payment.refunded_or_owed
        assert back <= payment.facts.received
        # Money is for a confirmed booking, or it goes back.
        assert payment.accepted or payment.facts.received <= back + payment.lost
        assert payment.at_risk <= payment.facts.received
        assert payment.lost <= payment.facts.received
        numbers = [refund.refund_id for refund in payment.refunds]
        assert numbers == [f"{payment.tx_ref}-R{n + 1}" for n in range(len(numbers))]
        assert all(refund.amount.minor > 0 for refund in payment.refunds)


def _check_lines(booking: Booking) -> None:
    """The lines that were promised add up to what the booking says of its money, whenever they are written."""
    summed: dict[str, int] = {}
    entries = [entry for entry in booking.outbox if entry.is_line]
    for entry in entries:
        line = line_of(booking, entry, time_zone="Africa/Addis_Ababa")
        summed[line.gross.currency] = summed.get(line.gross.currency, 0) + line.gross.minor
    assert summed == money_moved(booking)
    assert len({(entry.kind, entry.about) for entry in entries}) == len(entries)


def _check_due_work(booking: Booking) -> None:
    """Whatever is still to be done has a due time; what no program can do is in attention."""
    due = due_at(booking)
    # An entry that is done has no owner.
    assert all(entry.status == "owed" or entry.lease is None for entry in booking.outbox)
    due_times = [email.due_at for email in booking.outbox if email.status == "owed"]
    due_times += [
        payment.schedule.next_verify_at for payment in booking.payments if payment.schedule.next_verify_at is not None
    ]
    for refund in booking.refunds:
        assert (refund.due_at is None) is (refund.status in ("refunded", "attention"))
        if refund.due_at is not None:
            due_times.append(refund.due_at)
    for dispute in booking.disputes:
        assert dispute.look_up_at is None or dispute.is_undecided
        if dispute.look_up_at is not None:
            due_times.append(dispute.look_up_at)
    due_times += [proposal.expires_at for proposal in booking.proposals if proposal.status == "open"]
    if booking.status == "pending_payment":
        due_times.append(booking.expiry_retry_at or booking.hold_expires_at)
    assert due == min(due_times, default=None)
    stuck = (
        any(payment.status == "review" or payment.has_open_reversal for payment in booking.payments)
        or any(refund.status == "attention" for refund in booking.refunds)
        or any(email.needs_a_person for email in booking.outbox)
        or any(proposal.status == "open" for proposal in booking.proposals)
        or any(dispute.is_undecided for dispute in booking.disputes)
    )
    assert (attention(booking) is not None) is stuck


def check_four_eyes(booking: Booking) -> None:
    """One person proposed, and another one decided: of each proposal the history tells both."""
    for proposal in booking.proposals:
        told = [event for event in booking.history if event.detail.startswith(f"{proposal.proposal_id},")]
        kinds = {"open": [], "approved": ["proposal_approved"], "rejected": ["proposal_rejected"]}
        assert [event.kind for event in told] == ["proposed", *kinds.get(proposal.status, ["proposal_expired"])]
        assert told[0].by == proposal.by
        if proposal.decided_by is not None:
            assert told[1].by == proposal.decided_by != proposal.by


def check_second_person(booking: Booking) -> None:
    """Nobody alone posts a refund again, or says that it was paid otherwise. Raise AssertionError where one did."""
    for number, event in enumerate(booking.history):
        if event.kind in ("refund_post_again", "refund_paid_otherwise"):
            later = booking.history[number:]
            approval = next((each for each in later if each.kind == "proposal_approved"), None)
            assert approval is not None, event
            assert (approval.at, approval.subject) == (event.at, event.subject)
            assert approval.by != event.by


def _transitions_of(subject: str, before: str | None) -> frozenset[str] | set[str]:
    tables: Mapping[str, Mapping[Any, Any]] = {
        "booking": BOOKING_TRANSITIONS,
        "payment": PAYMENT_TRANSITIONS,
        "refund": REFUND_TRANSITIONS,
        "dispute": DISPUTE_TRANSITIONS,
        "email": EMAIL_TRANSITIONS,
    }
    first = {"booking": "pending_payment", "payment": "created", "refund": "owed", "email": "owed"}
    first["dispute"] = "needs_response"
    child = "refund" if "-R" in subject else "dispute" if "-D" in subject else "payment"
    kind = "booking" if not subject else "email" if subject.isdigit() else child
    return {first[kind]} if before is None else tables[kind].get(before, set())
