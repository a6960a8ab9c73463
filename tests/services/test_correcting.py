"""Correcting a booking's contact: by whom, until when, and what is written down of it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import BookingNotFound, ContactFixed, InvalidRequest, PreconditionFailed
from chalicelib.services.cancel import cancel
from chalicelib.services.correcting import correct_contact
from chalicelib.services.queries import events
from chalicelib.services.updating import as_read
from tests.builders import HANNA
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
BETTER = {"email": "hanna.t@gmail.com"}


def correct(
    ports: Fakes, changes: dict[str, str] | None = None, *, who: Any = GUEST_HANNA, only: Any = None
) -> Booking:
    return correct_contact(as_read(ports, only), who, FIRST, changes or BETTER)[0]


@pytest.mark.parametrize("who", [GUEST_HANNA, OPERATOR], ids=lambda who: who.person_id)
def test_an_unpaid_booking_is_corrected(harness: Harness, ports: Fakes, who: Any) -> None:
    before = harness.held_booking()
    booking = correct(ports, who=who)
    assert booking.contact == replace(HANNA, **BETTER)
    assert (booking.status, booking.payments, booking.fingerprint) == (
        "pending_payment",
        before.payments,
        before.fingerprint,
    )
    # The request that made it is still its repeat.
    assert harness.book().replayed
    harness.check_invariants()


def test_who_changed_which_field_is_written_down_and_never_its_value(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    correct(ports, {"email": "h@gmail.com", "phone": "0911000000", "first_name": HANNA.first_name}, who=OPERATOR)
    event = harness.stored_booking(FIRST).history[-1]
    assert (event.kind, event.cause, event.by) == ("contact_corrected", "operator", OPERATOR.person_id)
    assert event.detail == "email, phone"
    assert ports.observe.events == ["contact_corrected"]
    assert not {"h@gmail.com", HANNA.email, HANNA.phone} & set(str(ports.observe.lines).split("'"))
    assert events(ports, GUEST_HANNA, ONE, limit=99, after=None).items[-1].detail == ""


def test_letters_go_to_the_new_address(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    correct(ports)
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    correct(ports, {"email": "hanna@new.example.et"}, who=OPERATOR)
    harness.sweep_and_drain()
    assert [message.to for message in ports.mailer.sent] == ["hanna@new.example.et", "abebe.kebede@gmail.com"]


def test_a_guest_corrects_until_it_is_paid_or_cancelled(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    correct(ports)
    harness.confirmed_booking(key="paid")
    for key, end in (("paid", None), ("cancelled", cancel)):
        booking_id = booking_id_of(key)
        if end:
            harness.held_booking(key=key)
            end(ports, GUEST_HANNA, booking_id, reason="")
        before = harness.stored_booking(booking_id)
        with pytest.raises(ContactFixed):
            correct_contact(ports, GUEST_HANNA, booking_id, BETTER)
        assert harness.stored_booking(booking_id) == before
        booking, _ = correct_contact(ports, OPERATOR, booking_id, BETTER)
        assert booking.contact.email == BETTER["email"]
    harness.check_invariants()


@pytest.mark.parametrize("who", [HOST_ABEBE, GUEST_DAWIT], ids=lambda who: who.person_id)
def test_nobody_else_corrects_it(harness: Harness, ports: Fakes, who: Any) -> None:
    harness.held_booking()
    with pytest.raises(BookingNotFound):
        correct(ports, who=who)


def test_what_is_so_already_changes_nothing(harness: Harness, ports: Fakes) -> None:
    before = harness.held_booking()
    assert correct(ports, {"email": HANNA.email}) == before
    assert ports.call_log.count("bookings.save") == 0
    correct(ports)
    assert correct(ports) == harness.stored_booking(FIRST)
    assert [event.kind for event in harness.stored_booking(FIRST).history].count("contact_corrected") == 1


def test_two_names_that_make_a_link_together(harness: Harness, ports: Fakes) -> None:
    harness.held_booking(contact=Contact(first_name="Hanna", last_name="Com", email=HANNA.email, phone=HANNA.phone))
    with pytest.raises(InvalidRequest) as refused:
        correct(ports, {"first_name": "Evil."})
    assert [error.field for error in refused.value.errors] == ["contact.last_name"]
    assert correct(ports, {"last_name": ""}).contact.name == "Hanna"
    assert correct(ports, {"first_name": "Evil."}).contact.name == "Evil."


def test_a_booking_that_changed_meanwhile_is_not_corrected(harness: Harness, ports: Fakes) -> None:
    read = harness.held_booking()
    ports.run_before("bookings.save", lambda: correct(ports, who=OPERATOR))
    with pytest.raises(PreconditionFailed):
        correct(ports, {"email": "other@gmail.com"}, only={read.version})
    assert harness.stored_booking(FIRST).contact.email == BETTER["email"]
    with pytest.raises(PreconditionFailed):
        correct(ports, {"email": "other@gmail.com"}, only=set())
    now = harness.stored_booking(FIRST)
    assert correct(ports, {"email": "other@gmail.com"}, only={now.version}).contact.email == "other@gmail.com"
