"""`Harness`: the use cases over fakes, with one published listing and the people who use it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.domain.booking import SWEEP, Booking, Payment, Refund, get_refund
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import SecondPersonNeeded
from chalicelib.domain.ids import BookingId, PersonId, derive_booking_id
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.people import expiry
from chalicelib.domain.people.accounts import OPEN_HOLDS
from chalicelib.domain.refunds import ResolveAs, owe_refund, record_refunded
from chalicelib.domain.verification import Availability
from chalicelib.services import refunds
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingRequest, BookingResult, account_of, book
from chalicelib.services.checkout import CheckoutResult, pay
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.deliver import deliver
from chalicelib.services.hosts.hosting import ListingDraft
from chalicelib.services.operators.proposals import approve
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, update
from chalicelib.services.webhooks import receive
from tests.builders import GUEST, HANNA, HOST, NOW, SALT, WEBHOOK, a_listing, a_stay
from tests.fakes import Fakes
from tests.invariants import check_booking, nights_kept

PUBLIC = "https://api.guzo.example.et"
GUEST_HANNA = Principal(GUEST, "hanna.tesfaye@gmail.com")
GUEST_DAWIT = Principal(PersonId("guest-dawit"), "dawit@gmail.com")
HOST_ABEBE = Principal(HOST, "abebe.kebede@gmail.com", frozenset({"host"}))
OTHER_HOST = Principal(PersonId("host-other"), "other@gmail.com", frozenset({"host"}))
OPERATOR = Principal(PersonId("operator-sara"), "sara@guzo.example.et", frozenset({"operator"}))
OPERATOR_SELAM = Principal(PersonId("operator-selam"), "selam@guzo.example.et", frozenset({"operator"}))
NIGHTS = (date(2027, 1, 14), date(2027, 1, 15), date(2027, 1, 16))
HOLD_ENDS = NOW + timedelta(minutes=30)

DRAFT = ListingDraft(
    title="Garden house",
    description="A quiet house on the shore.",
    city="Bishoftu",
    address="Babogaya Road 7",
    time_zone="Africa/Addis_Ababa",
    nightly_price=Money(245000, "ETB"),
    units=4,
    guests_per_unit=2,
    cancellation_policy="flexible",
    photos=("https://images.example.et/garden.jpg",),
)


def a_request(listing: Listing | None = None, **changes: Any) -> BookingRequest:
    arguments: dict[str, Any] = {"stay": a_stay(), "contact": HANNA}
    return BookingRequest((listing or a_listing()).listing_id, **(arguments | changes))


class Harness:
    """Calls the use cases with ``ports``, in which everything outside is a fake.

    Its methods bring a booking into the state that a test starts from, and let time pass.
    """

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

    def held_booking(self, *, key: str = "first", guest: Principal = GUEST_HANNA, **request: Any) -> Booking:
        """Book, and return the booking with its open link; the logs are empty afterwards."""
        booking = self.book(key=key, guest=guest, **request).booking
        assert booking.payments[-1].status == "pending"
        self.clear_logs()
        return booking

    def pay(self, booking: Booking, *, key: str | None = None, guest: Principal | None = GUEST_HANNA) -> CheckoutResult:
        return pay(self.ports, guest, booking.booking_id, key=key, public_url=PUBLIC)

    def another_attempt(self, booking: Booking, *, guest: Principal = GUEST_HANNA) -> Booking:
        """Open one more attempt once the link of the one before is too old; the hold must last so long."""
        known = self.stored_booking(booking)
        self.ports.clock.move_to(known.payments[-1].created_at + self.ports.rules.checkout_window)
        self.pay(known, guest=guest, key=f"attempt-{len(known.payments) + 1}")
        after = self.stored_booking(known)
        assert len(after.payments) == len(known.payments) + 1
        return after

    def webhook(
        self,
        tx_ref: str | None,
        event: str = "charge.success",
        *,
        request_id: str = "request-w",
        dispute: DisputeFacts | None = None,
    ) -> None:
        body, headers = self.ports.gateway.webhook(tx_ref, event, dispute)
        receive(self.ports, body, headers, gateway="chapa", request_id=request_id)

    def confirmed_booking(self, **booked: Any) -> Booking:
        """Book, pay and deliver the webhook; return the confirmed booking, whose e-mails are not sent yet."""
        booking = self.held_booking(**booked)
        tx_ref = booking.payments[-1].tx_ref
        self.ports.gateway.pay(tx_ref)
        self.webhook(tx_ref)
        self.clear_logs()
        return self.stored_booking(booking)

    def expired_booking(self, **booked: Any) -> Booking:
        """Book, and let the hold end unpaid; return the expired booking."""
        booking = self.held_booking(**booked)
        self.ports.clock.move_to(booking.hold_expires_at)
        self.process_task(booking)
        self.clear_logs()
        booking = self.stored_booking(booking)
        assert booking.status == "expired"
        return booking

    def process_task(self, booking: Booking, tx_ref: str | None = None) -> None:
        """Process a `reconcile` task of this booking; with ``tx_ref``, one that a signed webhook enqueued."""
        task = webhook_task(booking.booking_id, tx_ref) if tx_ref else Task(booking.booking_id, actor=SWEEP)
        process_task(self.ports, task, public_url=PUBLIC)

    def sweep_and_drain(self) -> None:
        """Run the sweep once, and process messages until both queues are empty."""
        ports = self.ports
        sweep(ports)
        for _ in range(1000):
            if ports.queue.tasks:
                process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
            elif ports.queue.letters:
                task = ports.queue.letters.pop(0)
                deliver(ports, task.booking_id, task.entries, first_delivery=True)
            else:
                return
        raise AssertionError("the queues are never empty")

    def deliver_outbox(self) -> None:
        """Deliver what waits in the outbox's queue; nothing else happens, and no time passes."""
        letters = self.ports.queue.letters
        while letters:
            task = letters.pop(0)
            deliver(self.ports, task.booking_id, task.entries, first_delivery=True)

    def advance(self, **span: float) -> None:
        """Move the clock from one `due_at` to the next until ``span`` has passed, and run the sweep at each."""
        end = self.ports.clock.now() + timedelta(**span)
        for _ in range(500):
            times = [row.due_at for row in self.ports.tables.bookings.values()]
            times += [at for _, at in self.ports.tables.closings.values()]
            times += [at for task_id, (_, at) in self.ports.tables.erasures.items() if task_id != expiry.TASK]
            due = [at for at in times if at is not None]
            if not due or min(due) > end:
                self.ports.clock.move_to(end)
                return
            self.ports.clock.move_to(max(self.ports.clock.now() + timedelta(seconds=1), min(due)))
            self.sweep_and_drain()
        raise AssertionError("a booking is due again and again")

    def stored_booking(self, booking: Booking | BookingId) -> Booking:
        """Return the booking as it is stored, without a call at a port."""
        booking_id = booking.booking_id if isinstance(booking, Booking) else booking
        return self.ports.tables.bookings[booking_id].booking

    def stored_payment(self, tx_ref: str) -> Payment:
        payment = self.stored_booking(BookingId(tx_ref.partition("-")[0])).payment(tx_ref)
        assert payment is not None
        return payment

    def clear_logs(self) -> None:
        """Empty the call log, the log lines and the `reconcile` queue."""
        self.ports.call_log.forget()
        self.ports.observe.lines.clear()
        self.ports.queue.tasks.clear()

    def owe_beside(self, tx_ref: str, minor: int) -> None:
        """The house owes a part of a payment by itself, as by a cancellation: whatever else is under way."""
        back = Money(minor, "ETB")

        def decide(current: Booking, _: Availability) -> Decision:
            now = self.ports.clock.now()
            owed = owe_refund(current, tx_ref, amount=back, reason="kind", actor=SWEEP, now=now, tell=False)
            return Decision(owed)

        update(self.ports, self.stored_booking(BookingId(tx_ref.rpartition("-")[0])), decide)

    def end_refund(self, refund_id: str) -> None:
        """The money of a refund is back with its guest."""

        def decide(current: Booking, _: Availability) -> Decision:
            return Decision(record_refunded(current, refund_id, actor=SWEEP, now=self.ports.clock.now()))

        update(self.ports, self.stored_booking(BookingId(refund_id.partition("-")[0])), decide)

    def end_refunds(self, booking_id: BookingId) -> None:
        """The money of every refund of a booking is back with its guest."""
        for refund in self.stored_booking(booking_id).refunds:
            if refund.status != "refunded":
                self.end_refund(refund.refund_id)

    def due_at(self, booking: Booking) -> datetime | None:
        return self.ports.tables.bookings[booking.booking_id].due_at

    def free_holds(self, guest: Principal = GUEST_HANNA) -> int:
        """How many unpaid bookings the guest may hold on top of those held now."""
        account, _ = account_of(self.ports, guest.person_id, self.ports.clock.now())
        return OPEN_HOLDS - len(account.holds)

    @property
    def units_taken(self) -> dict[date, int]:
        return self.ports.tables.taken(self.listing.listing_id)

    def check_invariants(self) -> None:
        """Check each stored booking, and that the nights taken are those that the bookings hold: none after its end."""
        held: Counter[tuple[str, date]] = Counter()
        for row in self.ports.tables.bookings.values():
            check_booking(row.booking)
            if row.booking.holds_nights:
                for day in nights_kept(row.booking):
                    held[row.booking.place.listing_id, day] += row.booking.stay.units
        taken = {key: night.taken for key, night in self.ports.tables.nights.items() if night.taken}
        assert taken == dict(held)
        for (listing_id, _), units in taken.items():
            assert units <= self.ports.tables.listings[listing_id].units
        assert not self.ports.call_log.armed, "an armed interruption was never reached"


def resolve_refund(ports: Ports, who: Principal | None, refund_id: str, *, as_: ResolveAs, note: str) -> Refund:
    """Resolve a refund; where that takes a second person, one more operator approves it."""
    try:
        return refunds.resolve_refund(ports, who, refund_id, as_=as_, note=note)
    except SecondPersonNeeded as needed:
        approved = approve(ports, OPERATOR_SELAM, needed.proposal_id, note="Seen.")
        assert approved.booking is not None
        return get_refund(approved.booking, refund_id)


def webhook_task(booking_id: BookingId, tx_ref: str) -> Task:
    """What a signed webhook that claims a paid payment leaves in the `reconcile` queue."""
    return Task(booking_id, tx_ref, claim="paid", actor=WEBHOOK)


def booking_id_of(key: str, guest: Principal = GUEST_HANNA) -> BookingId:
    return derive_booking_id(SALT, guest.person_id, key)
