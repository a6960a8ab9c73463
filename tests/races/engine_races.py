"""The races as a table: what is there before, the two who meet, and how it must end, whoever gets in first.

Each row is played twice: in order, one of the two getting in just before every single call of the other; and with
real threads. ``end`` looks when both are done and the queues are drained, and names exact states; ``later`` looks
hours afterwards. What either of the two may be told instead of a result is in ``refused``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import (
    BookingNotFound,
    BookingNotPayable,
    DatesUnavailable,
    GatewayUnreachable,
    InProgress,
    TooManyOpenHolds,
)
from chalicelib.domain.money import Money
from chalicelib.services.book import BookingResult
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import CheckoutResult
from chalicelib.services.deliver import send_emails
from chalicelib.services.sweep import process_task
from tests.scenes import GUEST_DAWIT, GUEST_HANNA, HOLD_ENDS, HOST_ABEBE, NIGHTS, PUBLIC, Scene, id_of

FIRST = id_of("first")
TX = f"{FIRST}-1"
DAWITS = id_of("first", GUEST_DAWIT)
PRICE = Money(735000, "ETB")

Play = Callable[[Scene], object]
End = Callable[[Scene, list[object]], None]


def nothing(_: Scene) -> None:
    """Nothing is there before."""


@dataclass(frozen=True)
class Race:
    """``one`` and ``other`` meet; ``listing`` is what is special about the scene's listing."""

    one: Play
    other: Play
    end: End
    begin: Play = nothing
    later: Callable[[Scene], None] = nothing
    refused: tuple[type[Exception], ...] = ()
    listing: dict[str, Any] = field(default_factory=dict)


# -- what is there before


def held(scene: Scene) -> None:
    scene.booked()


def held_and_paid(scene: Scene) -> None:
    scene.booked()
    scene.ports.gateway.pay(TX)


def at_the_holds_end(scene: Scene) -> None:
    scene.booked()
    scene.ports.clock.move_to(HOLD_ENDS)


def at_the_holds_end_with_a_neighbour(scene: Scene) -> None:
    scene.confirmed(guest=GUEST_DAWIT)
    at_the_holds_end(scene)


def confirmed(scene: Scene) -> None:
    scene.confirmed()


def owing_a_refund(scene: Scene) -> None:
    confirmed(scene)
    cancel(scene.ports, GUEST_HANNA, FIRST, reason="")
    scene.forget()


def without_a_link(scene: Scene) -> None:
    """The gateway said nothing when the payment was opened, and the hold is nearly over."""
    scene.ports.gateway.trouble("initialize", GatewayUnreachable("down", definitely_not_executed=False))
    scene.book()
    scene.ports.clock.move_to(HOLD_ENDS - timedelta(minutes=3))
    scene.forget()


def with_two_holds(scene: Scene) -> None:
    scene.booked(key="a")
    scene.booked(key="b")


def expired_with_money_on_its_way(scene: Scene) -> None:
    scene.expired()
    scene.ports.gateway.pay(TX, on_its_way=True)


# -- who meets


def book(scene: Scene) -> BookingResult:
    return scene.book()


def dawit_books(scene: Scene) -> BookingResult:
    return scene.book(guest=GUEST_DAWIT)


def webhook(scene: Scene) -> None:
    scene.webhook(TX)


def money_comes(scene: Scene) -> None:
    scene.ports.gateway.pay(TX, on_its_way=True)
    scene.webhook(TX)


def reconcile(scene: Scene) -> None:
    scene.work(scene.now(FIRST), TX)


def sweep(scene: Scene) -> None:
    scene.work(scene.now(FIRST))


def the_hold_ends(scene: Scene) -> None:
    scene.ports.clock.move_to(HOLD_ENDS)
    sweep(scene)


def pay(scene: Scene) -> CheckoutResult:
    return scene.pay(scene.now(FIRST))


def guest_cancels(scene: Scene) -> object:
    return cancel(scene.ports, GUEST_HANNA, FIRST, reason="")


def host_cancels(scene: Scene) -> object:
    return cancel(scene.ports, HOST_ABEBE, FIRST, reason="")


def send(scene: Scene) -> int:
    return send_emails(scene.ports, FIRST)


# -- how it ends


def one_of_two_booked(scene: Scene, outcomes: list[object]) -> None:
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert len(booked) == 1
    assert any(isinstance(done, DatesUnavailable) for done in outcomes)
    assert set(scene.ports.tables.bookings) == booked
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert initialized(scene) == 1
    assert sum(map(len, scene.ports.tables.slots.values())) == 1


def one_booking(scene: Scene, outcomes: list[object]) -> None:
    booked = [done for done in outcomes if isinstance(done, BookingResult)]
    assert {done.booking.booking_id for done in booked} == {FIRST}
    assert sum(not done.replayed for done in booked) == 1
    assert set(scene.ports.tables.bookings) == {FIRST}
    [payment] = scene.now(FIRST).payments
    assert payment.status == "pending"
    assert {done.booking.payments[-1].checkout_url for done in booked} == {payment.checkout_url}
    assert initialized(scene) == 1
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert list(scene.ports.tables.slots.values()) == [{1: (scene.now(FIRST).slot_frees_at, FIRST)}]


def one_more_hold(scene: Scene, outcomes: list[object]) -> None:
    booked = {done.booking.booking_id for done in outcomes if isinstance(done, BookingResult)}
    assert len(booked) == 1
    assert any(isinstance(done, TooManyOpenHolds) for done in outcomes)
    [slots] = scene.ports.tables.slots.values()
    assert {booking_id for _, booking_id in slots.values()} == set(scene.ports.tables.bookings)
    assert len(scene.ports.tables.bookings) == 3
    assert scene.taken == dict.fromkeys(NIGHTS, 3)


def confirmed_once(scene: Scene, outcomes: list[object]) -> None:
    booking = scene.now(FIRST)
    assert (booking.status, moves(booking, "confirmed")) == ("confirmed", 1)
    [payment] = booking.payments
    assert (payment.status, payment.accepted, payment.received) == ("completed", True, PRICE)
    assert booking.refunds == ()
    assert letters(scene) == {"booking_confirmed": 1, "host_new_booking": 1}
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert scene.ports.gateway.refunds == []
    assert not any(scene.ports.tables.slots.values())


def expired_once(scene: Scene, outcomes: list[object]) -> None:
    booking = scene.now(FIRST)
    assert (booking.status, moves(booking, "expired")) == ("expired", 1)
    assert letters(scene)["hold_expired"] == 1
    assert scene.taken == dict.fromkeys(NIGHTS, 1)  # the neighbour's


def expired_without_a_link(scene: Scene, outcomes: list[object]) -> None:
    """A link that was opened too late is closed; whoever asked got it before the end, or was refused."""
    assert scene.now(FIRST).status == "expired"
    assert scene.taken == {}
    assert all(charge.cancelled for charge in scene.ports.gateway.charges.values())
    assert initialized(scene) <= 1


def cancelled_and_paid_back(scene: Scene, outcomes: list[object]) -> None:
    booking = scene.now(FIRST)
    assert (booking.status, moves(booking, "cancelled")) == ("cancelled", 1)
    [payment] = booking.payments
    [refund] = booking.refunds
    assert (payment.status, payment.received) == ("completed", PRICE)
    assert (refund.amount, refund.status) == (PRICE, "processing")
    assert scene.ports.gateway.refunds == [(refund.refund_id, PRICE, refund.reason)]
    assert scene.taken == {}


def cancelled_with_a_letter_each(scene: Scene, outcomes: list[object]) -> None:
    cancelled_and_paid_back(scene, outcomes)
    sent = letters(scene)
    assert (sent["booking_cancelled"], sent["host_cancelled"]) == (1, 1)


def cancelled_beside_a_neighbour(scene: Scene, outcomes: list[object]) -> None:
    booking = scene.now(FIRST)
    assert (booking.status, booking.refunds) == ("cancelled", ())
    assert scene.ports.gateway.charges[TX].cancelled
    assert scene.taken == dict.fromkeys(NIGHTS, 1)


def cancelled_or_not_there_yet(scene: Scene, outcomes: list[object]) -> None:
    """Whoever was too early to find it did not cancel it; of one that was cancelled no link stays open."""
    [charge] = scene.ports.gateway.charges.values() or [None]
    if any(isinstance(done, tuple) for done in outcomes):
        assert scene.now(FIRST).status == "cancelled"
        assert scene.taken == {}
        assert charge is None or charge.cancelled
    else:
        one_booking(scene, [done for done in outcomes if isinstance(done, BookingResult)])


def refund_done(scene: Scene) -> None:
    [refund] = scene.now(FIRST).refunds
    assert refund.status == "refunded"
    assert len(scene.ports.gateway.refunds) == 1


def one_link(scene: Scene, outcomes: list[object]) -> None:
    paid = [done for done in outcomes if isinstance(done, CheckoutResult)]
    [payment] = scene.now(FIRST).payments
    assert payment.status == "pending"
    assert {done.payment.checkout_url for done in paid} == {payment.checkout_url}
    assert sum(done.opened for done in paid) >= 1
    assert initialized(scene) == 1


def each_letter_once(scene: Scene, outcomes: list[object]) -> None:
    assert letters(scene) == {"booking_confirmed": 1, "host_new_booking": 1}
    assert all(email.status == "sent" for email in scene.now(FIRST).emails)
    assert "email_sent_twice" not in scene.ports.observe.events


def the_unit_has_one_owner(scene: Scene, outcomes: list[object]) -> None:
    """Late money takes the unit again if it is free; if another guest has it, the money goes back."""
    hanna = scene.now(FIRST)
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert hanna.payments[0].status == "completed"
    if any(isinstance(done, BookingResult) for done in outcomes):
        assert scene.now(DAWITS).status == "pending_payment"
        assert hanna.status == "expired"
        assert [refund.amount for refund in hanna.refunds] == [PRICE]
        assert [amount for _, amount, _ in scene.ports.gateway.refunds] == [PRICE]
    else:
        assert DAWITS not in scene.ports.tables.bookings
        assert hanna.status == "confirmed"
        assert scene.ports.gateway.refunds == []


def initialized(scene: Scene) -> int:
    return scene.ports.call_log.count("gateway.initialize")


def moves(booking: Booking, to: str) -> int:
    """How often the booking came into this status."""
    return sum(event.subject == "" and event.after == to for event in booking.history)


def letters(scene: Scene) -> Counter[str]:
    """How many e-mails of each kind went out about the first booking's guest or its host."""
    others = {scene.listing.host_email, "hanna.tesfaye@gmail.com"}
    return Counter(message.subject.partition(" ")[0] for message in scene.ports.mailer.sent if message.to in others)


RACES: dict[str, Race] = {
    "two guests book the last unit": Race(
        book, dawit_books, one_of_two_booked, refused=(DatesUnavailable,), listing={"units": 1}
    ),
    "two equal bookings": Race(book, book, one_booking, refused=(InProgress,)),
    "two bookings for the last slot": Race(
        lambda scene: scene.book(key="c"),
        lambda scene: scene.book(key="d"),
        one_more_hold,
        begin=with_two_holds,
        refused=(TooManyOpenHolds,),
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


def attempt(play: Play, scene: Scene, race: Race) -> object:
    """What somebody was answered, or how refused."""
    try:
        return play(scene)
    except race.refused as refusal:
        return refusal


def drain(scene: Scene) -> None:
    """All that waits in both queues is worked off."""
    queue = scene.ports.queue
    while queue.tasks or queue.letters:
        if queue.tasks:
            process_task(scene.ports, queue.tasks.pop(0), public_url=PUBLIC)
        else:
            send_emails(scene.ports, queue.letters.pop(0).booking_id)
