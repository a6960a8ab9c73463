"""A mark, a key or a claim is its owner's alone: also where two of them belong to the very same person or worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking, get_refund
from chalicelib.domain.errors import (
    BookingNotFound,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    IdempotencyKeyReused,
    ListingNotFound,
    ReferenceUsed,
    TooManyOpenHolds,
)
from chalicelib.domain.ids import PersonId, derive_listing_id
from chalicelib.domain.timing import API_VERIFY_LEASE, OUTBOX_LEASE
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.deliver import deliver
from chalicelib.services.hosts import hosting
from chalicelib.services.ports.gateways import Opening, RefundAnswer
from chalicelib.services.ports.mail import MailBusy, MailRefused, Message
from chalicelib.services.refunds import refund
from chalicelib.services.reviews import review
from tests.builders import SALT, a_stay
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of, resolve_refund
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
R1 = f"{ONE}-R1"
REFUSED = GatewayRejected("refused", definitely_not_executed=True)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)
USED = ReferenceUsed("used before", definitely_not_executed=True)


# A lease on an opening, whose owner comes back too late


def crashes(harness: Harness) -> None:
    harness.ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.pay(harness.stored_booking(FIRST))


def opens(harness: Harness) -> None:
    harness.pay(harness.stored_booking(FIRST))


def is_refused(harness: Harness) -> None:
    harness.ports.gateway.fail_next("initialize", REFUSED)
    with pytest.raises(GatewayRejected):
        harness.pay(harness.stored_booking(FIRST))


def hears_nothing(harness: Harness) -> None:
    harness.ports.gateway.fail_next("initialize", SILENCE)
    with pytest.raises(GatewayTimeout):
        harness.pay(harness.stored_booking(FIRST))


def cancels(harness: Harness) -> None:
    cancel(harness.ports, GUEST_HANNA, FIRST, reason="Plans changed.")


LATER = [crashes, opens, is_refused, hears_nothing, cancels]


@pytest.mark.parametrize("came_back_with", [None, REFUSED, SILENCE, USED], ids=str)
@pytest.mark.parametrize("later", LATER, ids=lambda later: later.__name__)
def test_who_opens_too_slowly_changes_nothing_any_more(
    harness: Harness, ports: Fakes, later: Callable[[Harness], None], came_back_with: GatewayError | None
) -> None:
    link = "https://checkout.chapa.co/checkout/payment/too-late"
    left: list[Booking] = []

    def slowly(opening: Opening) -> str:
        ports.gateway.initialize = initialize  # type: ignore[method-assign]
        ports.clock.move(seconds=25)
        later(harness)
        left.append(harness.stored_booking(FIRST))
        ports.clock.move(seconds=1)
        if came_back_with is not None:
            raise came_back_with
        return link

    initialize, ports.gateway.initialize = ports.gateway.initialize, slowly  # type: ignore[method-assign]
    done = harness.book().booking
    assert harness.stored_booking(FIRST).payments == left[0].payments
    assert harness.stored_booking(FIRST).history == left[0].history
    assert all(payment.checkout_url != link for payment in done.payments)
    # What nobody is shown is closed, where it may be that somebody could pay on it.
    closed = ports.call_log.count("gateway.cancel")
    assert closed == (came_back_with is None)


def test_only_who_leads_an_opening_calls_the_gateway(harness: Harness, ports: Fakes) -> None:
    """Of two calls of the same guest that both find a payment to be opened, one waits for the other."""
    ports.gateway.fail_next("initialize", SILENCE)
    booking = harness.book().booking
    harness.clear_logs()
    ports.run_before("bookings.save", lambda: harness.pay(booking, key="a"))
    paid = harness.pay(booking, key="b")
    assert paid.payment == harness.stored_payment(ONE)
    assert ports.call_log.count("gateway.initialize") == 1


def test_who_asks_the_gateway_too_slowly_leaves_the_next_one_alone(harness: Harness, ports: Fakes) -> None:
    """The lease of who asks is taken back by its own owner only: doors that open meanwhile do not multiply."""
    harness.held_booking()

    def rival() -> None:
        ports.clock.move(seconds=API_VERIFY_LEASE.total_seconds())
        ports.run_before("gateway.verify", raises(Crash()))
        with pytest.raises(Crash):
            harness.webhook(ONE)

    ports.run_before("gateway.verify", rival)
    harness.webhook(ONE)
    harness.clear_logs()
    harness.webhook(ONE)
    assert ports.call_log.count("gateway.verify") == 0
    ports.clock.move(seconds=API_VERIFY_LEASE.total_seconds())
    harness.webhook(ONE)
    assert ports.call_log.count("gateway.verify") == 1


# A letter in somebody's hands


def sends(harness: Harness) -> None:
    deliver(harness.ports, FIRST)


def is_gone(harness: Harness) -> None:
    harness.ports.run_before("mailer.send", raises(Crash()))
    with pytest.raises(Crash):
        deliver(harness.ports, FIRST)


def finds_nobody_in(harness: Harness) -> None:
    harness.ports.run_before("mailer.send", raises(MailBusy()))
    deliver(harness.ports, FIRST)


def hears_no(harness: Harness) -> None:
    harness.ports.run_before("mailer.send", raises(MailRefused()))
    deliver(harness.ports, FIRST)


@pytest.mark.parametrize("came_back_with", [None, MailBusy(), MailRefused()], ids=repr)
@pytest.mark.parametrize("later", [sends, is_gone, finds_nobody_in, hears_no], ids=lambda later: later.__name__)
def test_who_sends_too_slowly_marks_nothing_any_more(
    harness: Harness, ports: Fakes, later: Callable[[Harness], None], came_back_with: Exception | None
) -> None:
    ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, host_email="")
    harness.confirmed_booking()
    left: list[Booking] = []
    send = ports.mailer.send

    def slowly(message: Message) -> None:
        ports.mailer.send = send  # type: ignore[method-assign]
        ports.clock.move(seconds=2 * OUTBOX_LEASE.total_seconds())
        later(harness)
        left.append(harness.stored_booking(FIRST))
        if came_back_with is not None:
            raise came_back_with
        send(message)

    ports.mailer.send = slowly  # type: ignore[method-assign]
    deliver(ports, FIRST)
    assert harness.stored_booking(FIRST).letters == left[0].letters
    # Whoever had it last, it is sent in the end, or somebody is asked.
    harness.advance(hours=2)
    entry, _ = harness.stored_booking(FIRST).letters
    assert entry.status == ("failed" if later is hears_no else "sent")


def test_a_worker_sends_what_it_claimed_and_not_what_another_has_in_hand(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move(seconds=OUTBOX_LEASE.total_seconds())
    first, *others = [entry.entry_id for entry in harness.stored_booking(FIRST).letters if entry.status == "owed"]
    sent_by_other: list[int] = []
    ports.run_before("mailer.send", lambda: sent_by_other.append(deliver(ports, FIRST)))
    assert (deliver(ports, FIRST, (first,)), sent_by_other, len(others)) == (1, [1], 1)
    assert len(ports.mailer.sent) == 2


# A claim on a refund


def owed(harness: Harness) -> None:
    harness.confirmed_booking()
    harness.advance(minutes=1)
    refund(harness.ports, OPERATOR, ONE, amount=100, reason="kind", key="k")
    harness.clear_logs()


def work(harness: Harness) -> None:
    harness.process_task(harness.stored_booking(FIRST))


def test_only_who_claimed_a_refund_posts_it(harness: Harness, ports: Fakes) -> None:
    owed(harness)

    def rival() -> None:
        ports.clock.move(minutes=10)  # What the first one may ask under is over.
        ports.run_before("gateway.refund", raises(Crash()))
        with pytest.raises(Crash):
            work(harness)

    ports.run_before("bookings.save", rival)
    work(harness)
    # The rival claimed it, and is gone: whether it was posted, the gateway will say.
    assert ports.gateway.refunds == []
    assert get_refund(harness.stored_booking(FIRST), R1).status == "requested"


def test_the_answer_to_a_post_does_not_undo_what_was_found_meanwhile(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.lists_refunds = True

    def rival() -> None:
        ports.clock.move(hours=1)
        ports.gateway.reported_refund_status = "refunded"
        work(harness)

    ports.run_after("gateway.refund", rival)
    work(harness)
    assert get_refund(harness.stored_booking(FIRST), R1).status == "refunded"


@pytest.mark.parametrize("heard", ["processing", "refunded", "reversed", "unknown"])
def test_a_look_up_does_not_undo_what_a_person_decided_meanwhile(harness: Harness, ports: Fakes, heard: Any) -> None:
    owed(harness)
    work(harness)
    ports.gateway.reported_refund_status = "reversed"

    def rival() -> None:
        ports.clock.move(minutes=10)  # What the first one may ask under is over.
        work(harness)
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="Seen at the gateway.")

    status = ports.gateway.refund_status

    def late(provider_refund_id: str) -> RefundAnswer:
        ports.gateway.refund_status = status  # type: ignore[method-assign]
        rival()
        return RefundAnswer(heard, provider_refund_id)

    ports.gateway.refund_status = late  # type: ignore[method-assign]
    ports.clock.move(hours=1)
    work(harness)
    assert get_refund(harness.stored_booking(FIRST), R1).status == "owed"


# A guest's slots


@pytest.mark.parametrize("end", ["cancelled", "paid", "expired"])
def test_a_hold_that_ended_makes_room_for_one_other(harness: Harness, ports: Fakes, end: str) -> None:
    night = a_stay(nights=1)
    for key in ("first", "second", "third"):
        harness.held_booking(key=key, stay=night)
        ports.clock.move(minutes=5)
    night = a_stay(date(2027, 2, 1), nights=1)
    if end == "cancelled":
        cancel(ports, GUEST_HANNA, FIRST, reason="Plans changed.")
    elif end == "paid":
        ports.gateway.pay(ONE)
        harness.webhook(ONE)
    else:
        ports.clock.move_to(harness.stored_booking(FIRST).hold_expires_at)
        work(harness)
    harness.held_booking(key="fourth", stay=night)
    with pytest.raises(TooManyOpenHolds):
        harness.book(key="fifth", stay=night)
    # The others still have theirs: another end makes room for one more, and no end for two.
    cancel(ports, GUEST_HANNA, booking_id_of("second"), reason="Plans changed.")
    harness.held_booking(key="fifth", stay=night)
    with pytest.raises(TooManyOpenHolds):
        harness.book(key="sixth", stay=night)


# Keys


def test_a_persons_key_is_one_for_each_thing(harness: Harness, ports: Fakes) -> None:
    """The same person may use the same key for two bookings' payments, refunds and reviews."""
    listing = replace(harness.listing, listing_id=derive_listing_id(SALT, HOST_ABEBE.person_id, "another"))
    ports.tables.listings[listing.listing_id] = listing
    second = booking_id_of("second")
    harness.confirmed_booking()
    harness.listing, own = listing, harness.listing
    harness.confirmed_booking(key="second")
    harness.listing = own
    made = [refund(ports, OPERATOR, f"{each}-1", amount=100, reason="kind", key="k") for each in (FIRST, second)]
    assert [(each.refund_id, replayed) for each, replayed in made] == [(R1, False), (f"{second}-1-R1", False)]
    ports.clock.move(days=20)
    for booking_id, reviewed in ((FIRST, own), (second, listing)):
        said, replayed = review(ports, GUEST_HANNA, reviewed.listing_id, booking_id, rating=5, text="Fine.", key="k")
        assert (said.booking_id, replayed) == (booking_id, False)
    with pytest.raises(IdempotencyKeyReused):
        review(ports, GUEST_HANNA, own.listing_id, second, rating=5, text="Fine.", key="k")
    with pytest.raises(BookingNotFound):
        review(ports, GUEST_HANNA, own.listing_id, second, rating=5, text="Fine.", key="other")


def test_two_persons_keys_are_two(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    both = Principal(PersonId("operator-other"), OPERATOR.email, OPERATOR.groups)
    people = (OPERATOR, HOST_ABEBE, both)
    made = []
    for who in people:
        made.append(refund(ports, who, ONE, amount=100, reason="kind", key="k")[0].refund_id)
        harness.end_refunds(FIRST)
    assert made == [f"{ONE}-R{n}" for n in (1, 2, 3)]
    booked = [harness.book(key="k", guest=guest, stay=a_stay(nights=1)) for guest in (GUEST_HANNA, GUEST_DAWIT)]
    assert len({each.booking.booking_id for each in booked}) == 2
    assert not any(each.replayed for each in booked)


# What is whose goes by who they are, not by what they are called


def test_a_listing_is_its_hosts_not_that_of_their_address(harness: Harness, ports: Fakes) -> None:
    namesake = Principal(PersonId("host-other"), HOST_ABEBE.email, frozenset({"host"}))
    with pytest.raises(ListingNotFound):
        hosting.close(ports, namesake, harness.listing.listing_id)
    moved = Principal(HOST_ABEBE.person_id, "another@gmail.com", frozenset({"host"}))
    hosting.close(ports, moved, harness.listing.listing_id)
    assert ports.tables.listings[harness.listing.listing_id].status == "closed"


def test_a_booking_is_its_guests_not_that_of_their_address(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    with pytest.raises(BookingNotFound):
        cancel(ports, Principal(PersonId("guest-other"), GUEST_HANNA.email), FIRST, reason="")
    cancelled, role = cancel(ports, Principal(GUEST_HANNA.person_id, "another@gmail.com"), FIRST, reason="")
    assert (cancelled.status, role) == ("cancelled", "guest")


@pytest.mark.parametrize("groups", ["", "host", "operator", "host operator"])
def test_who_books_their_own_place_is_its_guest(harness: Harness, ports: Fakes, groups: str) -> None:
    host = Principal(HOST_ABEBE.person_id, HOST_ABEBE.email, frozenset(groups.split()))
    booking = harness.held_booking(key="own", guest=host)
    ports.gateway.pay(booking.payments[0].tx_ref)
    harness.webhook(booking.payments[0].tx_ref)
    ports.clock.move_to(booking.check_in_at - timedelta(hours=1))
    cancelled, role = cancel(ports, host, booking.booking_id, reason="")
    # Under the guest's policy nothing comes back by then; a host's cancellation would give all.
    assert (role, cancelled.refunds) == ("guest", ())


def test_a_refund_is_decided_by_one_person(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", REFUSED)
    work(harness)
    other = Principal(PersonId("operator-other"), OPERATOR.email, OPERATOR.groups)
    ports.run_before("bookings.save", lambda: resolve_refund(ports, other, R1, as_="paid_otherwise", note="In cash."))
    with pytest.raises(Exception, match="does not wait for a person"):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="Again.")
    assert get_refund(harness.stored_booking(FIRST), R1).status == "refunded"
