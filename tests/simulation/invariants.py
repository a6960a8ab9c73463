"""What must be true after every step: each write to the tables, and each call that moves money at the gateway."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chalicelib.domain.booking import OPEN, Booking, Payment
from chalicelib.domain.ids import ListingId, PersonId, booking_of, payment_of
from chalicelib.domain.listings.calendar import Night, Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.prices import quote
from chalicelib.domain.money import zero
from chalicelib.domain.outbox import still_true
from chalicelib.domain.people.accounts import LAPSES_BEFORE_PAUSE, OPEN_HOLDS, TRUSTED
from chalicelib.domain.timing import (
    BOOKING_DAY,
    BOOKING_HOUR,
    GIVE_UP_AFTER,
    OUTAGE_GRACE,
    REFUND_POLL_LATE,
    VERIFY_PAUSE_MAX,
    WATCHED_FOR,
)
from chalicelib.services.ports.gateways import Opening
from tests.invariants import check_four_eyes, check_second_person, nights_kept, statuses_from_history, statuses_of
from tests.replacing import replace
from tests.simulation.coverage import covered
from tests.simulation.scheduler import START, Violation
from tests.simulation.store import Row

if TYPE_CHECKING:
    from tests.simulation.gateway import Charge
    from tests.simulation.world import World

SETTLED = ("completed", "review")
PATIENCE = max(VERIFY_PAUSE_MAX, REFUND_POLL_LATE) + timedelta(minutes=1)
"""Nothing that is owed is ever deferred for longer than this."""
BY_PEOPLE = ("a pity", "no_show", "left_early")
"""The reasons of refunds that a person wanted, and no cancellation brought."""
MAIL_PATIENCE = timedelta(hours=1, minutes=1)
MAIL_TIME = timedelta(minutes=1)
"""How long sending a letter takes at most."""


class InvariantMonitor:
    """Looks on, and raises Violation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._units: dict[ListingId, list[tuple[int, int]]] = {}
        self._posts: dict[str, str] = {}
        self._mispriced = ""
        self._letters: dict[tuple[str, date, bool], set[tuple[str, str]]] = {}
        self.confirmed_by_operator: set[str] = set()
        """Payments that an operator accepted, and refunds that an operator called done."""

    # Nights

    def units(self, listing: Listing) -> None:
        """A listing has this many units from now on."""
        self._units.setdefault(listing.listing_id, []).append((self.world.scheduler.ms, listing.units))

    def taken(self, listing: Listing, night: Night) -> None:
        """No night above capacity: that of some moment since whoever takes it began. And none that is closed."""
        actor = self.world.scheduler.current
        since = actor.started if actor is not None else self.world.scheduler.ms
        most = 0
        for begun, units in self._units[listing.listing_id]:
            most = units if begun <= since else max(most, units)
        if night.taken > most:
            raise Violation("a night is sold above its capacity", f"{listing.listing_id} {night} of {most}")
        if night.closed:
            raise Violation("a closed night is sold", f"{listing.listing_id} {night}")

    def held(self, booking: Booking, listing: Listing) -> None:
        """A hold costs what its nights cost now, and no booking is ever written over."""
        tables = self.world.tables
        if booking.booking_id in tables.rows:
            raise Violation("a booking is written over", booking.booking_id)
        days = booking.stay.dates
        nights = {
            day: tables.nights[listing.listing_id, day] for day in days if (listing.listing_id, day) in tables.nights
        }
        right = quote(listing, nights, booking.stay).total == booking.total
        self._mispriced = "" if right else booking.booking_id

    def nights_add_up(self, listing_id: ListingId) -> None:
        """Nights taken are those of bookings held and confirmed until they end, no more and no fewer."""
        sums: dict[date, int] = {}
        for row in self.world.tables.rows.values():
            booking = row.booking
            if booking.place.listing_id == listing_id and booking.status in ("pending_payment", "confirmed"):
                for day in nights_kept(booking):
                    sums[day] = sums.get(day, 0) + booking.stay.units
        for (of, day), night in self.world.tables.nights.items():
            if of == listing_id and night.taken != sums.pop(day, 0):
                raise Violation("nights taken are not those held and confirmed", f"{day}: {night}")
        if any(sums.values()):
            raise Violation("nights taken are not those held and confirmed", f"nothing taken for {sums}")

    # Bookings

    def written(self, before: Row | None, row: Row) -> None:
        booking = row.booking
        if before is None and booking.booking_id == self._mispriced:
            raise Violation("a hold costs something else than its nights", booking.booking_id)
        if before is None or (before.booking.status, before.booking.ended) != (booking.status, booking.ended):
            self.nights_add_up(booking.place.listing_id)
            self._account(booking)
        if before is not None and row.failures > before.failures:
            # From its second failure on it is known since when it has been failing.
            since = before.failing_since
            for_a_day = since is not None and self.world.scheduler.now - since >= GIVE_UP_AFTER
            if for_a_day != (row.attention == "failing") and before.attention != "failing":
                raise Violation("a person is asked after a day of failing, and not before", booking.booking_id)
            return
        self._leases(booking)
        if before is not None and _only_leased(before.booking, booking):
            # Nothing was decided: a booking that was backed off keeps its later time.
            if row.due != before.due:
                raise Violation("a lease changes when a booking is due", booking.booking_id)
            return
        self._duties(booking, row.due)
        if before is not None:
            self._one_refund_at_a_time(before.booking, booking)
        for payment in booking.payments:
            self._payment(booking, payment)
        if before is None or len(before.booking.history) != len(booking.history):
            self._history(booking)
            self._four_eyes(booking)
            self._confirmed(booking)

    def sending(self, booking_id: str, email_id: str) -> None:
        """What an e-mail says is true, or was when whoever sends it began."""
        actor = self.world.scheduler.current
        row = self.world.tables.rows.get(booking_id)
        letter = next((each for each in row.booking.outbox if each.entry_id == email_id), None) if row else None
        if (
            actor is None
            or row is None
            or letter is None
            or still_true(letter, row.booking, now=self.world.scheduler.now)
        ):
            return
        changed = max(event.at for event in row.booking.history if not event.kind.startswith("email"))
        ended = letter.kind == "payment_failed" and self.world.scheduler.now >= row.booking.hold_expires_at
        if changed < START + timedelta(milliseconds=actor.started) and not ended:
            raise Violation("an e-mail says what is not true", f"{booking_id} {letter.kind} {row.booking.status}")

    def sent(self, booking_id: str, email_id: str, to: str) -> None:
        """No guest's address gets more letters on a day than the stage allows, nor more about unpaid bookings."""
        row = self.world.tables.rows.get(booking_id)
        letter = next((each for each in row.booking.outbox if each.entry_id == email_id), None) if row else None
        if row is None or letter is None or letter.to_host or self.world.resets:
            return
        rules, began = self.world.ports.rules, self.world.scheduler.now - MAIL_TIME
        days = {at.astimezone(ZoneInfo(rules.time_zone)).date() for at in (began, self.world.scheduler.now)}
        if len(days) > 1:
            # It may have been counted before midnight.
            return
        for unpaid, most in ((False, rules.limits.letters_per_day), (True, rules.limits.unpaid_letters_per_day)):
            if unpaid and row.booking.was_paid:
                continue
            letters = self._letters.setdefault((to, min(days), unpaid), set())
            letters.add((booking_id, email_id))
            if len(letters) > most:
                raise Violation("an address gets too many letters", f"{to}: {len(letters)}, unpaid: {unpaid}")

    def _history(self, booking: Booking) -> None:
        try:
            rebuilt = statuses_from_history(booking)
        except AssertionError as error:
            raise Violation("the history holds a move that is not allowed", str(error)[:300]) from error
        if rebuilt != statuses_of(booking):
            raise Violation("folding the history does not give the state", f"{rebuilt} {statuses_of(booking)}")

    def _four_eyes(self, booking: Booking) -> None:
        """What needs two people was done by two, and no operator alone gives back more than the stage lets one."""
        try:
            check_four_eyes(booking)
            check_second_person(booking)
        except AssertionError as error:
            raise Violation("one person did what needs two", str(error)[:300]) from error
        above = self.world.ports.rules.second_person_above["ETB"]
        for payment in booking.payments:
            back = zero("ETB")
            for refund in payment.refunds:
                back += refund.amount
                [owed] = [
                    event for event in booking.history if event.subject == refund.refund_id and event.before is None
                ]
                approved = any(event.kind == "proposal_approved" and event.at == owed.at for event in booking.history)
                accepted = refund.reason not in (*BY_PEOPLE, "cancelled_by_operator", "payment_not_accepted")
                if owed.cause == "operator" and back > above and not approved and not accepted:
                    raise Violation("one person gave back what needs two", refund.refund_id)

    def _account(self, booking: Booking) -> None:
        """No guest holds more than three unpaid bookings or too many unit-nights, nor books more often than allowed."""
        now, limits = self.world.scheduler.now, self.world.ports.rules.limits
        own = [row.booking for row in self.world.tables.rows.values() if row.booking.guest_id == booking.guest_id]
        held = [each for each in own if each.status == "pending_payment" and now < each.hold_counts_until]
        if len(held) > OPEN_HOLDS:
            raise Violation("a guest holds more than three", " ".join(each.booking_id for each in held))
        was_confirmed = any(event.kind == "booking_confirmed" for each in own for event in each.history)
        most = limits.unpaid_unit_nights * (TRUSTED if was_confirmed else 1)
        if sum(each.stay.unit_nights for each in held) > most:
            raise Violation("a guest empties a calendar", booking.guest_id)
        for span, times in ((BOOKING_HOUR, limits.bookings_per_hour), (BOOKING_DAY, limits.bookings_per_day)):
            if sum(each.created_at > booking.created_at - span for each in own) > times:
                raise Violation("a guest books too often", f"{booking.guest_id} within {span}")

    def told_to_wait(self, guest: PersonId) -> None:
        """Who is told to book later has booked often, or let three unpaid bookings go within a day."""
        actor = self.world.scheduler.current
        assert actor is not None
        if self.world.resets and self.world.resets[-1] >= actor.started:
            return
        limits = self.world.ports.rules.limits
        own = [row.booking for row in self.world.tables.rows.values() if row.booking.guest_id == guest]
        let_go = [each for each in own if each.status in ("expired", "cancelled") and not each.was_paid]
        if len(own) < limits.bookings_per_hour and len(let_go) < LAPSES_BEFORE_PAUSE:
            raise Violation("a guest is told to wait for nothing", guest)

    def refused_a_hold(self, guest: PersonId, stay: Stay) -> None:
        """Who is told to pay first had three unpaid bookings, or large ones, at some time since the request began."""
        actor = self.world.scheduler.current
        assert actor is not None
        if self.world.resets and self.world.resets[-1] >= actor.started:
            return
        began = START + timedelta(milliseconds=actor.started)
        own = [row.booking for row in self.world.tables.rows.values() if row.booking.guest_id == guest]
        unpaid = [each for each in own if each.status == "pending_payment" or each.updated_at >= began]
        most = self.world.ports.rules.limits.unpaid_unit_nights
        large = sum(each.stay.unit_nights for each in unpaid) + stay.unit_nights > most
        if len(unpaid) < OPEN_HOLDS and not large:
            raise Violation("a guest is told to pay bookings that are paid", f"{guest} has {len(unpaid)} unpaid")

    def _confirmed(self, booking: Booking) -> None:
        accepted = [payment for payment in booking.payments if payment.accepted]
        was = booking.status == "confirmed" or any(event.kind == "booking_confirmed" for event in booking.history)
        if len(accepted) != was or any(payment.status != "completed" for payment in accepted):
            raise Violation("confirmed without exactly one accepted payment", _told(booking))

    def _payment(self, booking: Booking, payment: Payment) -> None:
        if payment.status in OPEN and booking.status != "pending_payment":
            raise Violation("an open payment of a booking that is not to be paid", payment.tx_ref)
        if payment.status != "completed":
            if payment.refunds or payment.accepted:
                raise Violation("a refund of money that never came", payment.tx_ref)
            return
        self._backed(payment)
        self._returned(payment)
        received = payment.facts.received
        if received is None or payment.refunded_or_owed.minor > received.minor:
            raise Violation("refunds of more than was received", payment.tx_ref)
        if not payment.accepted and payment.refunded_or_owed != received:
            raise Violation("money that confirms nothing is not owed back", payment.tx_ref)

    def _one_refund_at_a_time(self, before: Booking, after: Booking) -> None:
        """People give the same amount of a payment back only once what is on its way has ended."""
        earlier = {refund.refund_id: refund for refund in before.refunds}
        for refund in after.refunds:
            known = earlier.get(refund.refund_id)
            by_people = known is None and refund.reason in BY_PEOPLE
            posted_again = known is not None and (known.status, refund.status) == ("attention", "owed")
            if not by_people and not posted_again:
                continue
            others = [each for each in earlier.values() if payment_of(each.refund_id) == payment_of(refund.refund_id)]
            for other in others:
                asked = other.status == "attention" and (posted_again or not other.may_be_executed)
                twice = posted_again or other.amount == refund.amount
                if other != known and twice and other.status != "refunded" and not asked:
                    raise Violation("two refunds of a payment at a time", f"{refund.refund_id} beside {other}")
            if others:
                covered("operators", "one refund after another")

    def _backed(self, payment: Payment) -> None:
        """No payment is completed but by the gateway's own money, just as asked, or by a person's word."""
        if payment.tx_ref in self.confirmed_by_operator:
            return
        charge = self.world.gateway.charges.get(payment.tx_ref)
        if charge is None or charge.received is None or charge.paid_as != "as asked":
            raise Violation("completed without the money", f"{payment.tx_ref} {charge}")

    def _returned(self, payment: Payment) -> None:
        """Where a payment is reversed at once, a refund with a name is done when the gateway says so of the refund."""
        charge = self.world.gateway.charges.get(payment.tx_ref)
        if charge is None or not self.world.gateway.quirks.reverses_at_once:
            return
        said = {each.name: each.status for each in charge.refunds}
        for refund in payment.refunds:
            named = refund.provider_refund_id is not None and refund.refund_id not in self.confirmed_by_operator
            if named and refund.status == "refunded" and said.get(refund.provider_refund_id) != "refunded":
                raise Violation("a refund is called done before it is", refund.refund_id)

    def _duties(self, booking: Booking, due: datetime | None) -> None:
        """``due_at`` is never later than what is due, and every payment that may still be paid has its time."""
        now = self.world.scheduler.now
        duties: list[datetime] = []
        if booking.status == "pending_payment":
            duties.append(booking.expiry_retry_at or booking.hold_expires_at)
            if duties[0] > booking.hold_expires_at + OUTAGE_GRACE:
                raise Violation("a hold outlives the grace", booking.booking_id)
        for payment in booking.payments:
            duties += self._looks(payment, now)
            duties += self._refunds(payment, now)
        for email in booking.outbox:
            if email.status == "owed":
                duties.append(email.due_at)
                if email.due_at > now + MAIL_PATIENCE:
                    raise Violation("an e-mail is deferred for too long", f"{booking.booking_id} {email}")
        if duties and (due is None or due > min(duties)):
            raise Violation("due_at is later than what is due", f"{booking.booking_id} {due} {min(duties)}")

    @staticmethod
    def _looks(payment: Payment, now: datetime) -> list[datetime]:
        """When the payment is verified next; it always is, until it can no longer be paid or three days are over."""
        if payment.schedule.next_verify_at is not None:
            if payment.schedule.next_verify_at > now + PATIENCE:
                raise Violation("a verification is deferred for too long", payment.tx_ref)
            return [payment.schedule.next_verify_at]
        if payment.status not in SETTLED and now < payment.created_at + WATCHED_FOR:
            raise Violation("a payment is not watched any more", payment.tx_ref)
        return []

    @staticmethod
    def _refunds(payment: Payment, now: datetime) -> list[datetime]:
        times = []
        for refund in payment.refunds:
            if refund.status in ("refunded", "attention"):
                if refund.due_at is not None:
                    raise Violation("a refund that is done with is due", refund.refund_id)
                continue
            if refund.due_at is None or refund.due_at > now + PATIENCE:
                raise Violation("a refund has no time", refund.refund_id)
            times.append(refund.due_at)
        return times

    # Leases and the gateway

    def _leases(self, booking: Booking) -> None:
        actor = self.world.scheduler.current
        if actor is None:
            return
        if booking.verify_lease is not None and booking.verify_lease.owner in actor.tokens:
            actor.leases[booking.booking_id] = booking.verify_lease.until
        for payment in booking.payments:
            if payment.opening is not None and payment.opening.owner in actor.tokens:
                actor.leases[payment.tx_ref] = payment.opening.until

    def opening(self, opening: Opening) -> None:
        """Opening a payment has one owner; and the row is there before the gateway hears of it."""
        scheduler, tx_ref = self.world.scheduler, opening.tx_ref
        actor = scheduler.current
        assert actor is not None
        until = actor.leases.get(tx_ref)
        payment = self._stored(tx_ref)
        if self.world.resets and self.world.resets[-1] >= actor.started:
            return
        if payment is None or until is None:
            raise Violation("a payment is opened without its row, or without its lease", f"{tx_ref} by {actor.name}")
        owner = payment.opening.owner if payment.opening is not None else actor.name
        if scheduler.now < until and payment.status == "created" and owner not in actor.tokens:
            raise Violation("a payment is opened by two", f"{tx_ref} by {actor.name} and {owner}")

    def verifying(self, tx_ref: str) -> None:
        """At most one caller at a time asks the gateway about a booking: the one who holds its lease."""
        scheduler = self.world.scheduler
        actor, booking_id = scheduler.current, booking_of(tx_ref)
        assert actor is not None
        row = self.world.tables.rows.get(booking_id) if booking_id else None
        payment = row.booking.payment(tx_ref) if row is not None else None
        if row is None or payment is None:
            return
        if self.world.resets and self.world.resets[-1] >= actor.started:
            return
        until = actor.leases.get(row.booking.booking_id)
        if until is None and payment.created_at >= START + timedelta(milliseconds=actor.started):
            # It found no such payment, and looks for money of a reference that nobody holds.
            return
        if until is None:
            raise Violation("the gateway is asked without a lease", f"{tx_ref} by {actor.name}")
        lease = row.booking.verify_lease
        if scheduler.now < until and lease is not None and lease.owner not in actor.tokens:
            raise Violation("the gateway is asked by two at a time", f"{tx_ref} by {actor.name} and {lease.owner}")

    def refunding(self, charge: Charge, refund_id: str) -> None:
        """A refund is posted by the one who claimed it, and never again unless its post certainly failed."""
        scheduler = self.world.scheduler
        actor = scheduler.current
        assert actor is not None
        if self.world.resets and self.world.resets[-1] >= actor.started:
            return
        payment = self._stored(charge.tx_ref)
        refund = next((each for each in payment.refunds if each.refund_id == refund_id), None) if payment else None
        if refund is None or refund.owner not in actor.tokens:
            raise Violation("a refund is posted by one who did not claim it", refund_id)
        if charge.received is None:
            raise Violation("a refund of money that never came", refund_id)
        moving = [each for each in charge.refunds if each.refund_id == refund_id and each.status != "reversed"]
        if moving and not self.world.resets:
            raise Violation("a refund is posted while money of an earlier post is moving", refund_id)
        if refund_id in self._posts and not self.world.resets:
            raise Violation("a refund is posted twice", f"{refund_id} by {self._posts[refund_id]} and {actor.name}")
        self.posted(refund_id, actor.name)

    def posted(self, refund_id: str, by: str) -> None:
        """From here on it may have arrived."""
        self._posts[refund_id] = by

    def may_post_again(self, refund_id: str) -> str | None:
        """It certainly did not arrive, or an operator says so: it may be posted once more. Answers who posted it."""
        return self._posts.pop(refund_id, None)

    def _stored(self, tx_ref: str) -> Payment | None:
        booking_id = booking_of(tx_ref)
        row = self.world.tables.rows.get(booking_id) if booking_id else None
        return row.booking.payment(tx_ref) if row else None


def _only_leased(before: Booking, after: Booking) -> bool:
    return replace(before, version=after.version, verify_lease=after.verify_lease) == after


def _told(booking: Booking) -> str:
    payments = " ".join(f"{payment.tx_ref}={payment.status}" for payment in booking.payments)
    return f"{booking.booking_id} {booking.status} {payments}"
