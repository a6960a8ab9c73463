"""An operator looks at the letters of a booking, and has one sent again."""

from __future__ import annotations

from chalicelib.domain import outbox
from chalicelib.domain.booking import Booking, OutboxEntry
from chalicelib.domain.errors import AddressSuppressed, BookingNotFound, MessageNotFound, NoAddress
from chalicelib.domain.host import Notify
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.record import Record, replace
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.hosts.profile import host_of
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, decided, update


class Resent(Record, frozen=True):
    """A letter that is owed once more, its booking, and how the host is reached."""

    booking: Booking
    entry: OutboxEntry
    host: Notify


def resend(
    ports: Ports,
    principal: Principal | None,
    booking_id: str,
    entry_id: str,
    *,
    note: str,
    lift: bool,
    dry_run: bool,
) -> Resent:
    """Send a letter again, to the address of today; one that is owed already is left as it is.

    ``lift``: also to an address that bounced or complained, which may be written to from then on. With ``dry_run``
    nothing is written. Raises Forbidden, BookingNotFound, MessageNotFound, MessageNotTrue, NoAddress,
    AddressSuppressed, Busy.
    """
    operator = with_role(principal, "operator", "help")
    booking = ports.bookings.load(BookingId(booking_id)) if is_booking_id(booking_id) else None
    if booking is None:
        raise BookingNotFound("There is no such booking.")
    entry = booking.letter(entry_id)
    if entry is None:
        raise MessageNotFound("There is no such message.")
    actor, host = actor_of(operator, "operator"), host_of(ports, booking)
    address = outbox.address_of(entry, booking, host)
    if not entry.to_host and booking.contact_erased_at is not None:
        raise NoAddress("The guest's contact was erased.")
    if not address:
        raise NoAddress("No address is known: the host sets one with PUT /v1/hosts/me.")
    suppression = ports.suppressions.find(address)
    stopped = suppression if suppression is not None and not suppression.is_lifted else None
    if stopped is not None and not lift:
        raise AddressSuppressed(f"A letter to this address {stopped.outcome}: correct it, or lift that.")

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(outbox.resend(current, entry_id, actor=actor, note=note, now=ports.clock.now()))

    if dry_run:
        after = decided(ports, booking, decide).booking
    else:
        decided(ports, booking, decide)  # nothing is lifted for a letter that cannot be sent
        if stopped is not None:
            lifted = replace(stopped, lifted_at=ports.clock.now(), lifted_by=operator.person_id)
            ports.suppressions.put(address, lifted)
            ports.observe("suppression_lifted", booking_id=booking.booking_id)
        after = update(ports, booking, decide).after
        ports.observe("email_resent", booking_id=booking.booking_id, kind=entry.kind)
    return Resent(after, after.entry(entry_id) or entry, host)
