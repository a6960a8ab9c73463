"""Deliver what a booking promised: ask whether each entry of its outbox is still true, send it or write it into the
ledger, and mark all in one save.

At least once each. A first delivery needs no claim of its own: the message names its entries, and the queue hides it
meanwhile. A message that comes again, or an entry that is nearly due, is claimed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from chalicelib.domain import outbox
from chalicelib.domain.booking import Booking, OutboxEntry
from chalicelib.domain.errors import Busy
from chalicelib.domain.finance.ledger import line_of, totals_begin
from chalicelib.domain.host import Notify, notify_of
from chalicelib.domain.ids import BookingId, mailbox_id
from chalicelib.domain.outbox import still_true
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import LEDGER_LATE_MARGIN, LETTERS_COUNTED, OUTBOX_CLAIM_BEFORE
from chalicelib.domain.verification import Availability
from chalicelib.services.ports.mail import Letter, MailBusy, MailRefused
from chalicelib.services.ports.outcomes import Fault, StoreBusy
from chalicelib.services.ports.stage import Ports
from chalicelib.services.reconcile import maybe_twice
from chalicelib.services.search_keys import reference_key
from chalicelib.services.updating import Decision, Observation, update


def deliver(ports: Ports, booking_id: BookingId, entries: tuple[str, ...] = (), *, first_delivery: bool = False) -> int:
    """Deliver these entries of a booking (all that it owes, where none are named); answers how many letters went out.

    ``first_delivery``: the queue hands this message out for the first time. Raises Busy.
    """
    booking = ports.bookings.load(booking_id)
    if booking is None:
        return 0
    now = ports.clock.now()
    ready = _deliverable(booking, entries, now=now)
    if not ready:
        return 0
    if not first_delivery or any(entry.due_at - now < OUTBOX_CLAIM_BEFORE for entry in ready):
        booking, ready = _claim(ports, booking, tuple(entry.entry_id for entry in ready), again=not first_delivery)
    recipients = _recipients(ports, booking, ready)
    outcomes = {entry.entry_id: _deliver(ports, booking, entry, recipients) for entry in ready}
    before = {entry.entry_id: entry for entry in ready}

    def mark(current: Booking, _: Availability) -> Decision:
        ours: dict[str, OutboxEntry] = {}
        doubts: list[Observation] = []
        for entry_id, outcome in outcomes.items():
            known = current.entry(entry_id)
            if known == before[entry_id]:
                ours[entry_id] = outcome
            elif _went_out(outcome):
                doubts += _doubts(known, before[entry_id], outcome, booking_id)
        return Decision(outbox.with_entries(current, ours, now=ports.clock.now()), tuple(doubts))

    update(ports, booking, mark)
    return sum(map(_went_out, outcomes.values()))


class _Recipients(Record, frozen=True):
    """How the host is reached today, and what is known of the addresses that the letters probably go to."""

    host: Notify
    suppressions: Mapping[str, Suppression | None]


def _recipients(ports: Ports, booking: Booking, entries: tuple[OutboxEntry, ...]) -> _Recipients:
    """The host and the addresses in one read: most hosts have the address that they had when they published."""
    then = notify_of(None, booking.place)
    addresses = {outbox.address_of(entry, booking, then) for entry in entries if not entry.is_line} - {""}
    view = ports.suppressions.view_for_letters(booking.place.host_id, addresses)
    return _Recipients(notify_of(view.host, booking.place), view.suppressions)


def _went_out(outcome: OutboxEntry) -> bool:
    """A letter was sent. A line of the ledger stands there once, whoever wrote it."""
    return outcome.status == "sent" and not outcome.is_line


def _doubts(
    known: OutboxEntry | None, before: OutboxEntry, sent: OutboxEntry, booking_id: BookingId
) -> list[Observation]:
    """Whether an entry that somebody else marked meanwhile was sent more than once."""
    named = {"booking_id": booking_id, "entry_id": sent.entry_id}
    if known is not None and known.status in ("bounced", "complained"):
        # The mail service was faster with its report of this very letter.
        return []
    if known != sent:
        # Another worker had it as well, and will have sent it, too.
        return [Observation("email_sent_twice", "warning", named)]
    if before.lease is None:
        # Another worker marked it, or our own mark went through and its answer was lost.
        return [Observation("email_maybe_twice", "warning", named)]
    return []


def _deliverable(booking: Booking, entries: tuple[str, ...], *, now: datetime) -> tuple[OutboxEntry, ...]:
    """The entries that are owed and in nobody's hands: those that are named, else all that do not wait for a retry."""
    return tuple(
        entry
        for entry in booking.outbox
        if entry.status == "owed"
        and (entry.entry_id in entries if entries else not entry.tries or entry.due_at <= now)
        and (entry.lease is None or not entry.lease.is_held(now))
    )


def _claim(
    ports: Ports, booking: Booking, entries: tuple[str, ...], *, again: bool
) -> tuple[Booking, tuple[OutboxEntry, ...]]:
    """Lease these entries, those that others did not take. ``again``: an earlier worker may have sent them."""
    owner = ports.chance.token()

    def decide(current: Booking, _: Availability) -> Decision:
        now = ports.clock.now()
        ready = _deliverable(current, entries, now=now)
        claimed = {entry.entry_id: outbox.claim(entry, owner=owner, now=now) for entry in ready}
        left = ready if again else outbox.abandoned(current, now=now)
        return Decision(outbox.with_entries(current, claimed, now=now), maybe_twice(current.booking_id, left))

    saved = update(ports, booking, decide).after
    ours = tuple(entry for entry in saved.outbox if entry.lease is not None and entry.lease.owner == owner)
    return saved, ours


def _deliver(ports: Ports, booking: Booking, entry: OutboxEntry, recipients: _Recipients) -> OutboxEntry:
    """The entry's next state: sent, superseded, over the limit, failed with the reason, or owed again after a pause."""
    now = ports.clock.now()
    if entry.is_line:
        return _write_line(ports, booking, entry, now=now)
    if not still_true(entry, booking, now=now):
        ports.observe("email_superseded", booking_id=booking.booking_id, kind=entry.kind)
        return replace(entry, status="superseded", lease=None)
    about = Letter(booking.booking_id, entry.entry_id, entry.resends)
    try:
        if (kept_back := _kept_back(ports, booking, entry, recipients, now=now)) is not None:
            return kept_back
        ports.mailer.send(replace(ports.letters.render(entry, booking, recipients.host), about=about))
    except (MailBusy, StoreBusy):
        ports.observe("email_put_off", level="warning", booking_id=booking.booking_id, kind=entry.kind)
        return outbox.defer(entry, now=now)
    except MailRefused:
        ports.observe("email_refused", level="error", booking_id=booking.booking_id, kind=entry.kind)
        return outbox.fail(entry, "refused")
    except Exception as error:  # noqa: BLE001 - one letter that cannot be written must not keep back the others
        ports.observe("email_broken", level="error", kind=entry.kind, reason=type(error).__name__)
        return outbox.defer(entry, now=now)
    ports.observe("email_sent", booking_id=booking.booking_id, kind=entry.kind)
    return replace(entry, status="sent", lease=None)


def _kept_back(
    ports: Ports, booking: Booking, entry: OutboxEntry, recipients: _Recipients, *, now: datetime
) -> OutboxEntry | None:
    """What becomes of a letter that nobody can, wants to, or may get; None: it is to be sent."""
    address = outbox.address_of(entry, booking, recipients.host)
    if not address:
        ports.observe("email_without_address", level="error", booking_id=booking.booking_id, kind=entry.kind)
        return outbox.fail(entry, "no_address")
    known = recipients.suppressions
    suppression = known[address] if address in known else ports.suppressions.find(address)
    if suppression is not None and not suppression.is_lifted:
        ports.observe("email_suppressed", level="warning", booking_id=booking.booking_id, kind=entry.kind)
        return outbox.fail(entry, "suppressed")
    if not entry.to_host and not _counted(ports, booking, entry, now=now):
        ports.observe("email_limited", level="warning", booking_id=booking.booking_id, kind=entry.kind)
        return replace(entry, status="limited", lease=None)
    return None


def _write_line(ports: Ports, booking: Booking, entry: OutboxEntry, *, now: datetime) -> OutboxEntry:
    """The entry's next state: sent once its line stands in the ledger, else owed again after a pause."""
    try:
        line = line_of(booking, entry, time_zone=ports.rules.time_zone)
        key = reference_key(ports, line.provider_reference) if line.provider_reference else None
        late = now >= totals_begin(line.day, ports.rules.time_zone) - LEDGER_LATE_MARGIN
        written = ports.ledger.write(line, reference_key=key, late=late)
    except (Busy, Fault):
        ports.observe("line_put_off", level="warning", booking_id=booking.booking_id, kind=entry.kind)
        return outbox.defer(entry, now=now)
    except Exception as error:  # noqa: BLE001 - one line that cannot be made must not keep back the letters
        ports.observe("line_broken", level="error", kind=entry.kind, reason=type(error).__name__)
        return outbox.defer(entry, now=now)
    if written:
        ports.observe("line_written", booking_id=booking.booking_id, kind=entry.kind)
    return replace(entry, status="sent", lease=None)


def _counted(ports: Ports, booking: Booking, entry: OutboxEntry, *, now: datetime) -> bool:
    """Whether the guest's address may get this letter today. A host's address is the host's own, and is not counted."""
    today = now.astimezone(ZoneInfo(ports.rules.time_zone)).date()
    return ports.bookings.count_letter(
        mailbox_id(ports.bookings.salt(), booking.contact.email, today),
        f"{booking.booking_id}-{entry.entry_id}",
        unpaid=not booking.was_paid,
        limits=ports.rules.limits,
        forget_at=now + LETTERS_COUNTED,
    )
