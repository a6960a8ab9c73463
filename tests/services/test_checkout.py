"""Paying: the open link, the next one, or the reason why not; and never two callers at the gateway for one payment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.booking import Actor, Lease, OpeningProblem
from chalicelib.domain.checkout import MAX_KEYS
from chalicelib.domain.errors import (
    BookingNotFound,
    BookingNotPayable,
    Busy,
    FieldError,
    GatewayBadAnswer,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    InProgress,
    PaymentInReview,
    Unauthenticated,
)
from chalicelib.domain.ids import key_hash
from chalicelib.domain.money import Money
from chalicelib.domain.timing import PUBLIC_ANSWER, PUBLIC_LAST_WAIT
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import CheckoutResult, error_of_problem, pay_now
from chalicelib.services.ports.outcomes import StoreBusy
from tests.builders import GUEST, NOW, SALT, change_payment, opened
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOLD_ENDS, HOST_ABEBE, OPERATOR, PUBLIC, Harness, booking_id_of
from tests.replacing import replace
from tests.services.test_opening import KNOWN, UNKNOWN, USED

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
MS = timedelta(milliseconds=1)
REFUSED = GatewayRejected("refused", definitely_not_executed=True)


def failed(harness: Harness) -> None:
    """A booking whose first payment was refused by the gateway."""
    harness.ports.gateway.fail_next("initialize", REFUSED)
    harness.book()
    harness.clear_logs()


# -- the open link


def test_the_open_link_is_given_again(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    assert harness.pay(booking) == CheckoutResult(booking, booking.payments[0], opened=False)
    assert ports.call_log.names() == ["bookings.load"]


def test_the_open_link_is_given_to_the_end_of_the_hold(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS - MS)
    assert harness.pay(booking).payment.tx_ref == ONE
    ports.clock.move_to(HOLD_ENDS)
    with pytest.raises(BookingNotPayable):
        harness.pay(booking)
    assert harness.stored_booking(booking) == booking
    assert ports.call_log.names("gateway") == []


def test_a_link_is_given_until_its_window_is_over(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move_to(NOW + timedelta(minutes=60) - MS)
    assert harness.pay(booking).opened is False
    ports.clock.move_to(NOW + timedelta(minutes=60))
    paid = harness.pay(booking)
    assert (paid.opened, paid.payment.tx_ref) == (True, TWO)
    # It may have been paid on, so it was asked about before it was replaced, and is watched on.
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.initialize"]
    old = harness.stored_payment(ONE)
    assert (old.status, old.schedule.next_verify_at) == ("expired", ports.clock.now())
    assert harness.due_at(booking) == ports.clock.now()


def test_an_old_link_that_was_paid_on_confirms_instead(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move(minutes=60)
    ports.gateway.pay(ONE)
    with pytest.raises(BookingNotPayable):
        harness.pay(booking)
    assert harness.stored_booking(booking).status == "confirmed"
    assert {event.cause for event in harness.stored_booking(booking).history} == {"guest"}
    assert ports.call_log.count("gateway.initialize") == 0


def test_an_old_link_is_replaced_while_the_gateway_is_silent_about_it(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move(minutes=60)
    ports.gateway.fail_next("verify", GatewayTimeout("silence", definitely_not_executed=False))
    assert harness.pay(booking).payment.tx_ref == TWO


def test_the_replaced_link_is_closed_by_the_clock(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move(minutes=60)
    harness.pay(booking)
    # Even without a sweep: it was handed on at once.
    assert {task.booking_id for task in ports.queue.tasks} == {FIRST}
    harness.process_task(booking)
    assert ports.gateway.charges[ONE].cancelled
    assert harness.stored_payment(ONE).link_cancelled
    assert not ports.gateway.charges[TWO].cancelled


# -- why not


def test_a_payment_in_review_blocks_the_next(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(1, "ETB"))
    harness.webhook(ONE)
    before = harness.stored_booking(booking)
    with pytest.raises(PaymentInReview):
        harness.pay(booking)
    assert harness.stored_booking(booking) == before
    assert ports.call_log.count("gateway.initialize") == 0


def test_nothing_is_opened_in_the_last_two_minutes(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.clock.move_to(HOLD_ENDS - timedelta(minutes=2))
    before = harness.stored_booking(FIRST)
    with pytest.raises(BookingNotPayable):
        harness.pay(before)
    assert harness.stored_booking(FIRST) == before
    assert ports.call_log.names("gateway") == []
    ports.clock.move_to(HOLD_ENDS - timedelta(minutes=2) - MS)
    assert harness.pay(before).payment.tx_ref == TWO


def test_a_booking_that_is_over_is_not_payable(harness: Harness, ports: Fakes) -> None:
    confirmed, gone = harness.confirmed_booking(key="paid"), harness.expired_booking(key="gone")
    harness.clear_logs()
    for booking in (confirmed, gone):
        with pytest.raises(BookingNotPayable):
            harness.pay(booking)
        assert harness.stored_booking(booking) == booking
    assert ports.call_log.names("gateway") == []


def test_nothing_is_opened_for_a_booking_that_was_cancelled_meanwhile(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.run_before("bookings.save", lambda: cancel(ports, GUEST_HANNA, FIRST, reason=""))
    with pytest.raises(BookingNotPayable):
        harness.pay(harness.stored_booking(FIRST))
    assert ports.call_log.count("gateway.initialize") == 0
    assert len(harness.stored_booking(FIRST).payments) == 1


def test_at_most_twenty_attempts(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", REFUSED, times=20)
    booking = harness.book().booking
    for n in range(2, 21):
        with pytest.raises(GatewayRejected):
            harness.pay(booking)
        assert len(harness.stored_booking(booking).payments) == n
    harness.clear_logs()
    before = harness.stored_booking(booking)
    with pytest.raises(BookingNotPayable):
        harness.pay(booking)
    assert harness.stored_booking(booking) == before
    assert ports.call_log.names("gateway") == []


def test_the_twentieth_is_still_opened(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", REFUSED, times=19)
    booking = harness.book().booking
    for _ in range(18):
        with pytest.raises(GatewayRejected):
            harness.pay(booking)
    assert harness.pay(booking).payment.tx_ref == f"{FIRST}-20"


def test_only_the_guest_pays(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    with pytest.raises(Unauthenticated):
        harness.pay(booking, guest=None)
    assert ports.call_log.calls == []
    for stranger in (GUEST_DAWIT, HOST_ABEBE, OPERATOR):
        with pytest.raises(BookingNotFound):
            harness.pay(booking, guest=stranger, key="key")
    assert set(ports.call_log.names()) == {"bookings.load"}


# -- the gateway's troubles are the answer


@pytest.mark.parametrize("trouble", [*KNOWN, *UNKNOWN], ids=lambda trouble: trouble.detail)
def test_the_gateways_trouble_is_told_as_it_was(harness: Harness, ports: Fakes, trouble: GatewayError) -> None:
    failed(harness)
    ports.gateway.fail_next("initialize", trouble)
    with pytest.raises(GatewayError) as raised:
        harness.pay(harness.stored_booking(FIRST))
    assert type(raised.value) is type(trouble)
    assert (raised.value.detail, raised.value.errors, raised.value.retry_after) == (
        trouble.detail,
        trouble.errors,
        trouble.retry_after,
    )
    payment = harness.stored_payment(TWO)
    assert payment.status == ("failed" if trouble.definitely_not_executed else "created")
    assert payment.problem is not None
    stored = error_of_problem(payment.problem, definitely_not_executed=trouble.definitely_not_executed)
    assert type(stored) is type(trouble)


def test_a_stored_code_that_this_release_does_not_know_is_told_as_a_bad_answer(harness: Harness, ports: Fakes) -> None:
    wrong = (FieldError("phone", "is not one of ours"),)
    of_another_release = OpeningProblem("gateway_asleep", "It sleeps.", wrong, retry_after=7)
    refusal = error_of_problem(of_another_release, definitely_not_executed=False)
    assert type(refusal) is GatewayBadAnswer
    assert (refusal.detail, refusal.errors, refusal.retry_after) == ("It sleeps.", wrong, 7)
    assert not refusal.definitely_not_executed


# -- keys


def test_the_guest_comes_back_to_the_payment_that_was_opened(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    harness.pay(harness.stored_booking(FIRST))
    opening = ports.gateway.charges[TWO].opening
    assert opening.return_url == f"{PUBLIC}/pay/{TWO}"
    assert opening.callback_url == f"{PUBLIC}/v1/payments/chapa/callback/{TWO}"


def test_a_key_is_remembered_with_its_payment(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    first = harness.pay(harness.stored_booking(FIRST), key="one")
    assert (first.opened, first.replayed, first.payment.key) == (True, False, key_hash(SALT, GUEST, "one"))
    harness.clear_logs()
    again = harness.pay(harness.stored_booking(FIRST), key="one")
    assert again == replace(first, replayed=True)
    assert ports.call_log.names("gateway") == []
    # Another call is another intent: it gets the link that is open now.
    assert harness.pay(harness.stored_booking(FIRST)) == replace(first, opened=False)


def test_a_key_that_was_shown_the_open_link_is_remembered_too(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    harness.pay(harness.stored_booking(FIRST), key="one")
    shown = harness.pay(harness.stored_booking(FIRST), key="two")
    assert (shown.payment.tx_ref, shown.opened, shown.replayed) == (TWO, False, False)
    harness.clear_logs()
    assert harness.pay(harness.stored_booking(FIRST), key="two") == replace(shown, replayed=True)
    assert ports.call_log.count("bookings.save") == 0
    ports.gateway.pay(TWO)
    harness.webhook(TWO)
    again = harness.pay(harness.stored_booking(FIRST), key="two")
    assert (again.payment.tx_ref, again.payment.status) == (TWO, "completed")
    assert (again.opened, again.replayed) == (False, True)


def test_a_shown_link_is_remembered_for_so_many_keys_and_no_more(harness: Harness) -> None:
    harness.book()
    for n in range(MAX_KEYS + 1):
        assert not harness.pay(harness.stored_booking(FIRST), key=f"{n}").replayed
    assert len(harness.stored_payment(ONE).shown_under) == MAX_KEYS
    assert harness.pay(harness.stored_booking(FIRST), key="0").replayed
    # The one too many is answered all the same.
    assert not harness.pay(harness.stored_booking(FIRST), key=f"{MAX_KEYS}").replayed


def test_a_key_is_remembered_for_ever(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    harness.pay(harness.stored_booking(FIRST), key="one")
    ports.gateway.pay(TWO)
    harness.webhook(TWO)
    again = harness.pay(harness.stored_booking(FIRST), key="one")
    assert (again.booking.status, again.payment.tx_ref, again.payment.status) == ("confirmed", TWO, "completed")
    assert (again.opened, again.replayed) == (True, True)


def test_a_refusal_is_not_remembered(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.gateway.fail_next("initialize", REFUSED)
    with pytest.raises(GatewayRejected):
        harness.pay(harness.stored_booking(FIRST), key="one")
    paid = harness.pay(harness.stored_booking(FIRST), key="one")
    assert (paid.payment.tx_ref, paid.replayed) == (f"{FIRST}-3", False)
    assert harness.pay(harness.stored_booking(FIRST), key="one").payment.tx_ref == f"{FIRST}-3"


def test_a_key_that_takes_up_a_payment_is_remembered_with_it(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", UNKNOWN[0])
    harness.book()
    assert harness.pay(harness.stored_booking(FIRST), key="one").payment.tx_ref == ONE
    assert harness.pay(harness.stored_booking(FIRST), key="one").replayed


def test_a_key_goes_with_the_reference_that_replaces_its_own(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.gateway.fail_next("initialize", USED)
    paid = harness.pay(harness.stored_booking(FIRST), key="one")
    again = harness.pay(harness.stored_booking(FIRST), key="one")
    assert paid.payment.tx_ref == again.payment.tx_ref == f"{FIRST}-3"
    assert again.replayed


def test_a_repeat_waits_for_the_same_key_at_work(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.clock.on_sleep = lambda: None

    def repeat() -> None:
        with pytest.raises(InProgress):
            harness.pay(harness.stored_booking(FIRST), key="one")

    ports.run_before("gateway.initialize", repeat)
    harness.pay(harness.stored_booking(FIRST), key="one")
    assert ports.call_log.count("gateway.initialize") == 1


def leased_and_gone(harness: Harness, *, key: str | None = None) -> None:
    """The second payment is being opened by somebody who will never come back."""
    failed(harness)
    harness.ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.pay(harness.stored_booking(FIRST), key=key)
    harness.clear_logs()


def test_a_repeat_gets_what_the_same_key_got_meanwhile(harness: Harness, ports: Fakes) -> None:
    leased_and_gone(harness, key="one")

    def link_comes() -> None:
        booking = harness.stored_booking(FIRST)
        if booking.payments[-1].status == "created":
            ports.bookings.save(booking, opened(booking))

    ports.clock.on_sleep = link_comes
    again = harness.pay(harness.stored_booking(FIRST), key="one")
    assert (again.payment, again.opened, again.replayed) == (harness.stored_payment(TWO), True, True)
    assert again.payment.checkout_url is not None


def test_an_opening_that_nobody_finished_while_we_waited_is_still_in_progress(harness: Harness, ports: Fakes) -> None:
    """The rival took the lease just before us, and died; the store was so slow that its lease is over by now."""
    failed(harness)

    def rival() -> None:
        ports.run_before("gateway.initialize", raises(Crash()))
        with pytest.raises(Crash):
            harness.pay(harness.stored_booking(FIRST))

    ports.run_before("bookings.save", rival)
    ports.clock.on_sleep = lambda: ports.clock.move(seconds=25)
    with pytest.raises(InProgress) as refused:
        harness.pay(harness.stored_booking(FIRST))
    assert refused.value.retry_after == 5
    assert ports.gateway.charges == {}


# -- several callers


def test_a_link_that_comes_while_we_wait_is_the_open_link(harness: Harness, ports: Fakes) -> None:
    leased_and_gone(harness)

    def link_comes() -> None:
        booking = harness.stored_booking(FIRST)
        ports.bookings.save(booking, opened(booking))

    ports.clock.on_sleep = link_comes
    paid = harness.pay(harness.stored_booking(FIRST))
    assert (paid.payment, paid.opened) == (harness.stored_payment(TWO), False)
    assert ports.call_log.count("gateway.initialize") == 0


def test_a_faster_call_wins_and_its_outcome_is_ours(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    rivals: list[CheckoutResult] = []
    ports.run_before("bookings.save", lambda: rivals.append(harness.pay(harness.stored_booking(FIRST))))
    assert harness.pay(harness.stored_booking(FIRST)) == rivals[0]
    assert ports.call_log.count("gateway.initialize") == 1
    assert len(harness.stored_booking(FIRST).payments) == 2


def test_a_call_that_loses_the_lease_waits_for_the_winner(harness: Harness, ports: Fakes) -> None:
    """The winner has just saved its lease when we try ours; it comes back from the gateway while we sleep."""
    failed(harness)
    winner_saved, loser_sleeps, winner_is_done = threading.Event(), threading.Event(), threading.Event()

    def let_the_winner_save() -> None:
        assert winner_saved.wait(10)

    def at_the_gateway() -> None:
        winner_saved.set()
        assert loser_sleeps.wait(10)

    def sleep() -> None:
        loser_sleeps.set()
        assert winner_is_done.wait(10)

    ports.clock.on_sleep = sleep
    with ThreadPoolExecutor(1) as pool:
        ports.run_before("bookings.save", let_the_winner_save)
        loser = pool.submit(harness.pay, harness.stored_booking(FIRST))
        while ports.call_log.count("bookings.save") == 0:
            time.sleep(0.001)
        ports.run_before("gateway.initialize", at_the_gateway)
        winner = harness.pay(harness.stored_booking(FIRST))
        winner_is_done.set()
        lost = loser.result(timeout=20)
    assert (lost.payment, lost.opened) == (winner.payment, True)
    assert ports.call_log.count("gateway.initialize") == 1


def test_ten_callers_at_once_open_one_payment(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    waiting = threading.Semaphore(0)
    opened = threading.Event()

    def wait() -> None:
        waiting.release()
        assert opened.wait(10)

    def all_others_wait() -> None:
        for _ in range(9):
            assert waiting.acquire(timeout=10)

    ports.clock.on_sleep = wait
    ports.run_before("gateway.initialize", all_others_wait)
    ports.run_after("bookings.save", opened.set, skip=1)
    booking = harness.stored_booking(FIRST)
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(harness.pay, booking) for _ in range(10)]
        answers = [call.result(timeout=20) for call in calls]
    assert {answer.payment.tx_ref for answer in answers} == {TWO}
    assert {answer.payment.checkout_url for answer in answers} == {ports.gateway.charges[TWO].url}
    assert ports.call_log.count("gateway.initialize") == 1


def test_waiting_ends_after_fifteen_seconds(harness: Harness, ports: Fakes) -> None:
    ports.clock.on_sleep = lambda: None

    def wait_in_vain() -> None:
        with pytest.raises(InProgress) as refused:
            harness.pay(harness.stored_booking(FIRST))
        assert refused.value.retry_after == 5

    ports.run_before("gateway.initialize", wait_in_vain)
    harness.book()
    assert 15 <= sum(ports.clock.slept) < 15.5
    assert ports.call_log.count("gateway.initialize") == 1


def test_whoever_waited_for_one_opening_waits_less_for_the_next(harness: Harness, ports: Fakes) -> None:
    """So that a request has its answer in 20 seconds, however slow the gateway is with those before it."""
    leased_and_gone(harness)

    def lease(until: datetime | None, by: str) -> None:
        before = harness.stored_booking(FIRST)
        opening = Lease(by, until) if until else None
        ports.bookings.save(before, change_payment(before, TWO, opening=opening))

    def the_rival_gives_up_after_twelve_seconds() -> None:
        ports.clock.move(seconds=ports.clock.slept[-1])
        if ports.clock.now() >= NOW + timedelta(seconds=12) and harness.stored_payment(TWO).is_opened_by("rival"):
            lease(None, "")
            ports.run_before("bookings.save", another_is_faster)

    def another_is_faster() -> None:
        lease(NOW + timedelta(minutes=5), "another")

    lease(NOW + timedelta(minutes=5), "rival")
    ports.clock.on_sleep = the_rival_gives_up_after_twelve_seconds
    with pytest.raises(InProgress):
        harness.pay(harness.stored_booking(FIRST))
    assert harness.stored_payment(TWO).is_opened_by("another")
    assert 19.5 <= sum(ports.clock.slept) < 20.6


def test_a_repeated_booking_waits_less_for_whoever_took_it_over_before(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        harness.book()

    def lease(seconds: int, by: str) -> None:
        before = harness.stored_booking(FIRST)
        until = ports.clock.now() + timedelta(seconds=seconds)
        ports.bookings.save(before, change_payment(before, ONE, opening=Lease(by, until)))

    def time_goes_by() -> None:
        ports.clock.move(seconds=ports.clock.slept[-1])

    lease(12, "dead")
    ports.clock.on_sleep = time_goes_by
    ports.run_before("bookings.save", lambda: lease(300, "another"))
    with pytest.raises(InProgress):
        harness.book()
    assert harness.stored_payment(ONE).is_opened_by("another")
    assert 19.5 <= sum(ports.clock.slept) < 20.6


def test_a_lapsed_opening_is_taken_over_with_its_reference(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        harness.book()
    ports.clock.move(seconds=25)
    paid = harness.pay(harness.stored_booking(FIRST))
    assert (paid.payment.tx_ref, paid.payment.status) == (ONE, "pending")
    assert ports.clock.slept == []


def test_of_two_who_take_it_over_one_opens_it(harness: Harness, ports: Fakes) -> None:
    leased_and_gone(harness)
    ports.clock.move(minutes=2)
    # Skipped: the save of the look that was due.
    ports.run_before("bookings.save", lambda: harness.process_task(harness.stored_booking(FIRST)), skip=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_payment(TWO).status == "pending"
    assert ports.call_log.count("gateway.initialize") == 1
    assert harness.stored_payment(TWO).checkout_url == ports.gateway.charges[TWO].url
    assert ports.observe.of("booking_failing") == []


def test_a_payment_that_is_taken_over_stays_its_keys(harness: Harness, ports: Fakes) -> None:
    """Whoever opened it under that key hears of it, though somebody else finished it."""
    failed(harness)
    ports.run_before("gateway.initialize", raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        harness.pay(harness.stored_booking(FIRST), key="k")
    ports.clock.move(seconds=25)
    owners = [harness.stored_payment(TWO).opening]
    ports.run_before("gateway.initialize", lambda: owners.append(harness.stored_payment(TWO).opening))
    harness.process_task(harness.stored_booking(FIRST))
    assert [event.cause for event in harness.stored_booking(FIRST).history if event.kind == "payment_pending"] == [
        "sweep"
    ]
    # Each lease has an owner that nobody else is.
    assert [len(lease.owner) for lease in {*owners} if lease] == [16, 16]
    again = harness.pay(harness.stored_booking(FIRST), key="k")
    assert (again.replayed, again.payment.tx_ref) == (True, TWO)


# -- the store


def test_a_busy_store_is_told_before_the_gateway_is_asked(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy) as refused:
        harness.pay(harness.stored_booking(FIRST))
    assert refused.value.retry_after == 1
    assert ports.call_log.names("gateway") == []


def test_a_lease_whose_answer_was_lost_is_still_ours(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args))
    assert harness.pay(harness.stored_booking(FIRST)).payment.status == "pending"
    assert ports.clock.slept == []
    assert ports.call_log.count("gateway.initialize") == 1


def test_the_lease_is_saved_before_the_gateway_is_asked(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    harness.pay(harness.stored_booking(FIRST))
    assert ports.call_log.names("bookings", "gateway") == [
        "bookings.load",
        "bookings.save",
        "gateway.initialize",
        "bookings.save",
    ]


# -- the guest's page, which knows no principal


def test_the_page_pays_in_its_own_name(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    paid = pay_now(ports, harness.stored_booking(FIRST), key="", actor=Actor("return"), public_url=PUBLIC)
    assert paid.payment.tx_ref == TWO
    assert {event.cause for event in paid.booking.history if event.subject == TWO} == {"return"}
    assert ports.gateway.charges[TWO].opening.return_url == f"{PUBLIC}/pay/{TWO}"


def pay_on_the_page(harness: Harness) -> CheckoutResult:
    booking = harness.stored_booking(FIRST)
    return pay_now(harness.ports, booking, key="", actor=Actor("return"), public_url=PUBLIC, in_public=True)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("sent", [False, True])
def test_what_a_silent_gateway_does_not_open_in_time_for_the_page_is_left_to_the_queue(
    harness: Harness, ports: Fakes, *, sent: bool, done: bool
) -> None:
    failed(harness)
    silence = GatewayTimeout("silence", definitely_not_executed=not sent)
    ports.gateway.fail_next("initialize", silence, done=sent and done)
    with pytest.raises(InProgress):
        pay_on_the_page(harness)
    payment = harness.stored_payment(TWO)
    assert (payment.status, payment.problem, payment.opening_lapsed(ports.clock.now())) == ("created", None, True)
    assert [task.booking_id for task in ports.queue.tasks] == [FIRST]
    harness.sweep_and_drain()
    # A gateway that had taken it, and was only slow to say so, has lost its link: the next one is opened.
    latest = harness.stored_booking(FIRST).payments[-1]
    assert (latest.tx_ref, latest.status) == (f"{FIRST}-3" if sent and done else TWO, "pending")
    assert pay_on_the_page(harness).payment == latest


def test_a_message_that_is_lost_leaves_the_opening_to_the_clock(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    ports.gateway.fail_next("initialize", GatewayTimeout("silence", definitely_not_executed=False))
    ports.queue.down = True
    with pytest.raises(InProgress):
        pay_on_the_page(harness)
    ports.queue.down = False
    harness.advance(minutes=3)
    assert harness.stored_payment(TWO).status == "pending"


def test_the_page_waits_only_a_little_for_anothers_opening(harness: Harness, ports: Fakes) -> None:
    failed(harness)
    began = ports.clock.now()
    waited: list[timedelta] = []

    def press_again() -> None:
        with pytest.raises(InProgress):
            pay_on_the_page(harness)
        waited.append(ports.clock.now() - began)

    ports.run_before("gateway.initialize", press_again)
    assert harness.pay(harness.stored_booking(FIRST)).payment.tx_ref == TWO
    assert [PUBLIC_LAST_WAIT <= each < PUBLIC_ANSWER for each in waited] == [True]


@pytest.mark.parametrize("error", [REFUSED, GatewayBadAnswer("x", definitely_not_executed=False)])
def test_what_the_gateway_answers_the_page_is_no_silence(harness: Harness, ports: Fakes, error: GatewayError) -> None:
    failed(harness)
    ports.gateway.fail_next("initialize", error)
    with pytest.raises(type(error)):
        pay_on_the_page(harness)
    assert harness.stored_payment(TWO).problem is not None
    assert ports.queue.tasks == []
