"""A house on fakes with one listing in it, and the people who use it: what the tests of the use cases play in."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.domain.booking import Booking, Payment
from chalicelib.domain.ids import BookingId, PersonId, derive_booking_id
from chalicelib.domain.listing import Listing
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingRequest, BookingResult, book
from chalicelib.services.checkout import CheckoutResult, pay
from chalicelib.services.deliver import send_emails
from chalicelib.services.ports import Task
from chalicelib.services.sweep import process_task, sweep
from chalicelib.services.webhooks import receive
from tests.builders import GUEST, HANNA, HOST, NOW, SALT, a_listing, a_stay
from tests.fakes import Fakes
from tests.invariants import check

PUBLIC = "https://api.guzo.example.et"
GUEST_HANNA = Principal(GUEST, "hanna.tesfaye@gmail.com")
GUEST_DAWIT = Principal(PersonId("guest-dawit"), "dawit@gmail.com")
HOST_ABEBE = Principal(HOST, "abebe.kebede@gmail.com", frozenset({"host"}))
OTHER_HOST = Principal(PersonId("host-other"), "other@gmail.com", frozenset({"host"}))
OPERATOR = Principal(PersonId("operator-sara"), "sara@guzo.example.et", frozenset({"operator"}))
NIGHTS = (date(2027, 1, 14), date(2027, 1, 15), date(2027, 1, 16))
HOLD_ENDS = NOW + timedelta(minutes=30)


def a_request(listing: Listing | None = None, **changes: Any) -> BookingRequest:
    arguments: dict[str, Any] = {"stay": a_stay(), "contact": HANNA}
    return BookingRequest((listing or a_listing()).listing_id, **(arguments | changes))


class Scene:
    """``ports`` is what the use cases are given; the methods are the calls that a test is not about."""

    def __init__(self, **listing: Any) -> None:
        self.ports = Fakes()
        self.listing = a_listing(**listing)
        self.ports.tables.listings[self.listing.listing_id] = self.listing

    def book(self, *, key: str = "first", guest: Principal | None = GUEST_HANNA, **request: Any) -> BookingResult:
        return book(
            self.ports,
            guest,
            a_request(self.listing, **request),
            key=key,
            public_url=PUBLIC,
            request_id=f"request-{key}",
        )

    def booked(self, *, key: str = "first", guest: Principal = GUEST_HANNA, **request: Any) -> Booking:
        """A booking with an open link; everything that happened so far is forgotten."""
        booking = self.book(key=key, guest=guest, **request).booking
        assert booking.payments[-1].status == "pending"
        self.forget()
        return booking

    def pay(self, booking: Booking, *, key: str | None = None, guest: Principal | None = GUEST_HANNA) -> CheckoutResult:
        return pay(self.ports, guest, booking.booking_id, key=key, public_url=PUBLIC)

    def webhook(self, tx_ref: str | None, event: str = "charge.success", *, request_id: str = "request-w") -> None:
        body, headers = self.ports.gateway.webhook(tx_ref, event)
        receive(self.ports, body, headers, gateway="chapa", request_id=request_id)

    def confirmed(self, **booked: Any) -> Booking:
        """A booking that was paid, whose e-mails are still owed."""
        booking = self.booked(**booked)
        tx_ref = booking.payments[-1].tx_ref
        self.ports.gateway.pay(tx_ref)
        self.webhook(tx_ref)
        self.forget()
        return self.now(booking)

    def expired(self, **booked: Any) -> Booking:
        """A booking whose hold is over, unpaid."""
        booking = self.booked(**booked)
        self.ports.clock.move_to(booking.hold_expires_at)
        self.work(booking)
        self.forget()
        booking = self.now(booking)
        assert booking.status == "expired"
        return booking

    def work(self, booking: Booking, tx_ref: str | None = None) -> None:
        """A consumer of the clock works this booking off."""
        process_task(
            self.ports, Task(booking.booking_id, tx_ref, webhook_claim="paid" if tx_ref else ""), public_url=PUBLIC
        )

    def tick(self) -> None:
        """One minute's sweep, and all that comes of it in both queues."""
        ports = self.ports
        sweep(ports)
        for _ in range(1000):
            if ports.queue.tasks:
                process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
            elif ports.queue.letters:
                send_emails(ports, ports.queue.letters.pop(0).booking_id)
            else:
                return
        raise AssertionError("the queues are never empty")

    def run(self, **span: float) -> None:
        """Let time go by, from one thing that is due to the next, and the clock do its work."""
        end = self.ports.clock.now() + timedelta(**span)
        for _ in range(500):
            due = [row.due_at for row in self.ports.tables.bookings.values() if row.due_at is not None]
            if not due or min(due) > end:
                self.ports.clock.move_to(end)
                return
            self.ports.clock.move_to(max(self.ports.clock.now() + timedelta(seconds=1), min(due)))
            self.tick()
        raise AssertionError("something is due again and again")

    def now(self, booking: Booking | BookingId) -> Booking:
        """The booking as it is stored now, read past the ports."""
        booking_id = booking.booking_id if isinstance(booking, Booking) else booking
        return self.ports.tables.bookings[booking_id].booking

    def payment(self, tx_ref: str) -> Payment:
        payment = self.now(BookingId(tx_ref.partition("-")[0])).payment(tx_ref)
        assert payment is not None
        return payment

    def forget(self) -> None:
        """Forget what was called, logged and queued so far."""
        self.ports.call_log.forget()
        self.ports.observe.lines.clear()
        self.ports.queue.tasks.clear()

    def due_at(self, booking: Booking) -> datetime | None:
        return self.ports.tables.bookings[booking.booking_id].due_at

    @property
    def taken(self) -> dict[date, int]:
        return self.ports.tables.taken(self.listing.listing_id)

    def check(self) -> None:
        """What is true whatever happened: of each booking by itself, and of the nights they hold together."""
        held: Counter[tuple[str, date]] = Counter()
        for row in self.ports.tables.bookings.values():
            check(row.booking)
            if row.booking.holds_nights:
                for day in row.booking.stay.dates:
                    held[row.booking.place.listing_id, day] += row.booking.stay.units
        taken = {key: night.taken for key, night in self.ports.tables.nights.items() if night.taken}
        assert taken == dict(held)
        for (listing_id, _), units in taken.items():
            assert units <= self.ports.tables.listings[listing_id].units
        assert not self.ports.call_log.armed, "something that was to get in the way never did"


def id_of(key: str, guest: Principal = GUEST_HANNA) -> BookingId:
    return derive_booking_id(SALT, guest.person_id, key)
