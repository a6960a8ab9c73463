"""Who may do what: a stranger learns nothing, and nothing is read or written in anybody's name but the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import BookingNotFound, Forbidden, PaymentNotFound, Unauthenticated
from chalicelib.domain.ids import PersonId
from chalicelib.services import queries as reading
from chalicelib.services import refunds as refund
from chalicelib.services.access import Principal, Role, role_in, signed_in, visible_booking, visible_payment, with_role
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import pay
from chalicelib.services.hosts import hosting
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.attention import acknowledge
from tests.builders import GUEST, HOST, NOW, a_booking_id
from tests.fakes import Fakes
from tests.harness import (
    DRAFT,
    GUEST_DAWIT,
    GUEST_HANNA,
    HOST_ABEBE,
    OPERATOR,
    OTHER_HOST,
    PUBLIC,
    Harness,
    booking_id_of,
)

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
NOBODY = Principal(PersonId(""), groups=frozenset({"host", "operator"}))
HOST_OUT_OF_OFFICE = Principal(HOST)
EVERY_ROLE: tuple[Role, ...] = ("guest", "host", "operator")
DAY = NOW.date()

Use = Callable[[Fakes, Principal | None], Any]

OWN: dict[str, Use] = {
    "pay": lambda ports, who: pay(ports, who, FIRST, key="k", public_url=PUBLIC),
    "cancel": lambda ports, who: cancel(ports, who, FIRST, reason=""),
    "verify": lambda ports, who: reading.verify(ports, who, ONE),
    "events": lambda ports, who: reading.events(ports, who, ONE, limit=9, after=None),
    "refund": lambda ports, who: refund.refund(ports, who, ONE, amount=None, reason="", key="k"),
    "booking": lambda ports, who: visible_booking(ports, who, FIRST, roles=EVERY_ROLE),
    "payment": lambda ports, who: visible_payment(ports, who, ONE, roles=EVERY_ROLE),
}
LISTS: dict[str, Use] = {
    "own bookings": lambda ports, who: reading.own_bookings(ports, who, status=None, limit=9, after=None),
    "own payments": lambda ports, who: reading.own_payments(ports, who, status=None, limit=9, after=None),
}
OF_HOSTS: dict[str, Use] = {
    "publish": lambda ports, who: hosting.publish(ports, who, DRAFT, key=None),
    "own listings": lambda ports, who: hosting.of_host(ports, who, limit=9, after=None),
}
OF_OPERATORS: dict[str, Use] = {
    "attention": lambda ports, who: operators.attention(ports, who, kind=None, limit=9, after=None),
    "bookings": lambda ports, who: operators.bookings_by_day(ports, who, DAY, DAY, status=None, limit=9, after=None),
    "payments": lambda ports, who: operators.payments_by_day(ports, who, DAY, DAY, status=None, limit=9, after=None),
    "report": lambda ports, who: operators.report(ports, who, DAY, DAY),
    "acknowledge": lambda ports, who: acknowledge(ports, who, f"payment_reversed.{ONE}", note=""),
    "resolve": lambda ports, who: operators.resolve_review(ports, who, ONE, as_="accept", note=""),
    "retry": lambda ports, who: refund.resolve_refund(ports, who, f"{ONE}-R1", as_="post_again", note=""),
}


@pytest.mark.parametrize("use", [*OWN, *LISTS, *OF_HOSTS, *OF_OPERATORS])
@pytest.mark.parametrize("nobody", [None, NOBODY], ids=["none", "empty"])
def test_nothing_happens_for_nobody(harness: Harness, ports: Fakes, use: str, nobody: Principal | None) -> None:
    harness.confirmed_booking()
    with pytest.raises(Unauthenticated):
        (OWN | LISTS | OF_HOSTS | OF_OPERATORS)[use](ports, nobody)
    assert ports.call_log.calls == []


@pytest.mark.parametrize("use", OF_HOSTS)
def test_what_only_hosts_may(harness: Harness, ports: Fakes, use: str) -> None:
    for who in (GUEST_HANNA, OPERATOR, HOST_OUT_OF_OFFICE):
        with pytest.raises(Forbidden):
            OF_HOSTS[use](ports, who)
    assert ports.call_log.calls == []


@pytest.mark.parametrize("use", OF_OPERATORS)
def test_what_only_operators_may(harness: Harness, ports: Fakes, use: str) -> None:
    for who in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            OF_OPERATORS[use](ports, who)
    assert ports.call_log.calls == []


STRANGERS = {"guest": GUEST_DAWIT, "host": OTHER_HOST, "host without rights": HOST_OUT_OF_OFFICE}
NOT_FOR = {
    # Whose the booking is does not say that they may do this with it.
    "pay": {"its host": HOST_ABEBE, "operator": OPERATOR},
    "verify": {"its host": HOST_ABEBE},
    "events": {"its host": HOST_ABEBE},
    "refund": {"its guest": GUEST_HANNA},
}


@pytest.mark.parametrize(
    ("use", "who"),
    [(use, who) for use in OWN for who in (STRANGERS | NOT_FOR.get(use, {})).items()],
    ids=lambda part: part if isinstance(part, str) else part[0],
)
def test_other_peoples_things_do_not_exist(
    harness: Harness, ports: Fakes, use: str, who: tuple[str, Principal]
) -> None:
    booking = harness.confirmed_booking()
    kind = PaymentNotFound if use in ("verify", "events", "refund", "payment") else BookingNotFound
    with pytest.raises(kind) as foreign:
        OWN[use](ports, who[1])
    assert set(ports.call_log.names()) == {"bookings.load"}
    assert harness.stored_booking(FIRST) == booking
    # It reads just as for something that was never there.
    row = ports.tables.bookings.pop(FIRST)
    with pytest.raises(kind) as missing:
        OWN[use](ports, who[1])
    ports.tables.bookings[FIRST] = row
    assert (foreign.value.code, foreign.value.detail) == (missing.value.code, missing.value.detail)


@pytest.mark.parametrize("use", LISTS)
def test_lists_show_only_the_callers_own(harness: Harness, ports: Fakes, use: str) -> None:
    harness.confirmed_booking()
    for who in (GUEST_DAWIT, HOST_ABEBE, OPERATOR):
        assert LISTS[use](ports, who).items == ()
    assert len(LISTS[use](ports, GUEST_HANNA).items) == 1


@pytest.mark.parametrize("text", ["", "GZ", "SALT", f"GUEST#{GUEST}", f"ORPHAN#{ONE}", FIRST.lower(), FIRST + "0"])
def test_what_is_no_id_is_never_looked_up(harness: Harness, ports: Fakes, text: str) -> None:
    with pytest.raises(BookingNotFound):
        visible_booking(ports, OPERATOR, text, roles=EVERY_ROLE)
    with pytest.raises(PaymentNotFound):
        visible_payment(ports, OPERATOR, text, roles=EVERY_ROLE)
    assert ports.call_log.calls == []


def test_a_payment_that_its_booking_does_not_have(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    with pytest.raises(PaymentNotFound):
        visible_payment(ports, GUEST_HANNA, f"{FIRST}-2", roles=EVERY_ROLE)
    with pytest.raises(PaymentNotFound):
        visible_payment(ports, GUEST_HANNA, f"{a_booking_id('none')}-1", roles=EVERY_ROLE)


def test_roles(harness: Harness) -> None:
    booking = harness.held_booking()
    assert role_in(booking, GUEST_HANNA) == "guest"
    assert role_in(booking, HOST_ABEBE) == "host"
    assert role_in(booking, OPERATOR) == "operator"
    assert role_in(booking, GUEST_DAWIT) is None
    assert role_in(booking, OTHER_HOST) is None
    assert role_in(booking, HOST_OUT_OF_OFFICE) is None
    # One's own part comes first.
    assert role_in(booking, Principal(GUEST, groups=frozenset({"host", "operator"}))) == "guest"
    assert role_in(booking, Principal(HOST, groups=frozenset({"host", "operator"}))) == "host"
    assert role_in(booking, Principal(HOST, groups=frozenset({"operator"}))) == "operator"


def test_what_the_caller_is_comes_with_the_booking(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    for who, role in ((GUEST_HANNA, "guest"), (HOST_ABEBE, "host"), (OPERATOR, "operator")):
        assert visible_booking(ports, who, FIRST, roles=EVERY_ROLE) == (booking, role)
        assert visible_payment(ports, who, ONE, roles=EVERY_ROLE) == (booking, booking.payments[0], role)


def test_who_is_signed_in() -> None:
    assert signed_in(GUEST_HANNA) is GUEST_HANNA
    assert with_role(HOST_ABEBE, "host") is HOST_ABEBE
    assert with_role(OPERATOR, "operator") is OPERATOR
    with pytest.raises(Forbidden):
        with_role(HOST_ABEBE, "operator")
    with pytest.raises(Forbidden):
        with_role(OPERATOR, "host")
