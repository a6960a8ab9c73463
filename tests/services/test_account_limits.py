"""What strangers do: fill a mailbox, empty a calendar, book without end; at once, and one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from chalicelib.domain.errors import AccountBlocked, Busy, InvalidRequest, RateLimited, Refusal, TooManyOpenHolds
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.accounts import AccountAct, Caps, with_act
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.timing import PAUSES
from chalicelib.services.cancel import cancel
from chalicelib.services.ports.mail import MailBusy
from tests.builders import GUEST, HANNA, NOW, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, Harness, booking_id_of
from tests.replacing import replace

OPERATOR_ID = PersonId("operator-sara")
DAY_AFTER = date(2027, 2, 1)


@pytest.fixture
def large() -> Harness:
    """A listing with room for all that an attacker could wish for."""
    return Harness(units=400)


def give_up(harness: Harness, key: str) -> None:
    cancel(harness.ports, GUEST_HANNA, booking_id_of(key), reason="")


# -- a mailbox


def test_booking_and_cancelling_sends_nobody_anything(large: Harness) -> None:
    """Sixty times, each by another account: no letter goes out, and none waits."""
    for number in range(60):
        guest = replace(GUEST_HANNA, person_id=PersonId(f"attacker-{number}"))
        large.book(key="once", guest=guest, contact=replace(HANNA, first_name="Visit Us"))
        cancel(large.ports, guest, booking_id_of("once", guest), reason="Visit us")
    large.advance(hours=80)
    assert large.ports.mailer.sent == []


def test_an_address_gets_three_letters_a_day_about_unpaid_bookings(large: Harness) -> None:
    """Holds that run out are told of, whoever made them, whatever the case of the address: three times a day."""
    for number in range(6):
        guest = replace(GUEST_HANNA, person_id=PersonId(f"attacker-{number}"))
        email = HANNA.email.upper() if number % 2 else HANNA.email
        large.book(key="once", guest=guest, contact=replace(HANNA, email=email))
    large.advance(hours=1)
    sent = large.ports.mailer.sent
    assert [message.subject for message in sent] == ["hold_expired 1"] * 3
    assert {message.to.casefold() for message in sent} == {HANNA.email}
    statuses = [entry.status for row in large.ports.tables.bookings.values() for entry in row.booking.outbox]
    assert sorted(statuses) == ["limited"] * 3 + ["sent"] * 3
    # Nothing is lost silently: each has its event, its line in the history, and its metric.
    told = large.ports.observe.of("email_limited")
    assert [(line["level"], line["kind"]) for line in told] == [("warning", "hold_expired")] * 3
    kinds = [event.kind for row in large.ports.tables.bookings.values() for event in row.booking.history]
    assert (kinds.count("email_limited"), kinds.count("email_sent")) == (3, 3)
    # Another address, and another day, are not concerned; neither are letters about money.
    large.book(key="dawit", guest=GUEST_DAWIT, contact=replace(HANNA, email="dawit@gmail.com"))
    large.advance(hours=1)
    assert [message.to for message in sent[3:]] == ["dawit@gmail.com"]
    large.confirmed_booking(key="paid")
    large.advance(minutes=10)
    assert [message.subject for message in sent[4:]] == ["booking_confirmed 1", "host_new_booking 2"]
    large.advance(hours=24)
    large.expired_booking(key="tomorrow", guest=replace(GUEST_HANNA, person_id=PersonId("attacker-9")))
    large.advance(minutes=10)
    assert sent[-1].subject == "hold_expired 1"


def test_an_address_gets_twenty_letters_a_day_and_hosts_all_of_theirs(large: Harness) -> None:
    large.ports.rules = replace(large.ports.rules, limits=Limits(letters_per_day=4))
    for number in range(6):
        large.confirmed_booking(key=f"{number}", guest=replace(GUEST_HANNA, person_id=PersonId(f"guest-{number}")))
    large.advance(minutes=10)
    kinds = [message.subject.partition(" ")[0] for message in large.ports.mailer.sent]
    assert (kinds.count("booking_confirmed"), kinds.count("host_new_booking")) == (4, 6)
    assert len(large.ports.observe.of("email_limited")) == 2
    large.check_invariants()


def test_a_letter_that_is_tried_again_counts_once(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, limits=Limits(letters_per_day=1))
    harness.confirmed_booking()
    for skip in range(5):
        ports.run_before("mailer.send", raises(MailBusy()), skip=skip)
    harness.advance(hours=3)
    assert sorted(ports.mailer.subjects) == ["booking_confirmed 1", "host_new_booking 2"]
    assert ports.call_log.count("bookings.count_letter") > 1


# -- a calendar


def test_a_calendar_is_not_emptied_for_nothing(large: Harness) -> None:
    with pytest.raises(InvalidRequest) as refused:
        large.book(stay=a_stay(nights=30, units=50, guests=50))
    assert [error.field for error in refused.value.errors] == ["units"]
    large.book(key="a", stay=a_stay(nights=30))
    large.book(key="b", stay=a_stay(nights=29))
    with pytest.raises(TooManyOpenHolds) as full:
        large.book(key="c", stay=a_stay(nights=2))
    assert "at most 60 units × nights; they hold 59" in full.value.detail
    large.book(key="c", stay=a_stay(nights=1))
    assert sum(large.units_taken.values()) == 60


def test_who_paid_once_holds_more(large: Harness) -> None:
    large.confirmed_booking(key="paid")
    large.book(key="group", stay=a_stay(DAY_AFTER, nights=15, units=20, guests=30))
    with pytest.raises(TooManyOpenHolds):
        large.book(key="more", stay=a_stay(DAY_AFTER, nights=1))
    with pytest.raises(InvalidRequest):
        large.book(key="most", stay=a_stay(DAY_AFTER, nights=43, units=7))


def test_holding_and_giving_up_again_brings_longer_and_longer_pauses(large: Harness) -> None:
    ports = large.ports
    for number, pause in enumerate([None, None, *PAUSES]):
        large.book(key=f"{number}", stay=a_stay(nights=60))
        give_up(large, f"{number}")
        if pause is None:
            continue
        with pytest.raises(RateLimited) as told:
            large.book(key="paused", stay=a_stay(nights=60))
        assert told.value.retry_after == pause.total_seconds()
        # A repeat is answered as ever.
        assert large.book(key=f"{number}", stay=a_stay(nights=60)).replayed
        ports.clock.move(seconds=told.value.retry_after)
    # A day after the last of them it begins anew.
    large.book(key="anew", stay=a_stay(nights=60))
    large.check_invariants()


def test_a_payment_ends_the_pause(large: Harness) -> None:
    open_one = large.held_booking(key="open")
    for number in range(3):
        if number == 2:
            large.ports.clock.move(minutes=1)
        large.book(key=f"{number}")
        give_up(large, f"{number}")
    with pytest.raises(RateLimited):
        large.book(key="next")
    large.ports.gateway.pay(open_one.payments[0].tx_ref)
    large.webhook(open_one.payments[0].tx_ref)
    large.book(key="next")


def test_a_host_who_cancels_does_not_pause_the_guest(large: Harness) -> None:
    for number in range(4):
        large.book(key=f"{number}")
        cancel(large.ports, HOST_ABEBE, booking_id_of(f"{number}"), reason="The roof leaks.")
    assert large.ports.tables.accounts[GUEST].paused_until is None


# -- without end


def test_ten_bookings_an_hour_and_thirty_a_day(large: Harness) -> None:
    ports = large.ports
    for number in range(30):
        if number and number % 10 == 0:
            with pytest.raises(RateLimited) as told:
                large.book(key=f"{number}")
            assert told.value.retry_after == 3600 - 9 * 60
            ports.clock.move(seconds=told.value.retry_after)
        large.confirmed_booking(key=f"{number}")
        # Repeats under one key count once.
        assert large.book(key=f"{number}").replayed
        if number % 10 < 9:
            ports.clock.move(minutes=1)
    ports.clock.move(hours=3)
    with pytest.raises(RateLimited) as told:
        large.book(key="thirty-first")
    assert "30 new bookings in 24 h" in told.value.detail
    ports.clock.move(seconds=(told.value.retry_after or 0) - 1)
    with pytest.raises(RateLimited):
        large.book(key="thirty-first")
    ports.clock.move(seconds=1)
    large.book(key="thirty-first")


def test_a_refused_booking_counts_for_nothing(large: Harness) -> None:
    for number in range(20):
        with pytest.raises(InvalidRequest):
            large.book(key=f"{number}", stay=a_stay(nights=91))
    assert large.ports.tables.accounts == {}


def test_a_twin_is_found_instead_of_a_pause(large: Harness) -> None:
    large.ports.rules = replace(large.ports.rules, limits=Limits(bookings_per_hour=1))
    large.ports.run_before("bookings.account", large.book)
    assert large.book().replayed


@pytest.mark.parametrize(
    ("limits", "caps", "most"),
    [
        (Limits(), Caps(), 3),
        (Limits(bookings_per_hour=5), Caps(open_holds=40), 5),
        (Limits(unpaid_unit_nights=13), Caps(open_holds=40), 4),
    ],
)
def test_limits_hold_however_many_bookings_come_at_once(limits: Limits, caps: Caps, most: int) -> None:
    """Twenty bookings of three nights each, all at the same moment: those who lose a race try again."""
    harness = Harness(units=400)
    harness.ports.rules = replace(harness.ports.rules, limits=limits)
    act = AccountAct(at=NOW, act="limits", note="a test", by=OPERATOR_ID, caps=caps)
    harness.ports.bookings.save_account(GUEST, with_act(harness.ports.bookings.account(GUEST), act))
    barrier = threading.Barrier(20)

    def call(number: int) -> type[Refusal] | None:
        barrier.wait(timeout=20)
        try:
            harness.book(key=f"{number}")
        except Refusal as refused:
            return type(refused)
        return None

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, range(20)))
    booked = answers.count(None)
    assert {answer for answer in answers if answer} <= {TooManyOpenHolds, RateLimited, Busy}
    assert booked <= most
    # Whoever only lost too many races may come again; then the limit is reached, and not passed.
    for number in range(20, 30):
        try:
            harness.book(key=f"{number}")
        except (TooManyOpenHolds, RateLimited):
            continue
    account = harness.ports.tables.accounts[GUEST]
    assert len(account.made) == len(account.holds) == len(harness.ports.tables.bookings) == most
    assert sum(harness.units_taken.values()) == account.unit_nights == 3 * most
    harness.check_invariants()


# -- what operators decide


def test_a_blocked_account_books_nothing_and_keeps_what_it_has(large: Harness) -> None:
    ports = large.ports
    booking = large.confirmed_booking(key="paid")
    act = AccountAct(at=NOW, act="block", note="Stolen cards.", by=OPERATOR_ID)
    ports.bookings.save_account(GUEST, with_act(ports.bookings.account(GUEST), act))
    with pytest.raises(AccountBlocked):
        large.book(key="next")
    assert large.book(key="paid").replayed
    assert large.stored_booking(booking).status == "confirmed"
    large.book(key="next", guest=GUEST_DAWIT)


def test_a_block_in_the_middle_of_a_booking_counts(large: Harness) -> None:
    ports = large.ports

    def block() -> None:
        act = AccountAct(at=NOW, act="block", note="", by=OPERATOR_ID)
        ports.bookings.save_account(GUEST, with_act(ports.bookings.account(GUEST), act))

    ports.run_before("bookings.hold", block)
    with pytest.raises(AccountBlocked):
        large.book()
    assert (ports.tables.bookings, large.units_taken) == ({}, {})


def test_raised_caps_let_an_agency_book(large: Harness) -> None:
    caps = Caps(open_holds=12, unpaid_unit_nights=500, bookings_per_hour=12)
    act = AccountAct(at=NOW, act="limits", note="Agency", by=OPERATOR_ID, caps=caps)
    large.ports.bookings.save_account(GUEST, with_act(large.ports.bookings.account(GUEST), act))
    for number in range(12):
        large.book(key=f"{number}", stay=a_stay(nights=10, units=4, guests=4))
    with pytest.raises(RateLimited):
        large.book(key="more")
    large.ports.clock.move(hours=1)
    with pytest.raises(TooManyOpenHolds):
        large.book(key="more")
