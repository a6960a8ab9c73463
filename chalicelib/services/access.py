"""Who is asking, and what they may see. Other people's things do not exist for them: NotFound, never Forbidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.booking import Actor, Booking, Payment
from chalicelib.domain.errors import BookingNotFound, Forbidden, PaymentNotFound, Unauthenticated
from chalicelib.domain.ids import BookingId, PersonId, booking_of, is_booking_id
from chalicelib.domain.record import Record
from chalicelib.services.ports.stage import Ports

Role = Literal["guest", "host", "operator"]
"""What a caller is to a booking. Everybody of the staff is an ``operator``; ``STAFF`` says what each of them may do."""

Right = Literal["read", "help", "money", "approve", "accounts"]
"""What the staff do: read; correct a contact and send a letter again; move money, or say what became of it; approve, or
reject, what another person proposed; decide about accounts, listings and dead letters."""

STAFF: Mapping[str, frozenset[Right]] = {
    "operator": frozenset({"read", "help", "money", "approve", "accounts"}),
    "support": frozenset({"read", "help"}),
    "finance": frozenset({"read", "money"}),
    "approver": frozenset({"read", "approve"}),
}
"""The rights of each group of the token."""


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


def may(principal: Principal, right: Right) -> bool:
    """Whether one of the caller's groups has this right."""
    return any(right in STAFF.get(group, ()) for group in principal.groups)


def with_role(principal: Principal | None, role: Literal["host", "operator"], right: Right = "read") -> Principal:
    """A host, or one of the staff with this right. Raises Unauthenticated, Forbidden."""
    principal = signed_in(principal)
    if role not in principal.groups if role == "host" else not may(principal, "read"):
        raise Forbidden(f"Only {role}s may do this.")
    if role == "operator":
        check_right(principal, right)
    return principal


def check_right(principal: Principal, right: Right) -> None:
    """Raises Forbidden for one of the staff whose groups do not have this right."""
    if not may(principal, right):
        groups = " or ".join(f"`{group}`" for group, rights in STAFF.items() if right in rights)
        raise Forbidden(f"This is for the group {groups}.")


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
    return "operator" if may(principal, "read") else None


def is_of_staff(ports: Ports, principal: Principal | None, booking_id: str) -> bool:
    """Whether the caller is one of the staff to this booking, which is read only for who may be."""
    if principal is None or not may(principal, "read") or not is_booking_id(booking_id):
        return False
    booking = ports.bookings.load(BookingId(booking_id))
    return booking is not None and role_in(booking, principal) == "operator"


def visible_booking(
    ports: Ports, principal: Principal | None, booking_id: str, *, roles: tuple[Role, ...], right: Right = "read"
) -> tuple[Booking, Role]:
    """The booking, for a caller who is one of ``roles`` to it, and needs ``right`` as one of the staff.

    Raises Unauthenticated, BookingNotFound, Forbidden.
    """
    principal = signed_in(principal)
    booking = ports.bookings.load(BookingId(booking_id)) if is_booking_id(booking_id) else None
    role = role_in(booking, principal) if booking else None
    if booking is None or role not in roles:
        raise BookingNotFound("There is no such booking.")
    if role == "operator":
        check_right(principal, right)
    return booking, role


def visible_payment(
    ports: Ports, principal: Principal | None, tx_ref: str, *, roles: tuple[Role, ...], right: Right = "read"
) -> tuple[Booking, Payment, Role]:
    """The payment and its booking, for a caller who is one of ``roles``, and needs ``right`` as one of the staff.

    Raises Unauthenticated, PaymentNotFound, Forbidden.
    """
    principal = signed_in(principal)
    try:
        booking, role = visible_booking(ports, principal, booking_of(tx_ref) or "", roles=roles, right=right)
    except BookingNotFound as missing:
        raise PaymentNotFound("There is no such payment.") from missing
    payment = booking.payment(tx_ref)
    if payment is None:
        raise PaymentNotFound("There is no such payment.")
    return booking, payment, role
