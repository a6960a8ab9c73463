"""Send what a booking owes: claim all of it, ask whether each is still true, send, mark. At least once each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from chalicelib.domain import outbox
from chalicelib.domain.booking import WAITING, Booking, Email
from chalicelib.domain.ids import BookingId
from chalicelib.domain.outbox import retry_after, still_true
from chalicelib.domain.timing import OUTBOX_LEASE
from chalicelib.services.ports import MailBusy, MailRefused, Ports
from chalicelib.services.updating import save_decision


def send_emails(ports: Ports, booking_id: BookingId) -> int:
    """Send the e-mails that this booking owes and nobody else is sending; answers how many went out. Raises Busy."""
    booking = ports.bookings.load(booking_id)
    if booking is None:
        return 0
    by = ports.chance.token()
    left: tuple[Email, ...] = ()

    def claim(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        nonlocal left
        left = tuple(email for email in current.emails if email.was_left(ports.clock.now()))
        return _claim(current, ports, by)

    booking = save_decision(ports, booking, claim)
    count_left(ports, booking_id, left)
    claimed = [email for email in booking.emails if email.claimed_by == by]
    if not claimed:
        return 0
    outcomes = {email.email_id: _deliver(ports, booking, email) for email in claimed}

    def mark(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        for email in current.emails:
            outcome = outcomes.get(email.email_id)
            if outcome is None or email.status != "owed":
                continue
            if email.claimed_by == by:
                current = outbox.replace_email(current, outcome, now=ports.clock.now())
            elif outcome.status == "sent":
                # The lease was over before this mark: another worker has it, and will have sent it too.
                ports.observe("email_sent_twice", level="warning", booking_id=booking_id)
        return current

    save_decision(ports, booking, mark)
    return sum(outcome.status == "sent" for outcome in outcomes.values())


def count_left(ports: Ports, booking_id: BookingId, left: Iterable[Email]) -> None:
    """Letters whose worker died, or was too slow, are sent again: if it had sent them, that makes two."""
    for email in left:
        ports.observe("email_maybe_twice", level="warning", booking_id=booking_id, email_id=email.email_id)


def _claim(booking: Booking, ports: Ports, by: str) -> Booking:
    now = ports.clock.now()
    emails = tuple(
        replace(email, claimed_by=by, due_at=now + OUTBOX_LEASE, tries=email.tries + 1)
        if email.may_be_claimed(now)
        else email
        for email in booking.emails
    )
    return booking if emails == booking.emails else replace(booking, emails=emails)


def _deliver(ports: Ports, booking: Booking, email: Email) -> Email:
    """The e-mail's next state: sent, superseded, refused for good, or owed again after a pause."""
    now = ports.clock.now()
    if not still_true(email, booking, now=now):
        ports.observe("email_superseded", booking_id=booking.booking_id, kind=email.kind)
        return replace(email, status="superseded", claimed_by="")
    try:
        ports.mailer.send(ports.letters.render(email, booking))
    except MailBusy:
        ports.observe("email_put_off", level="warning", booking_id=booking.booking_id, kind=email.kind)
        return _put_off(email, now)
    except MailRefused:
        ports.observe("email_refused", level="error", booking_id=booking.booking_id, kind=email.kind)
        return replace(email, status="failed", claimed_by="")
    except Exception as error:  # noqa: BLE001 - one letter that cannot be written must not keep back the others
        ports.observe("email_broken", level="error", kind=email.kind, reason=type(error).__name__)
        return _put_off(email, now)
    ports.observe("email_sent", booking_id=booking.booking_id, kind=email.kind)
    return replace(email, status="sent", claimed_by="")


def _put_off(email: Email, now: datetime) -> Email:
    """Owed again after a pause. It stays claimed until then: a letter that only waits is handed over at once."""
    return replace(email, claimed_by=WAITING, due_at=now + retry_after(email.tries))
