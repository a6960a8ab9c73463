"""The races as a table: what is there before, the two who meet, and how it must end, whoever gets in first.

Each row is played twice: in order, one of the two getting in just before every single call of the other; and with
real threads. ``end`` looks when both are done and the queues are drained, and names exact states; ``later`` looks
hours afterwards. What either of the two may get instead of a result is in ``refused``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import (
    AccountBlocked,
    BookingNotFound,
    BookingNotPayable,
    DatesUnavailable,
    GatewayUnreachable,
    InProgress,
    RateLimited,
    RefundUnderWay,
    TooManyOpenHolds,
)
from chalicelib.domain.ids import BookingId
from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.services.book import BookingResult
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import CheckoutResult
from chalicelib.services.clock.sweep import process_task
from chalicelib.services.deliver import deliver
from chalicelib.services.operators.accounts import act_on_account
from chalicelib.services.refunds import refund
from tests.harness import (
    GUEST_DAWIT,
    GUEST_HANNA,
    HOLD_ENDS,
    HOST_ABEBE,
    NIGHTS,
    OPERATOR,
    OPERATOR_SELAM,
    PUBLIC,
    Harness,
    booking_id_of,
)
from tests.replacing import replace

FIRST = booking_id_of("first")
TX = f"{FIRST}-1"
DAWITS = booking_id_of("first", GUEST_DAWIT)
PRICE = Money(735000, "ETB")

Play = Callable[[Harness], object]
End = Callable[[Harness, list[object]], None]


def nothing(_: Harness) -> None:
    """Nothing is there before."""


@dataclass(frozen=True)
class Race:
    """``one`` and ``other`` meet; ``listing`` is what is special about the harness's listing."""

    one: Play
    other: Play
    end: End
    begin: Play = nothing
    later: Callable[[Harness], None] = nothing
    refused: tuple[type[Exception], ...] = ()
    listing: dict[str, Any] = field(default_factory=dict)


# -- what is there before


def at_one_booking_an_hour(harness: Harness) -> None:
    harness.ports.rules = replace(harness.ports.rules, limits=Limits(bookings_per_hour=1))


def held(harness: Harness) -> None:
    harness.held_booking()


def held_and_paid(harness: Harness) -> None:
    harness.held_booking()
    harness.ports.gateway.pay(TX)


def at_the_holds_end(harness: Harness) -> None:
    harness.held_booking()
    harness.ports.clock.move_to(HOLD_ENDS)


def at_the_holds_end_with_a_neighbour(harness: Harness) -> None:
    harness.confirmed_booking(guest=GUEST_DAWIT)
    at_the_holds_end(harness)


def confirmed(harness: Harness) -> None:
    harness.confirmed_booking()


def owing_a_refund(harness: Harness) -> None:
    confirmed(harness)
    cancel(harness.ports, GUEST_HANNA, FIRST, reason="")
    harness.clear_logs()


def without_a_link(harness: Harness) -> None:
    """The gateway did not answer when the payment was opened, and the hold is nearly over."""
    harness.ports.gateway.fail_next("initialize", GatewayUnreachable("down", definitely_not_executed=False))
    harness.book()
    harness.ports.clock.move_to(HOLD_ENDS - timedelta(minutes=3))
    harness.clear_logs()


def with_two_holds(harness: Harness) -> None:
    harness.held_booking(key="a")
    harness.held_booking(key="b")


def with_three_holds_one_of_them_paid(harness: Harness) -> None:
    with_two_holds(harness)
    harness.confirmed_booking()


def expired_with_money_on_its_way(harness: Harness) -> None:
    harness.expired_booking()
    harness.ports.gateway.pay(TX, on_its_way=True)


# -- who meets


def book(harness: Harness) -> BookingResult:
    return harness.book()


def dawit_books(harness: Harness) -> BookingResult:
    return harness.book(guest=GUEST_DAWIT)


def webhook(harness: Harness) -> None:
    harness.webhook(TX)


def money_comes(harness: Harness) -> None:
    harness.ports.gateway.pay(TX, on_its_way=True)
    harness.webhook(TX)


def reconcile(harness: Harness) -> None:
    harness.process_task(harness.stored_booking(FIRST), TX)


def sweep(harness: Harness) -> None:
    harness.process_task(harness.stored_booking(FIRST))


def the_hold_ends(harness: Harness) -> None:
    harness.ports.clock.move_to(HOLD_ENDS)
    sweep(harness)


def pay(harness: Harness) -> CheckoutResult:
    return harness.pay(harness.stored_booking(FIRST))


def guest_cancels(harness: Harness) -> object:
    return cancel(harness.ports, GUEST_HANNA, FIRST, reason="")


def operator_blocks(harness: Harness) -> object:
    return act_on_account(
        harness.ports, OPERATOR, GUEST_HANNA.person_id, act="block", note="Stolen cards.", request_id="request-b"
    )


def host_cancels(harness: Harness) -> object:
    return cancel(harness.ports, HOST_ABEBE, FIRST, reason="")


def operator_refunds_a_night(harness: Harness) -> object:
    return refund(harness.ports, OPERATOR, TX, amount=245000, reason="a flood", key="k")


def another_operator_refunds_it(harness: Harness) -> object:
    return refund(harness.ports, OPERATOR_SELAM, TX, amount=245000, reason="a flood", key="k")


def send(harness: Harness) -> int:
    return deliver(harness.ports, FIRST)


# -- how it ends


def open_holds(harness: Harness) -> list[BookingId]:
    """The bookings that the accounts hold, as they were when they were last written."""
    return [hold.booking_id for account in harness.ports.tables.accounts.values() for hold in account.holds]


def one_of_two_booked(harness: Harness, outcomes: list[object]) -> None:
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert len(booked) == 1
    assert any(isinstance(done, DatesUnavailable) for done in outcomes)
    assert set(harness.ports.tables.bookings) == booked
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert initialized(harness) == 1
    assert set(open_holds(harness)) == booked


def one_booking(harness: Harness, outcomes: list[object]) -> None:
    booked = [done for done in outcomes if isinstance(done, BookingResult)]
    assert {done.booking.booking_id for done in booked} == {FIRST}
    assert sum(not done.replayed for done in booked) == 1
    assert set(harness.ports.tables.bookings) == {FIRST}
    [payment] = harness.stored_booking(FIRST).payments
    assert payment.status == "pending"
    assert {done.booking.payments[-1].checkout_url for done in booked} == {payment.checkout_url}
    assert initialized(harness) == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert open_holds(harness) == [FIRST]


def one_more_hold(harness: Harness, outcomes: list[object]) -> None:
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert len(booked) == 1
    assert any(isinstance(done, TooManyOpenHolds) for done in outcomes)
    assert sorted(open_holds(harness)) == sorted(harness.ports.tables.bookings)
    assert len(harness.ports.tables.bookings) == 3
    assert harness.units_taken == dict.fromkeys(NIGHTS, 3)


def one_booking_of_the_hour(harness: Harness, outcomes: list[object]) -> None:
    assert len({done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}) == 1
    assert any(isinstance(done, RateLimited) for done in outcomes)
    [account] = harness.ports.tables.accounts.values()
    assert len(account.made) == len(harness.ports.tables.bookings) == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def booked_before_the_block_or_not_at_all(harness: Harness, outcomes: list[object]) -> None:
    [account] = harness.ports.tables.accounts.values()
    assert account.block is not None
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert {hold.booking_id for hold in account.holds} == booked
    assert harness.units_taken == (dict.fromkeys(NIGHTS, 1) if booked else {})


def one_more_hold_in_place_of_the_paid_one(harness: Harness, outcomes: list[object]) -> None:
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert len(booked) == 1
    assert any(isinstance(done, TooManyOpenHolds) for done in outcomes)
    assert sorted(open_holds(harness)) == sorted(set(harness.ports.tables.bookings) - {FIRST})
    assert harness.free_holds() == 0
    assert harness.units_taken == dict.fromkeys(NIGHTS, 4)


def confirmed_once(harness: Harness, outcomes: list[object]) -> None:
    booking = harness.stored_booking(FIRST)
    assert (booking.status, moves(booking, "confirmed")) == ("confirmed", 1)
    [payment] = booking.payments
    assert (payment.status, payment.accepted, payment.facts.received) == ("completed", True, PRICE)
    assert booking.refunds == ()
    assert letters(harness) == {"booking_confirmed": 1, "host_new_booking": 1}
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert harness.ports.gateway.refunds == []
    assert harness.free_holds() == 3


def expired_once(harness: Harness, outcomes: list[object]) -> None:
    booking = harness.stored_booking(FIRST)
    assert (booking.status, moves(booking, "expired")) == ("expired", 1)
    assert letters(harness)["hold_expired"] == 1
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)  # the neighbour's


def expired_without_a_link(harness: Harness, outcomes: list[object]) -> None:
    """A link that was opened too late is closed; whoever asked got it before the end, or was refused."""
    assert harness.stored_booking(FIRST).status == "expired"
    assert harness.units_taken == {}
    assert all(charge.cancelled for charge in harness.ports.gateway.charges.values())
    assert initialized(harness) <= 1


def cancelled_and_paid_back(harness: Harness, outcomes: list[object]) -> None:
    booking = harness.stored_booking(FIRST)
    assert (booking.status, moves(booking, "cancelled")) == ("cancelled", 1)
    [payment] = booking.payments
    [refund] = booking.refunds
    assert (payment.status, payment.facts.received) == ("completed", PRICE)
    assert (refund.amount, refund.status) == (PRICE, "processing")
    assert harness.ports.gateway.refunds == [(refund.refund_id, PRICE, refund.reason)]
    assert harness.units_taken == {}


def cancelled_with_a_letter_each(harness: Harness, outcomes: list[object]) -> None:
    cancelled_and_paid_back(harness, outcomes)
    sent = letters(harness)
    assert (sent["booking_cancelled"], sent["host_cancelled"]) == (1, 1)


def cancelled_beside_a_neighbour(harness: Harness, outcomes: list[object]) -> None:
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.refunds) == ("cancelled", ())
    assert harness.ports.gateway.charges[TX].cancelled
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def cancelled_or_not_there_yet(harness: Harness, outcomes: list[object]) -> None:
    """Whoever was too early to find it did not cancel it; of one that was cancelled no link stays open."""
    [charge] = harness.ports.gateway.charges.values() or [None]
    if any(isinstance(done, tuple) for done in outcomes):
        assert harness.stored_booking(FIRST).status == "cancelled"
        assert harness.units_taken == {}
        assert charge is None or charge.cancelled
    else:
        one_booking(harness, [done for done in outcomes if isinstance(done, BookingResult)])


def one_night_back(harness: Harness, outcomes: list[object]) -> None:
    """Whoever came first gave it back; the other one is told that it is under way, or that it was done."""
    # Each may come again under its own key: then it is answered as before.
    [made] = {done[0].refund_id for done in outcomes if isinstance(done, tuple)}
    [known] = harness.stored_booking(FIRST).refunds
    assert (known.refund_id, known.amount.minor) == (made, 245000)
    assert [amount.minor for _, amount, _ in harness.ports.gateway.refunds] == [245000]


def refund_done(harness: Harness) -> None:
    [refund] = harness.stored_booking(FIRST).refunds
    assert refund.status == "refunded"
    assert len(harness.ports.gateway.refunds) == 1


def one_link(harness: Harness, outcomes: list[object]) -> None:
    paid = [done for done in outcomes if isinstance(done, CheckoutResult)]
    [payment] = harness.stored_booking(FIRST).payments
    assert payment.status == "pending"
    assert {done.payment.checkout_url for done in paid} == {payment.checkout_url}
    assert sum(done.opened for done in paid) >= 1
    assert initialized(harness) == 1


def each_letter_once(harness: Harness, outcomes: list[object]) -> None:
    assert letters(harness) == {"booking_confirmed": 1, "host_new_booking": 1}
    assert all(email.status == "sent" for email in harness.stored_booking(FIRST).letters)
    assert "email_sent_twice" not in harness.ports.observe.events


def the_unit_has_one_owner(harness: Harness, outcomes: list[object]) -> None:
    """Late money takes the unit again if it is free; if another guest has it, the money goes back."""
    hanna = harness.stored_booking(FIRST)
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert hanna.payments[0].status == "completed"
    if any(isinstance(done, BookingResult) for done in outcomes):
        assert harness.stored_booking(DAWITS).status == "pending_payment"
        assert hanna.status == "expired"
        assert [refund.amount for refund in hanna.refunds] == [PRICE]
        assert [amount for _, amount, _ in harness.ports.gateway.refunds] == [PRICE]
    else:
        assert DAWITS not in harness.ports.tables.bookings
        assert hanna.status == "confirmed"
        assert harness.ports.gateway.refunds == []


def initialized(harness: Harness) -> int:
    return harness.ports.call_log.count("gateway.initialize")


def moves(booking: Booking, to: str) -> int:
    """How often the booking came into this status."""
    return sum(event.subject == "" and event.after == to for event in booking.history)


def letters(harness: Harness) -> Counter[str]:
    """How many e-mails of each kind went out about the first booking's guest or its host."""
    others = {harness.listing.host_email, "hanna.tesfaye@gmail.com"}
    return Counter(message.subject.partition(" ")[0] for message in harness.ports.mailer.sent if message.to in others)


RACES: dict[str, Race] = {
    "two guests book the last unit": Race(
        book, dawit_books, one_of_two_booked, refused=(DatesUnavailable,), listing={"units": 1}
    ),
    "two equal bookings": Race(book, book, one_booking, refused=(InProgress,)),
    "two bookings for the last slot": Race(
        lambda harness: harness.book(key="c"),
        lambda harness: harness.book(key="d"),
        one_more_hold,
        begin=with_two_holds,
        refused=(TooManyOpenHolds,),
    ),
    "two bookings for the slot of a paid one": Race(
        lambda harness: harness.book(key="c"),
        lambda harness: harness.book(key="d"),
        one_more_hold_in_place_of_the_paid_one,
        begin=with_three_holds_one_of_them_paid,
        refused=(TooManyOpenHolds,),
        listing={"units": 9},
    ),
    "two bookings for the last one of the hour": Race(
        lambda harness: harness.book(key="c"),
        lambda harness: harness.book(key="d"),
        one_booking_of_the_hour,
        begin=at_one_booking_an_hour,
        refused=(RateLimited,),
    ),
    "a booking and an operator's block": Race(
        book, operator_blocks, booked_before_the_block_or_not_at_all, refused=(AccountBlocked,)
    ),
    "two equal webhooks": Race(webhook, webhook, confirmed_once, begin=held_and_paid),
    "two reconcile": Race(reconcile, reconcile, confirmed_once, begin=held_and_paid),
    "a webhook and a reconcile": Race(webhook, reconcile, confirmed_once, begin=held_and_paid),
    "two end a hold": Race(sweep, sweep, expired_once, begin=at_the_holds_end_with_a_neighbour),
    "the sweep ends the hold and the webhook brings its money": Race(
        sweep, money_comes, confirmed_once, begin=at_the_holds_end
    ),
    "the guest pays and the hold ends": Race(
        pay,
        the_hold_ends,
        expired_without_a_link,
        begin=without_a_link,
        refused=(BookingNotPayable, InProgress),
    ),
    "two ask for a link": Race(pay, pay, one_link, begin=without_a_link, refused=(InProgress,)),
    "a cancellation and late money": Race(
        guest_cancels, money_comes, cancelled_and_paid_back, begin=held, later=refund_done
    ),
    "a cancellation and the end of the hold": Race(
        guest_cancels, sweep, cancelled_beside_a_neighbour, begin=at_the_holds_end_with_a_neighbour
    ),
    "a cancellation while the payment is opened": Race(
        book, guest_cancels, cancelled_or_not_there_yet, refused=(BookingNotFound, InProgress)
    ),
    "guest and host cancel": Race(
        guest_cancels, host_cancels, cancelled_with_a_letter_each, begin=confirmed, later=refund_done
    ),
    "two operators give a night back": Race(
        operator_refunds_a_night,
        another_operator_refunds_it,
        one_night_back,
        begin=confirmed,
        refused=(RefundUnderWay,),
    ),
    "two start a refund": Race(sweep, sweep, cancelled_and_paid_back, begin=owing_a_refund, later=refund_done),
    "two send the e-mails": Race(send, send, each_letter_once, begin=confirmed),
    "late money and another guest, for the last unit": Race(
        dawit_books,
        webhook,
        the_unit_has_one_owner,
        begin=expired_with_money_on_its_way,
        refused=(DatesUnavailable,),
        listing={"units": 1},
    ),
}


def swapped(race: Race) -> Race:
    """The same two, the other one first."""
    return replace(race, one=race.other, other=race.one)


def attempt(play: Play, harness: Harness, race: Race) -> object:
    """What somebody was answered, or how refused."""
    try:
        return play(harness)
    except race.refused as refusal:
        return refusal


def drain(harness: Harness) -> None:
    """Process every message that waits in both queues."""
    queue = harness.ports.queue
    while queue.tasks or queue.letters:
        if queue.tasks:
            process_task(harness.ports, queue.tasks.pop(0), public_url=PUBLIC)
        else:
            deliver(harness.ports, queue.letters.pop(0).booking_id)
