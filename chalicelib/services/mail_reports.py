"""What became of letters that the mail service took: on their booking, and among the addresses not to write to."""

from __future__ import annotations

from chalicelib.domain import outbox
from chalicelib.domain.booking import Booking
from chalicelib.domain.people.suppression import MailReport, Suppression
from chalicelib.domain.verification import Availability
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, Observation, update


def record_report(ports: Ports, report: MailReport) -> None:
    """Record a bounce or a complaint; a repeat changes nothing. Raises Busy.

    A report about an earlier sending of the letter tells of the address that it went to then, and no more of the
    letter. It does not undo what a person has lifted since.
    """
    booking = ports.bookings.load(report.booking_id) if report.booking_id else None
    entry = booking.letter(report.entry_id) if booking else None
    is_late = entry is None or report.resends < entry.resends
    if report.is_final:
        for address in report.addresses:
            _suppress(ports, address, report, is_late=is_late)
    if booking is None or is_late:
        ports.observe("mail_report_late", booking_id=report.booking_id, kind=report.outcome, reason=report.why)
        return

    def decide(current: Booking, _: Availability) -> Decision:
        known = current.letter(report.entry_id)
        if known is None or known.resends != report.resends:
            return Decision(current)
        if current.contact_erased_at is not None and not known.to_host:
            # The address is not written to any more either way, and nobody is to be asked about it.
            return Decision(current)
        after = outbox.report(known, report.outcome, report.why)
        changed = outbox.with_entries(current, {known.entry_id: after}, now=ports.clock.now())
        if changed == current:
            return Decision(current)
        told = {"booking_id": current.booking_id, "kind": known.kind, "reason": report.why}
        if report.outcome == "bounced":
            return Decision(changed, (Observation("email_bounced", "warning", told),))
        return Decision(changed, (Observation("email_complained", "warning", told),))

    update(ports, booking, decide)


def _suppress(ports: Ports, address: str, report: MailReport, *, is_late: bool) -> None:
    known = ports.suppressions.find(address)
    if known is not None and (not known.is_lifted or is_late):
        return
    made = Suppression(
        outcome=report.outcome,
        since=ports.clock.now(),
        booking_id=report.booking_id,
        entry_id=report.entry_id,
    )
    ports.suppressions.put(address, made)
    ports.observe("address_suppressed", level="warning", booking_id=report.booking_id, kind=report.outcome)
