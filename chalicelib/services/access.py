"""Who is asking, and what they may see. Other people's things do not exist for them: NotFound, never Forbidden."""

from __future__ import annotations

from typing import Literal

from chalicelib.domain.booking import Actor, Booking, Payment
from chalicelib.domain.errors import BookingNotFound, Forbidden, PaymentNotFound, Unauthenticated
from chalicelib.domain.ids import BookingId, PersonId, booking_of, is_booking_id
from chalicelib.domain.record import Record
from chalicelib.services.ports import Ports

Role = Literal["guest", "host", "operator"]


class Principal(Record, frozen=True):
    """The person behind a checked token. ``groups`` add rights: ``host``, ``operator``."""

    person_id: PersonId
    email: str = ""
    groups: frozenset[str] = frozenset()


def signed_in(principal: Principal | None) -> Principal:
    """Raises Unauthenticated."""
    if principal is None or not principal.person_id:
        raise Unauthenticated("Sign in first.")
    return principal


def with_role(principal: Principal | None, role: Literal["host", "operator"]) -> Principal:
    """Raises Unauthenticated, Forbidden."""
    principal = signed_in(principal)
    if role not in principal.groups:
        raise Forbidden(f"Only {role}s may do this.")
    return principal


def actor_of(principal: Principal | None, role: Role) -> Actor:
    """Who acts, for the audit trail: the caller in their role. Raises Unauthenticated."""
    person = signed_in(principal)
    return Actor(role, person.person_id, person.email)


def role_in(booking: Booking, principal: Principal) -> Role | None:
    """What the caller is to this booking; None: a stranger. The guest's own role comes first."""
    if booking.guest_id == principal.person_id:
        return "guest"
    if booking.place.host_id == principal.person_id and "host" in principal.groups:
        return "host"
    return "operator" if "operator" in principal.groups else None


def visible_booking(
    ports: Ports, principal: Principal | None, booking_id: str, *, roles: tuple[Role, ...]
) -> tuple[Booking, Role]:
    """The booking, for a caller who is one of ``roles`` to it. Raises Unauthenticated, BookingNotFound."""
    principal = signed_in(principal)
    booking = ports.bookings.load(BookingId(booking_id)) if is_booking_id(booking_id) else None
    role = role_in(booking, principal) if booking else None
    if booking is None or role not in roles:
        raise BookingNotFound("There is no such booking.")
    return booking, role


def visible_payment(
    ports: Ports, principal: Principal | None, tx_ref: str, *, roles: tuple[Role, ...]
) -> tuple[Booking, Payment, Role]:
    """The payment and its booking, for a caller who is one of ``roles``. Raises Unauthenticated, PaymentNotFound."""
    principal = signed_in(principal)
    try:
        booking, role = visible_booking(ports, principal, booking_of(tx_ref) or "", roles=roles)
    except BookingNotFound as missing:
        raise PaymentNotFound("There is no such payment.") from missing
    payment = booking.payment(tx_ref)
    if payment is None:
        raise PaymentNotFound("There is no such payment.")
    return booking, payment, role
