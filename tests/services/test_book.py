"""Booking: every refusal, every repeat, every race for nights and open holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import (
    AmountAboveLimit,
    Busy,
    CurrencyNotTaken,
    DatesUnavailable,
    GatewayTimeout,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    ListingClosed,
    ListingNotFound,
    PriceChanged,
    TooManyOpenHolds,
    Unauthenticated,
)
from chalicelib.domain.ids import ListingId, PersonId, derive_listing_id
from chalicelib.domain.listings.calendar import MAX_DAYS_AHEAD, Night
from chalicelib.domain.money import Money
from chalicelib.domain.people.accounts import Account, OpenHold
from chalicelib.domain.people.limits import Limits
from chalicelib.services.access import Principal
from chalicelib.services.book import TRIES, BookingResult
from chalicelib.services.cancel import cancel
from chalicelib.services.ports.outcomes import AccountChanged, NightsShort, StoreBusy
from tests.builders import GUEST, HANNA, HOST, NOW, SALT, a_stay
from tests.call_log import raises
from tests.fakes import Fakes, OneGateway
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOLD_ENDS, NIGHTS, PUBLIC, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
TODAY = date(2027, 1, 2)


def wrote_nothing(ports: Fakes) -> bool:
    """Neither a booking, nor nights, nor an account, nor a word to the gateway or a queue."""
    tables = ports.tables
    taken = any(night.taken for night in tables.nights.values())
    return not (tables.bookings or tables.accounts or taken or ports.call_log.names("gateway", "queue", "mailer"))


# -- all is well


def test_a_booking_holds_its_nights_and_has_a_link(harness: Harness, ports: Fakes) -> None:
    done = harness.book()
    booking = done.booking
    assert not done.replayed
    assert booking == harness.stored_booking(FIRST)
    assert (booking.booking_id, booking.guest_id, booking.status) == (FIRST, GUEST, "pending_payment")
    assert (booking.total, booking.hold_expires_at) == (Money(735000, "ETB"), HOLD_ENDS)
    assert (booking.contact, booking.request_id) == (HANNA, "request-first")
    [payment] = booking.payments
    assert (payment.tx_ref, payment.status, payment.opening) == (f"{FIRST}-1", "pending", None)
    assert payment.checkout_url == ports.gateway.charges[payment.tx_ref].url
    assert (payment.gateway, payment.expected_mode, payment.amount) == ("chapa", "test", Money(735000, "ETB"))
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    account = ports.tables.accounts[GUEST]
    assert account.holds == (OpenHold(FIRST, HOLD_ENDS + timedelta(hours=12), 3),)
    assert (account.made, account.lapses, account.paused_until, account.has_paid) == ((NOW,), (), None, False)


def test_the_row_comes_before_the_gateway(harness: Harness, ports: Fakes) -> None:
    harness.book()
    assert ports.call_log.names("bookings", "gateway") == [
        "bookings.salt",
        "bookings.load",
        "bookings.account",
        "bookings.hold",
        "gateway.initialize",
        "bookings.save",
    ]
    held = ports.call_log.calls[[call.name for call in ports.call_log.calls].index("bookings.hold")].args[0]
    assert held.payments[0].is_opening(NOW)


def test_the_gateway_is_told_what_it_needs(harness: Harness, ports: Fakes) -> None:
    harness.book()
    opening = ports.gateway.charges[f"{FIRST}-1"].opening
    assert (opening.tx_ref, opening.amount, opening.title) == (f"{FIRST}-1", Money(735000, "ETB"), "Lake house")
    assert (opening.first_name, opening.last_name, opening.email, opening.phone) == (
        "Hanna",
        "Tesfaye",
        "hanna.tesfaye@gmail.com",
        "0911223344",
    )
    assert opening.callback_url == f"{PUBLIC}/v1/payments/chapa/callback/{FIRST}-1"
    assert opening.return_url == f"{PUBLIC}/pay/{FIRST}-1"
    assert opening.meta == {"booking_id": FIRST}


def test_nothing_is_mailed_for_a_hold(harness: Harness, ports: Fakes) -> None:
    assert harness.book().booking.letters == ()
    assert ports.queue.letters == []


def test_nights_at_their_own_price_are_charged_so(harness: Harness, ports: Fakes) -> None:
    ports.tables.nights[harness.listing.listing_id, NIGHTS[1]] = Night(NIGHTS[1], 0, Money(300000, "ETB"))
    booking = harness.book(expected_total=790000).booking
    assert booking.total == Money(790000, "ETB")
    assert ports.gateway.charges[f"{FIRST}-1"].opening.amount == Money(790000, "ETB")


def test_a_booking_keeps_what_was_said_with_it(harness: Harness, ports: Fakes) -> None:
    booking = harness.book(language="am", return_url="https://shop.example.et/thanks").booking
    assert (booking.language, booking.return_url) == ("am", "https://shop.example.et/thanks")
    assert (booking.contact, booking.request_id) == (HANNA, "request-first")
    assert booking.hold_expires_at == HOLD_ENDS


def test_money_that_no_gateway_takes_is_not_booked(harness: Harness, ports: Fakes) -> None:
    ports.gateways = OneGateway(ports.gateway, frozenset({"USD"}))
    with pytest.raises(CurrencyNotTaken):
        harness.book()
    assert wrote_nothing(ports)


def test_what_the_guest_was_shown_is_what_is_charged(harness: Harness) -> None:
    assert harness.book(expected_total=735000).booking.total == Money(735000, "ETB")


# -- refusals: nothing is written, nobody is asked


def test_nobody_books_without_signing_in(harness: Harness, ports: Fakes) -> None:
    for nobody in (None, Principal(PersonId(""))):
        with pytest.raises(Unauthenticated):
            harness.book(guest=nobody)
    assert ports.call_log.calls == []


@pytest.mark.parametrize("listing_id", ["", "nonsense", derive_listing_id(SALT, HOST, "another")])
def test_a_listing_that_is_not_there(harness: Harness, ports: Fakes, listing_id: str) -> None:
    harness.listing = replace(harness.listing, listing_id=ListingId(listing_id))
    with pytest.raises(ListingNotFound):
        harness.book()
    assert wrote_nothing(ports)


@pytest.mark.parametrize(
    ("stay", "fields"),
    [
        (a_stay(TODAY - timedelta(days=1)), ["check_in"]),
        (a_stay(TODAY + timedelta(days=MAX_DAYS_AHEAD + 1)), ["check_in"]),
        (a_stay(nights=0), ["check_out"]),
        (a_stay(nights=-2), ["check_out"]),
        (a_stay(nights=91), ["check_out"]),
        (a_stay(units=2, guests=5), ["guests"]),
        (a_stay(date(2020, 1, 1), nights=99, guests=3), ["check_in", "check_out", "guests"]),
    ],
)
def test_a_stay_that_does_not_fit(harness: Harness, ports: Fakes, stay: Any, fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        harness.book(stay=stay)
    assert [error.field for error in refused.value.errors] == fields
    assert all(error.message for error in refused.value.errors)
    assert wrote_nothing(ports)


@pytest.mark.parametrize(
    "stay",
    [
        a_stay(TODAY, nights=1),
        a_stay(TODAY + timedelta(days=MAX_DAYS_AHEAD)),
        a_stay(nights=90),
        a_stay(units=2, guests=4),
        a_stay(units=4, guests=8),
    ],
)
def test_a_stay_that_just_fits(harness: Harness, ports: Fakes, stay: Any) -> None:
    ports.rules = replace(ports.rules, limits=Limits(unpaid_unit_nights=90))
    assert harness.book(stay=stay).booking.stay == stay


def test_today_is_the_listings_today(harness: Harness, ports: Fakes) -> None:
    """At 22:00 in UTC on the 2nd it is the 3rd in Addis Ababa."""
    ports.clock.move_to(NOW.replace(hour=22))
    with pytest.raises(InvalidRequest):
        harness.book(stay=a_stay(TODAY))
    harness.book(stay=a_stay(TODAY + timedelta(days=1)))


def test_a_closed_listing(harness: Harness, ports: Fakes) -> None:
    ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, status="closed")
    with pytest.raises(ListingClosed):
        harness.book()
    assert wrote_nothing(ports)


def test_nights_that_are_short_or_closed_are_named(harness: Harness, ports: Fakes) -> None:
    place = harness.listing.listing_id
    ports.tables.nights[place, NIGHTS[0]] = Night(NIGHTS[0], closed=True)
    other = harness.book(key="other", guest=GUEST_DAWIT, stay=a_stay(NIGHTS[2], 1, units=4)).booking
    with pytest.raises(DatesUnavailable) as refused:
        harness.book()
    assert refused.value.nights == (NIGHTS[0], NIGHTS[2])
    assert list(ports.tables.bookings) == [other.booking_id]
    assert GUEST not in ports.tables.accounts


def test_a_guest_whose_own_unpaid_booking_holds_the_nights_is_told_which(harness: Harness, ports: Fakes) -> None:
    own = harness.book(key="own", stay=a_stay(NIGHTS[1], 1, units=4)).booking
    elsewhere = replace(harness.listing, listing_id=derive_listing_id(SALT, HOST, "elsewhere"))
    ports.tables.listings[elsewhere.listing_id] = elsewhere
    harness.book(key="later", stay=a_stay(NIGHTS[2], 1, units=4))
    with pytest.raises(DatesUnavailable) as refused:
        harness.book(key="again", stay=a_stay(NIGHTS[0], 2))
    assert (refused.value.nights, refused.value.own_booking) == ((NIGHTS[1],), own.booking_id)
    assert "your own booking" in refused.value.detail
    # Nobody else is told.
    with pytest.raises(DatesUnavailable) as refused:
        harness.book(key="dawit", guest=GUEST_DAWIT)
    assert refused.value.own_booking is None
    assert "your own" not in refused.value.detail


@pytest.mark.parametrize("story", ["paid", "elsewhere", "other nights", "unreadable"])
def test_own_bookings_that_do_not_stand_in_the_way_are_not_named(harness: Harness, ports: Fakes, story: str) -> None:
    if story == "paid":
        harness.confirmed_booking(key="own", stay=a_stay(units=4))
    else:
        own = harness.book(key="own", stay=a_stay(NIGHTS[0], 1)).booking
        harness.book(key="other", guest=GUEST_DAWIT, stay=a_stay(NIGHTS[1], 1, units=4))
        if story == "unreadable":
            ports.tables.unreadable.add(own.booking_id)
        if story == "elsewhere":
            row = ports.tables.bookings[own.booking_id]
            place = replace(own.place, listing_id=derive_listing_id(SALT, HOST, "elsewhere"))
            row.booking = replace(own, place=place, stay=a_stay(NIGHTS[1], 1))
    with pytest.raises(DatesUnavailable) as refused:
        harness.book(key="again", stay=a_stay(NIGHTS[1], 1))
    assert refused.value.own_booking is None
    if story == "elsewhere":
        ports.tables.bookings[own.booking_id].booking = own


@pytest.mark.parametrize("shown", [734999, 735001, 0])
def test_a_price_that_changed_is_told(harness: Harness, ports: Fakes, shown: int) -> None:
    with pytest.raises(PriceChanged) as refused:
        harness.book(expected_total=shown)
    assert refused.value.total == Money(735000, "ETB")
    assert wrote_nothing(ports)


@pytest.mark.parametrize("expected_total", [None, 735000, 1])
def test_a_stay_that_costs_more_than_one_payment_may_is_refused_before_nights_are_held(
    harness: Harness, ports: Fakes, expected_total: int | None
) -> None:
    ports.rules = replace(ports.rules, payment_limits={"ETB": Money(734999, "ETB"), "USD": Money(1, "USD")})
    with pytest.raises(AmountAboveLimit) as refused:
        harness.book(expected_total=expected_total)
    assert "ETB 7,350.00" in refused.value.detail
    assert "at most ETB 7,349.99" in refused.value.detail
    assert wrote_nothing(ports)
    assert ports.call_log.names("gateway") == []


@pytest.mark.parametrize("limits", [{"ETB": Money(735000, "ETB")}, {}, {"USD": Money(1, "USD")}])
def test_a_stay_that_costs_as_much_as_one_payment_may_is_held(
    harness: Harness, ports: Fakes, limits: dict[str, Money]
) -> None:
    ports.rules = replace(ports.rules, payment_limits=limits)
    held = harness.book()
    assert held.booking.total == Money(735000, "ETB")
    ports.rules = replace(ports.rules, payment_limits={"ETB": Money(1, "ETB")})
    assert harness.book().replayed, "a repeat is answered whatever the limit is by now"


def test_a_guest_holds_at_most_three_unpaid_bookings(harness: Harness, ports: Fakes) -> None:
    for n in range(3):
        assert harness.free_holds() == 3 - n
        harness.book(key=f"{n}")
    assert len(ports.tables.accounts[GUEST].holds) == 3
    before = dict(ports.tables.bookings)
    ports.call_log.forget()
    with pytest.raises(TooManyOpenHolds) as refused:
        harness.book(key="fourth")
    assert refused.value.retry_after == 60
    assert ports.tables.bookings == before
    assert ports.call_log.names("gateway") == []
    assert harness.units_taken == dict.fromkeys(NIGHTS, 3)
    harness.book(key="fourth", guest=GUEST_DAWIT)


def paid(harness: Harness) -> None:
    tx_ref = f"{booking_id_of('1')}-1"
    harness.ports.gateway.pay(tx_ref)
    harness.webhook(tx_ref)


def cancelled(harness: Harness) -> None:
    cancel(harness.ports, GUEST_HANNA, booking_id_of("1"), reason="")


@pytest.mark.parametrize("end", [paid, cancelled])
def test_a_hold_counts_no_more_once_its_booking_is_not_unpaid_any_more(
    harness: Harness, ports: Fakes, end: Callable[[Harness], None]
) -> None:
    for n in range(3):
        harness.book(key=f"{n}")
    end(harness)
    assert harness.free_holds() == 1
    fourth = harness.book(key="fourth").booking
    holds = [hold.booking_id for hold in ports.tables.accounts[GUEST].holds]
    assert holds == [booking_id_of("0"), booking_id_of("2"), fourth.booking_id]
    assert harness.free_holds() == 0


def test_a_hold_whose_booking_is_not_there_any_more_counts_no_more(harness: Harness, ports: Fakes) -> None:
    gone = tuple(OpenHold(booking_id_of(f"{number}"), HOLD_ENDS, 3) for number in (1, 2, 3))
    ports.tables.accounts[GUEST] = Account(holds=gone, version=1)
    assert harness.free_holds() == 3


def test_only_a_guest_who_comes_back_costs_another_reading(harness: Harness, ports: Fakes) -> None:
    harness.book(key="first")
    assert ports.call_log.count("bookings.load_many") == 0
    ports.call_log.forget()
    harness.book(key="second")
    # Its own id, in case it is a repeat; and what became of the first, in one batch.
    assert (ports.call_log.count("bookings.load"), ports.call_log.count("bookings.load_many")) == (1, 1)


def test_a_hold_counts_no_more_when_its_time_is_over(harness: Harness, ports: Fakes) -> None:
    """Half a day after the hold: for so long its nights are kept at most while the gateway cannot be asked."""
    for n in range(3):
        harness.book(key=f"{n}")
    ports.clock.move_to(HOLD_ENDS + timedelta(hours=12))
    assert harness.free_holds() == 0
    ports.clock.move(milliseconds=1)
    assert harness.free_holds() == 3


def test_a_booking_that_cannot_be_read_is_taken_for_unpaid(harness: Harness, ports: Fakes) -> None:
    for n in range(3):
        harness.book(key=f"{n}")
    paid(harness)
    ports.tables.unreadable.add(booking_id_of("1"))
    with pytest.raises(TooManyOpenHolds):
        harness.book(key="fourth")
    ports.clock.move_to(HOLD_ENDS + timedelta(hours=12, milliseconds=1))
    harness.book(key="fourth")


# -- repeats


def test_a_repeat_answers_the_same_booking(harness: Harness, ports: Fakes) -> None:
    first = harness.book()
    ports.call_log.forget()
    again = harness.book()
    assert again == BookingResult(first.booking, replayed=True)
    assert ports.call_log.names() == ["bookings.salt", "bookings.load", "bookings.load"]


def test_a_repeat_shows_todays_state(harness: Harness) -> None:
    booking = harness.confirmed_booking()
    assert harness.book() == BookingResult(booking, replayed=True)


def test_a_repeat_works_whatever_changed_meanwhile(harness: Harness, ports: Fakes) -> None:
    """It is looked up before any other check."""
    booking = harness.held_booking(expected_total=735000)
    closed_and_dearer = replace(harness.listing, status="closed", units=1, nightly_price=Money(900000, "ETB"))
    ports.tables.listings[harness.listing.listing_id] = closed_and_dearer
    harness.listing = closed_and_dearer
    ports.clock.move(days=400)
    assert harness.book(expected_total=735000).booking.booking_id == booking.booking_id
    del ports.tables.listings[harness.listing.listing_id]
    assert harness.book(expected_total=735000).replayed
    ports.tables.listings[harness.listing.listing_id] = replace(closed_and_dearer, units=4)


@pytest.mark.parametrize(
    "other",
    [
        {"stay": a_stay(nights=2)},
        {"stay": a_stay(units=2)},
        {"contact": replace(HANNA, phone="0911223345")},
        {"language": "am"},
        {"expected_total": 735000},
        {"return_url": "https://shop.example.et/thanks"},
    ],
)
def test_a_key_belongs_to_one_request(harness: Harness, ports: Fakes, other: dict[str, Any]) -> None:
    booking = harness.held_booking()
    with pytest.raises(IdempotencyKeyReused):
        harness.book(**other)
    assert harness.stored_booking(booking) == booking
    assert ports.call_log.names() == ["bookings.salt", "bookings.load", "bookings.load"]


def test_a_key_belongs_to_one_listing_too(harness: Harness) -> None:
    harness.held_booking()
    harness.listing = replace(harness.listing, listing_id=derive_listing_id(SALT, HOST, "another"))
    with pytest.raises(IdempotencyKeyReused):
        harness.book()
    harness.ports.tables.listings[harness.listing.listing_id] = harness.listing


def test_a_key_is_its_guests_own(harness: Harness) -> None:
    hanna, dawit = harness.book().booking, harness.book(guest=GUEST_DAWIT).booking
    assert hanna.booking_id != dawit.booking_id
    assert harness.units_taken == dict.fromkeys(NIGHTS, 2)


def test_a_repeat_waits_for_the_first_to_be_done(harness: Harness, ports: Fakes) -> None:
    seen: list[BookingResult] = []
    ports.clock.on_sleep = lambda: None

    def repeat() -> None:
        """While the first is at the gateway, the second comes; it is answered once the first is done."""
        with pytest.raises(InProgress) as refused:
            harness.book()
        assert refused.value.retry_after == 5

    ports.run_before("gateway.initialize", repeat)
    seen.append(harness.book())
    assert ports.call_log.count("gateway.initialize") == 1
    assert sum(ports.clock.slept) == pytest.approx(15, abs=0.5)
    assert ports.clock.slept[:6] == [0.05, 0.1, 0.2, 0.3, 0.5, 0.5]
    assert seen[0].booking == harness.stored_booking(FIRST)


def test_a_repeat_takes_over_once_the_first_is_surely_gone(harness: Harness, ports: Fakes) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    ports.run_before("gateway.initialize", crash)
    with pytest.raises(KeyboardInterrupt):
        harness.book()
    assert harness.stored_booking(FIRST).payments[0].status == "created"
    ports.clock.move(seconds=24)
    again = harness.book()
    # It waited for the lease to end, and went on with the same reference.
    assert ports.clock.now() >= NOW + timedelta(seconds=25)
    assert again.replayed
    assert [payment.tx_ref for payment in again.booking.payments] == [f"{FIRST}-1"]
    assert again.booking.payments[0].status == "pending"
    assert again.booking.history[-1].cause == "guest"
    assert ports.gateway.charges.keys() == {f"{FIRST}-1"}
    assert ports.gateway.charges[f"{FIRST}-1"].opening.return_url.startswith(PUBLIC)


def test_a_repeat_after_the_hold_opens_nothing(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        harness.book()
    ports.clock.move(minutes=28)
    again = harness.book()
    assert (again.replayed, again.booking.payments[0].status) == (True, "created")
    assert ports.gateway.charges == {}


def test_a_repeat_leaves_an_opening_of_unknown_fate_to_the_guest(harness: Harness, ports: Fakes) -> None:
    """Its owner came back without a link: nobody is gone, and to pay is another call."""
    ports.gateway.fail_next("initialize", GatewayTimeout("silence", definitely_not_executed=False))
    first = harness.book().booking
    again = harness.book()
    assert (again.replayed, again.booking) == (True, first)
    assert ports.call_log.count("gateway.initialize") == 1


def test_twenty_equal_calls_at_once_are_one_booking(harness: Harness, ports: Fakes) -> None:
    """Nineteen of them meet the first one's booking and wait until it has come back from the gateway."""
    waiting = threading.Semaphore(0)
    opened = threading.Event()

    def wait() -> None:
        waiting.release()
        assert opened.wait(10)

    def all_others_wait() -> None:
        for _ in range(19):
            assert waiting.acquire(timeout=10)

    ports.clock.on_sleep = wait
    ports.run_before("gateway.initialize", all_others_wait)
    ports.run_after("bookings.save", opened.set)
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(harness.book) for _ in range(20)]
        answers = [call.result(timeout=20) for call in calls]
    assert {answer.booking.booking_id for answer in answers} == {FIRST}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    assert {answer.booking.payments[0].checkout_url for answer in answers} == {ports.gateway.charges[f"{FIRST}-1"].url}
    assert ports.call_log.count("gateway.initialize") == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


# -- a twin of the same call gets in between


@pytest.mark.parametrize("at", ["bookings.hold", "bookings.account", "listings.load_with_nights"])
def test_a_twin_is_met_wherever_it_gets_in(harness: Harness, ports: Fakes, at: str) -> None:
    twins: list[BookingResult] = []
    ports.run_before(at, lambda: twins.append(harness.book()))
    done = harness.book()
    assert done == BookingResult(twins[0].booking, replayed=True)
    assert list(ports.tables.bookings) == [FIRST]
    assert ports.call_log.count("gateway.initialize") == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_twin_is_found_instead_of_short_nights(harness: Harness, ports: Fakes) -> None:
    ports.run_before("listings.load_with_nights", lambda: harness.book(stay=a_stay(units=4)))
    assert harness.book(stay=a_stay(units=4)).replayed


def test_a_twin_is_found_instead_of_too_many_holds(harness: Harness, ports: Fakes) -> None:
    for n in range(2):
        harness.book(key=f"{n}")
    ports.run_before("bookings.account", harness.book)
    assert harness.book().replayed


def test_a_twin_is_found_instead_of_a_changed_price(harness: Harness, ports: Fakes) -> None:
    def twin_then_dearer() -> None:
        harness.book(expected_total=735000)
        ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, nightly_price=Money(1, "ETB"))

    ports.run_before("listings.load_with_nights", twin_then_dearer)
    assert harness.book(expected_total=735000).replayed


def test_a_twin_with_another_body_is_a_reused_key(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.hold", lambda: harness.book(language="am"))
    with pytest.raises(IdempotencyKeyReused):
        harness.book()


# -- the first read is eventually consistent: it may miss what was just written


@pytest.mark.parametrize("closed", [False, True])
def test_a_repeat_is_answered_although_the_first_read_misses_the_booking(
    harness: Harness, ports: Fakes, *, closed: bool
) -> None:
    """The transaction's condition meets the booking, or the consistent read before a refusal does."""
    ports.tables.stop_replication()
    first = harness.held_booking()
    if closed:
        ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, status="closed")
    assert harness.book() == BookingResult(first, replayed=True)
    assert ports.call_log.count("bookings.hold") == (0 if closed else 1)
    assert list(ports.tables.bookings) == [FIRST]
    ports.tables.listings[harness.listing.listing_id] = harness.listing


def test_a_repeat_that_the_first_read_misses_is_still_another_request_s_key(harness: Harness, ports: Fakes) -> None:
    ports.tables.stop_replication()
    harness.held_booking()
    with pytest.raises(IdempotencyKeyReused):
        harness.book(language="am")


def test_a_repeat_is_told_how_the_booking_stands_now(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.tables.stop_replication()
    confirmed = harness.confirmed_booking()
    assert harness.book() == BookingResult(confirmed, replayed=True)


def test_an_account_that_the_first_read_sees_too_young_is_read_again(harness: Harness, ports: Fakes) -> None:
    ports.tables.stop_replication()
    for n in range(3):
        harness.book(key=f"{n}")
    with pytest.raises(TooManyOpenHolds):
        harness.book()
    assert len(ports.tables.accounts[GUEST].holds) == 3
    assert FIRST not in ports.tables.bookings


def test_nobody_is_refused_for_what_is_over(harness: Harness, ports: Fakes) -> None:
    """The account is full in the first read only."""
    for n in range(3):
        harness.book(key=f"{n}")
    ports.tables.stop_replication()
    ports.tables.accounts[GUEST] = Account(version=ports.tables.accounts[GUEST].version + 1)
    assert not harness.book().replayed
    assert [hold.booking_id for hold in ports.tables.accounts[GUEST].holds] == [FIRST]


# -- others get in between


def test_the_last_unit_goes_to_one_of_two(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.hold", lambda: harness.book(guest=GUEST_DAWIT, stay=a_stay(units=4)))
    with pytest.raises(DatesUnavailable) as refused:
        harness.book()
    assert refused.value.nights == NIGHTS
    assert FIRST not in ports.tables.bookings
    assert ports.call_log.count("gateway.initialize") == 1


def test_two_bookings_of_one_guest_at_once_both_count(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.hold", lambda: harness.book(key="other"))
    harness.book()
    account = ports.tables.accounts[GUEST]
    assert [hold.booking_id for hold in account.holds] == [booking_id_of("other"), FIRST]
    assert account.made == (NOW, NOW)


@pytest.mark.parametrize("at", ["bookings.account", "bookings.hold"])
def test_a_price_that_changes_meanwhile_is_the_one_that_is_charged(harness: Harness, ports: Fakes, at: str) -> None:
    def dearer() -> None:
        ports.tables.nights[harness.listing.listing_id, NIGHTS[0]] = Night(NIGHTS[0], 0, Money(300000, "ETB"))

    ports.run_before(at, dearer)
    assert harness.book().booking.total == Money(790000, "ETB")


def test_a_price_that_changes_meanwhile_is_told_who_was_shown_another(harness: Harness, ports: Fakes) -> None:
    def dearer() -> None:
        ports.tables.nights[harness.listing.listing_id, NIGHTS[0]] = Night(NIGHTS[0], 0, Money(300000, "ETB"))

    ports.run_before("bookings.hold", dearer)
    with pytest.raises(PriceChanged) as refused:
        harness.book(expected_total=735000)
    assert refused.value.total == Money(790000, "ETB")
    assert wrote_nothing(ports)


@pytest.mark.parametrize("lost", [NightsShort, AccountChanged])
def test_losing_again_and_again_ends(harness: Harness, ports: Fakes, lost: type[Exception]) -> None:
    for skip in range(TRIES):
        ports.run_before("bookings.hold", raises(lost()), skip=skip)
    with pytest.raises(Busy) as refused:
        harness.book()
    assert refused.value.retry_after == 1
    assert ports.call_log.count("bookings.hold") == TRIES
    assert wrote_nothing(ports)


# -- the store's bad days


def test_a_busy_store_is_told(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.hold", raises(StoreBusy()))
    with pytest.raises(Busy) as refused:
        harness.book()
    assert refused.value.retry_after == 1
    assert ports.call_log.count("bookings.hold") == 1
    assert wrote_nothing(ports)


def test_a_hold_whose_answer_was_lost_is_still_ours(harness: Harness, ports: Fakes) -> None:
    """The store tried again by itself and met its own booking: the one who wrote it goes on to the gateway."""
    ports.run_before("bookings.hold", lambda: _hold_unheard(ports))
    done = harness.book()
    assert not done.replayed
    assert done.booking.payments[0].status == "pending"
    assert ports.call_log.count("gateway.initialize") == 1
    assert ports.clock.slept == []
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_hold_that_timed_out_is_looked_for(harness: Harness, ports: Fakes) -> None:
    ports.run_after("bookings.hold", raises(StoreBusy()))
    done = harness.book()
    assert not done.replayed
    assert done.booking.payments[0].status == "pending"
    assert ports.call_log.count("gateway.initialize") == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_hold_that_arrives_too_late_to_be_seen_is_found_by_a_repeat(harness: Harness, ports: Fakes) -> None:
    ports.run_after("bookings.hold", raises(StoreBusy()))
    ports.run_before("bookings.load", raises(StoreBusy()), skip=1)
    with pytest.raises(StoreBusy):
        harness.book()
    ports.clock.move(seconds=15)
    again = harness.book()
    assert again.replayed
    assert again.booking.payments[0].status == "pending"
    assert ports.call_log.count("gateway.initialize") == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def _hold_unheard(ports: Fakes) -> None:
    """Do the hold that is just being called, once before: its first answer was lost."""
    call = ports.call_log.calls[-1]
    ports.bookings.hold(*call.args)
