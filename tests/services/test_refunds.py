"""Money back: claimed first, posted once, looked up after that; a silence is never answered with a second post."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from chalicelib.domain import refunds
from chalicelib.domain.booking import SWEEP, Booking, Lease, Refund
from chalicelib.domain.errors import (
    GatewayBadAnswer,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnreachable,
    IdempotencyKeyReused,
    NotInAttention,
    PaymentNotFound,
    RefundExceedsPayment,
    RefundNotFound,
    RefundUnderWay,
)
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import MAX_REFUNDS
from chalicelib.domain.timing import WORKER_VERIFY_LEASE
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.ports.gateways import RefundAnswer
from chalicelib.services.refunds import process_refunds, refund
from chalicelib.services.updating import Decision, update
from tests.builders import NOW
from tests.fakes import Fakes
from tests.harness import HOST_ABEBE, OPERATOR, OPERATOR_SELAM, Harness, booking_id_of, resolve_refund
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
R1, R2 = f"{ONE}-R1", f"{ONE}-R2"
PRICE = Money(735000, "ETB")
HOUR = timedelta(hours=1)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)


def enqueue(
    ports: Fakes, amount: int | None = None, *, key: str = "k", reason: str = "broken", who: Any = OPERATOR
) -> Refund:
    return refund(ports, who, ONE, amount=amount, reason=reason, key=key, cancel_booking=False)[0]


def get_refund(harness: Harness, refund_id: str = R1) -> Refund:
    return next(each for each in harness.stored_booking(FIRST).refunds if each.refund_id == refund_id)


def owed(harness: Harness, amount: int | None = None) -> None:
    """A confirmed booking with its letters sent, and one refund owed."""
    harness.confirmed_booking()
    harness.advance(minutes=1)
    enqueue(harness.ports, amount)
    harness.clear_logs()


# -- owing


def test_all_that_is_left_is_owed(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    made, replayed = refund(ports, OPERATOR, ONE, amount=None, reason="broken", key="k", cancel_booking=False)
    assert not replayed
    assert made == get_refund(harness)
    assert (made.refund_id, made.amount, made.reason, made.status) == (R1, PRICE, "broken", "owed")
    assert harness.due_at(booking) == NOW
    assert [task.booking_id for task in ports.queue.tasks] == [FIRST]
    assert ports.call_log.names("gateway") == []
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_part_of_it_and_then_the_rest(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    assert enqueue(ports, 700000, key="a").amount == Money(700000, "ETB")
    for too_much in (35001, 735000):
        before = harness.stored_booking(FIRST)
        with pytest.raises(RefundExceedsPayment):
            enqueue(ports, too_much, key="b")
        assert harness.stored_booking(FIRST) == before
    assert enqueue(ports, None, key="c").amount == Money(35000, "ETB")
    for anything in (None, 1):
        with pytest.raises(RefundExceedsPayment):
            enqueue(ports, anything, key="d")
    assert [each.amount.minor for each in harness.stored_booking(FIRST).refunds] == [700000, 35000]


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_is_not_given_back(harness: Harness, ports: Fakes, amount: int) -> None:
    harness.confirmed_booking()
    with pytest.raises(RefundExceedsPayment):
        enqueue(ports, amount)
    assert harness.stored_booking(FIRST).refunds == ()


def test_people_give_back_twenty_times_at_most(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    for n in range(MAX_REFUNDS):
        enqueue(ports, 1, key=f"{n}")
        harness.end_refunds(FIRST)
    with pytest.raises(RefundExceedsPayment):
        enqueue(ports, 1, key="one more")
    assert len(harness.stored_booking(FIRST).refunds) == MAX_REFUNDS == 20


def test_what_was_not_paid_does_not_go_back(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    with pytest.raises(RefundExceedsPayment):
        enqueue(ports)
    with pytest.raises(PaymentNotFound):
        refund(ports, OPERATOR, f"{FIRST}-2", amount=None, reason="", key="k")


def test_a_key_is_one_refund(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    first = enqueue(ports, 100)
    harness.clear_logs()
    assert refund(ports, OPERATOR, ONE, amount=100, reason="broken", key="k", cancel_booking=False) == (first, True)
    for amount, reason in ((101, "broken"), (None, "broken"), (100, "another")):
        with pytest.raises(IdempotencyKeyReused):
            enqueue(ports, amount, reason=reason)
    assert ports.call_log.count("bookings.save") == 0
    # Another person's key is another.
    harness.end_refunds(FIRST)
    assert enqueue(ports, 100, who=HOST_ABEBE).refund_id == R2


def test_a_key_used_while_we_decide_is_one_refund(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: enqueue(ports, 100))
    made, replayed = refund(ports, OPERATOR, ONE, amount=100, reason="broken", key="k", cancel_booking=False)
    assert (made.refund_id, replayed) == (R1, True)
    assert len(harness.stored_booking(FIRST).refunds) == 1


def test_two_at_once_never_exceed_what_was_received(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: enqueue(ports, 400000, key="rival"))
    with pytest.raises(RefundExceedsPayment):
        enqueue(ports, 400000)
    assert [each.amount.minor for each in harness.stored_booking(FIRST).refunds] == [400000]


STATES = ("owed", "requested", "processing", "refunded", "unknown", "excluded")


def in_state(harness: Harness, state: str) -> None:
    """A refund of 100 that got this far: put before a person with its fate ``unknown``, or ``excluded``."""
    ports = harness.ports
    owed(harness, 100)
    match state:
        case "requested" | "unknown":
            ports.gateway.fail_next("refund", SILENCE, done=False)
        case "excluded":
            ports.gateway.fail_next("refund", GatewayRejected("no", definitely_not_executed=True))
    if state != "owed":
        harness.process_task(harness.stored_booking(FIRST))
    if state == "refunded":
        harness.end_refunds(FIRST)
    if state == "unknown":
        harness.advance(days=6)
    status = "attention" if state in ("unknown", "excluded") else state
    assert (get_refund(harness).status, get_refund(harness).may_be_executed) == (
        status,
        state not in ("owed", "excluded"),
    )


@pytest.mark.parametrize("who", [OPERATOR, OPERATOR_SELAM, HOST_ABEBE], ids=["same", "other", "host"])
@pytest.mark.parametrize("state", STATES)
def test_the_same_amount_is_not_given_back_while_it_is_under_way(
    harness: Harness, ports: Fakes, state: str, who: Principal
) -> None:
    in_state(harness, state)
    before = harness.stored_booking(FIRST)
    # A repeat is answered as before, whatever became of it.
    assert enqueue(ports, 100) == get_refund(harness)
    if state in ("refunded", "excluded"):
        assert enqueue(ports, 100, key="second", who=who).refund_id == R2
        return
    with pytest.raises(RefundUnderWay, match=f"ETB 1.00 of this payment are on their way back already: {R1}"):
        enqueue(ports, 100, key="second", who=who)
    assert harness.stored_booking(FIRST) == before
    # What is too much is too much, whatever is under way.
    with pytest.raises(RefundExceedsPayment):
        enqueue(ports, PRICE.minor, key="third", who=who)


@pytest.mark.parametrize("first", [OPERATOR, HOST_ABEBE], ids=["operator", "host"])
@pytest.mark.parametrize("who", [OPERATOR, OPERATOR_SELAM, HOST_ABEBE], ids=["same", "other", "host"])
def test_parts_are_one_persons_or_the_hosts_and_the_staffs(
    harness: Harness, ports: Fakes, first: Principal, who: Principal
) -> None:
    harness.confirmed_booking()
    enqueue(ports, 100, who=first)
    if (first, who) == (OPERATOR, OPERATOR_SELAM):
        with pytest.raises(RefundUnderWay):
            enqueue(ports, 200, key="part", who=who)
        harness.end_refunds(FIRST)
    assert enqueue(ports, 200, key="part", who=who).refund_id == R2
    assert [each.amount.minor for each in harness.stored_booking(FIRST).refunds] == [100, 200]


def test_beside_what_the_house_owes_by_itself_the_rest_is_given_back(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    harness.owe_beside(ONE, 100)
    with pytest.raises(RefundUnderWay):
        enqueue(ports, 100)
    assert enqueue(ports, None, key="rest").amount.minor == PRICE.minor - 100


@pytest.mark.parametrize("state", STATES)
def test_a_cancellation_gives_the_rest_whatever_is_under_way(harness: Harness, ports: Fakes, state: str) -> None:
    in_state(harness, state)
    cancelled, _ = cancel(ports, OPERATOR, FIRST, reason="The house burnt down.")
    assert [each.amount.minor for each in cancelled.refunds] == [100, PRICE.minor - 100]


def test_two_operators_at_once_give_a_night_back_once(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: enqueue(ports, 245000, key="rival", who=OPERATOR_SELAM))
    with pytest.raises(RefundUnderWay):
        enqueue(ports, 245000)
    assert [each.amount.minor for each in harness.stored_booking(FIRST).refunds] == [245000]


def put_before_a_person(harness: Harness, refund_id: str) -> None:
    def decide(current: Booking, _: Availability) -> Decision:
        now = harness.ports.clock.now()
        return Decision(refunds.put_before_person(current, refund_id, actor=SWEEP, now=now, detail="no word"))

    update(harness.ports, harness.stored_booking(FIRST), decide)
    assert get_refund(harness, refund_id).may_be_executed


@pytest.mark.parametrize("other", ["owed", "requested", "unknown", "excluded", "refunded"])
def test_a_refund_is_not_posted_again_beside_another(harness: Harness, ports: Fakes, other: str) -> None:
    in_state(harness, "excluded")
    harness.owe_beside(ONE, 200)
    if other in ("requested", "unknown"):
        ports.gateway.fail_next("refund", SILENCE, done=False)
    if other == "excluded":
        ports.gateway.fail_next("refund", GatewayRejected("no", definitely_not_executed=True))
    if other not in ("owed", "refunded"):
        harness.process_task(harness.stored_booking(FIRST))
    if other == "unknown":
        put_before_a_person(harness, R2)
    if other == "refunded":
        harness.end_refund(R2)
    if other in ("excluded", "refunded"):
        assert resolve_refund(ports, OPERATOR, R1, as_="post_again", note="").status == "owed"
        return
    with pytest.raises(RefundUnderWay):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    assert get_refund(harness).status == "attention"


def test_two_refunds_whose_fate_is_unknown_do_not_block_each_other(harness: Harness, ports: Fakes) -> None:
    """Once the gateway says of both that they came back, either is posted again."""
    owed(harness, 100)
    harness.owe_beside(ONE, 200)
    harness.process_task(harness.stored_booking(FIRST))
    put_before_a_person(harness, R1)
    put_before_a_person(harness, R2)
    with pytest.raises(RefundUnderWay):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    ports.gateway.reported_refund_status = "reversed"
    assert resolve_refund(ports, OPERATOR, R1, as_="post_again", note="").status == "owed"
    with pytest.raises(RefundUnderWay, match=R1):
        resolve_refund(ports, OPERATOR, R2, as_="post_again", note="")


@pytest.mark.parametrize(("who", "cause"), [(OPERATOR, "operator"), (HOST_ABEBE, "host")])
def test_who_gave_it_back_is_written_down(harness: Harness, ports: Fakes, who: Any, cause: str) -> None:
    harness.confirmed_booking()
    enqueue(ports, who=who)
    assert harness.stored_booking(FIRST).history[-1].cause == cause


# -- posting


def test_it_is_claimed_before_it_is_posted_and_posted_once(harness: Harness, ports: Fakes) -> None:
    owed(harness, 245000)
    harness.process_task(harness.stored_booking(FIRST))
    assert ports.call_log.names("gateway", "bookings") == [
        "bookings.load",
        "bookings.load",
        "bookings.lease_verification",
        "gateway.verify",
        "bookings.save",
        "gateway.refund",
        "bookings.save",
    ]
    assert ports.gateway.refunds == [(R1, Money(245000, "ETB"), "broken")]
    [call] = [call for call in ports.call_log.calls if call.name == "gateway.refund"]
    assert call.args == (f"AP{ONE}",)
    known = get_refund(harness)
    assert (known.status, known.provider_refund_id) == ("processing", f"RF{R1}")
    assert known.due_at == ports.clock.now() + HOUR
    for _ in range(3):
        harness.process_task(harness.stored_booking(FIRST))
    assert len(ports.gateway.refunds) == 1


@pytest.mark.parametrize("status", ["owed", "processing"])
def test_while_another_worker_asks_the_gateway_a_refund_waits(harness: Harness, ports: Fakes, status: str) -> None:
    owed(harness)
    if status == "processing":
        harness.process_task(harness.stored_booking(FIRST))
        ports.clock.move(hours=1)
    asked: list[Booking | None] = []

    def another_worker() -> None:
        now = ports.clock.now() + WORKER_VERIFY_LEASE - timedelta(milliseconds=1)
        asked.append(ports.bookings.lease_verification(FIRST, Lease("another", now + HOUR), now))

    # Until its very end the lease of the worker that is about to ask keeps others away.
    ports.run_before("gateway.verify" if status == "owed" else "gateway.refund_status", another_worker)
    process_refunds(ports, harness.stored_booking(FIRST))
    assert asked == [None]


@pytest.mark.parametrize("status", ["owed", "processing"])
def test_a_refund_waits_while_another_has_the_right_to_ask(harness: Harness, ports: Fakes, status: str) -> None:
    owed(harness)
    if status == "processing":
        harness.process_task(harness.stored_booking(FIRST))
        ports.clock.move(hours=1)
    before = harness.stored_booking(FIRST)
    now = ports.clock.now()
    assert ports.bookings.lease_verification(FIRST, Lease("another", now + HOUR), now) is not None
    harness.clear_logs()
    assert process_refunds(ports, before) == before
    assert ports.call_log.names("gateway") == []
    assert get_refund(harness).status == status


def test_only_the_clock_posts(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.webhook(ONE, "charge.success")
    assert ports.gateway.refunds == []
    assert get_refund(harness).status == "owed"


@pytest.mark.parametrize("at", ["gateway.verify", "bookings.save", "gateway.refund"])
def test_two_workers_post_once(harness: Harness, ports: Fakes, at: str) -> None:
    owed(harness)
    ports.run_before(at, lambda: harness.process_task(harness.stored_booking(FIRST)))
    harness.process_task(harness.stored_booking(FIRST))
    assert len(ports.gateway.refunds) == 1


def test_a_claim_is_its_owners_alone(harness: Harness, ports: Fakes) -> None:
    """Whoever loses the race for the claim does not post, even while the winner's post is still unanswered."""
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    ports.run_before("bookings.save", lambda: harness.process_task(harness.stored_booking(FIRST)))
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "requested"
    assert len(ports.gateway.refunds) == 1


def test_several_refunds_are_each_posted_once(harness: Harness, ports: Fakes) -> None:
    owed(harness, 100)
    harness.owe_beside(ONE, 200)
    harness.process_task(harness.stored_booking(FIRST))
    assert [(name, amount.minor) for name, amount, _ in ports.gateway.refunds] == [(R1, 100), (R2, 200)]


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(
    "trouble", [SILENCE, GatewayUnreachable("reset", definitely_not_executed=False)], ids=lambda each: each.detail
)
def test_a_post_whose_fate_is_unknown_is_never_repeated(
    harness: Harness, ports: Fakes, trouble: GatewayError, *, done: bool
) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", trouble, done=done)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "requested"
    harness.advance(hours=95)
    assert get_refund(harness).status == "requested"
    assert ports.call_log.count("gateway.refund") == 1
    # It was looked up: hourly, then six-hourly; after three business days without a word a person is asked.
    assert 20 <= ports.call_log.count("gateway.verify") <= 24
    harness.advance(hours=2)
    assert get_refund(harness).status == "attention"
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "refund")
    harness.advance(days=10)
    assert ports.call_log.count("gateway.refund") == 1


def test_a_post_that_was_done_unheard_is_found_by_its_payment(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    harness.advance(hours=1)
    assert get_refund(harness).status == "refunded"
    assert len(ports.gateway.refunds) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        GatewayUnreachable("too many", definitely_not_executed=True),
        GatewayTimeout("no connection", definitely_not_executed=True),
    ],
    ids=lambda each: each.detail,
)
def test_a_post_that_certainly_did_not_arrive_is_tried_again(
    harness: Harness, ports: Fakes, trouble: GatewayError
) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", trouble, times=2)
    harness.process_task(harness.stored_booking(FIRST))
    known = get_refund(harness)
    assert (known.status, known.owner, known.start_failures) == ("owed", "", 1)
    assert known.due_at == ports.clock.now() + timedelta(seconds=15) * 0.75
    harness.advance(minutes=5)
    assert get_refund(harness).status == "processing"
    assert ports.call_log.count("gateway.refund") == 3
    assert len(ports.gateway.refunds) == 1


def test_a_refusal_goes_to_a_person(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", GatewayRejected("not in test mode", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "attention"
    assert harness.stored_booking(FIRST).history[-1].detail == "refused: not in test mode"
    harness.advance(days=3)
    assert ports.call_log.count("gateway.refund") == 1


def test_a_long_refusal_is_cut(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", GatewayRejected("no" * 200, definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    assert len(harness.stored_booking(FIRST).history[-1].detail) == 200


def test_a_gateway_that_cannot_be_asked_first_is_not_posted_to(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("verify", SILENCE)
    harness.process_task(harness.stored_booking(FIRST))
    assert ports.gateway.refunds == []
    assert (get_refund(harness).status, get_refund(harness).start_failures) == ("owed", 1)
    harness.advance(minutes=1)
    assert get_refund(harness).status == "processing"


def test_money_that_went_back_already_is_not_posted(harness: Harness, ports: Fakes) -> None:
    """Somebody did it in the gateway's own dashboard: the whole refund of ours is that one."""
    owed(harness)
    ports.gateway.set_status(ONE, "refunded")
    harness.process_task(harness.stored_booking(FIRST))
    assert ports.gateway.refunds == []
    assert get_refund(harness).status == "refunded"


@pytest.mark.parametrize("said", ["refunded", "reversed"])
def test_a_part_is_not_posted_once_the_gateway_gave_something_back(
    harness: Harness, ports: Fakes, said: Literal["refunded", "reversed"]
) -> None:
    """Nobody knows how much went back: a person looks."""
    owed(harness, 245000)
    ports.gateway.set_status(ONE, said)
    harness.process_task(harness.stored_booking(FIRST))
    assert ports.gateway.refunds == []
    assert get_refund(harness).status == "attention"
    assert harness.stored_booking(FIRST).history[-1].detail == f"the gateway says {said}"


def test_a_second_part_is_posted_beside_a_first(harness: Harness, ports: Fakes) -> None:
    """The gateway says refunded of the payment, because of the first part: that tells nothing of the second."""
    owed(harness, 100)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(hours=1)
    assert get_refund(harness).status == "refunded"
    enqueue(ports, 200, key="second")
    charge = ports.gateway.charges[ONE]
    ports.run_after("gateway.verify", lambda: setattr(charge, "status", "paid"))
    charge.status = "refunded"
    harness.process_task(harness.stored_booking(FIRST))
    assert [name for name, _, _ in ports.gateway.refunds] == [R1, R2]


def test_without_the_gateways_own_reference_a_person_posts(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE, provider_reference=None)
    harness.webhook(ONE)
    enqueue(ports)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "attention"
    assert harness.stored_booking(FIRST).history[-1].detail == "the gateway gave no reference of its own"
    assert ports.gateway.refunds == []


def test_an_answer_that_was_overtaken_changes_nothing(harness: Harness, ports: Fakes) -> None:
    """By the time that we hear that it is under way, a webhook has had it found done."""
    owed(harness)

    def done_meanwhile() -> None:
        ports.gateway.set_status(ONE, "refunded")
        harness.webhook(ONE, "charge.refunded")

    ports.run_after("gateway.refund", done_meanwhile)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "refunded"
    assert ports.observe.of("booking_failing") == []


def test_an_answer_that_it_is_done_is_believed(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    original = ports.gateway.refund

    def done_at_once(*args: Any, **kwargs: Any) -> RefundAnswer:
        return replace(original(*args, **kwargs), status="refunded")

    ports.gateway.refund = done_at_once  # type: ignore[method-assign]
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "refunded"


# -- looking it up


@pytest.mark.parametrize(
    ("said", "status"), [("refunded", "refunded"), ("reversed", "attention"), ("processing", "processing")]
)
def test_a_refund_under_way_is_looked_up_by_its_own_name(
    harness: Harness, ports: Fakes, said: Literal["processing", "refunded", "reversed"], status: str
) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = said
    harness.clear_logs()
    ports.clock.move(hours=1)
    harness.process_task(harness.stored_booking(FIRST))
    [call] = [call for call in ports.call_log.calls if call.name.startswith("gateway.refund")]
    assert (call.name, call.args) == ("gateway.refund_status", (f"RF{R1}",))
    assert get_refund(harness).status == status


def test_a_refund_that_goes_on_is_looked_up_ever_more_seldom(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    harness.advance(days=5)
    assert get_refund(harness).status == "processing"
    looks = ports.call_log.count("gateway.refund_status")
    assert 20 <= looks <= 30
    assert len(ports.gateway.refunds) == 1


@pytest.mark.parametrize(("business_days", "days"), [(1, 2), (3, 4), (10, 13)])
def test_a_refund_is_shown_to_a_person_once_it_is_silent_for_longer_than_its_gateway_says(
    harness: Harness, ports: Fakes, business_days: int, days: int
) -> None:
    ports.gateway.refund_business_days = business_days
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.down = SILENCE
    harness.advance(hours=24 * days - 1)
    assert get_refund(harness).status == "processing"
    harness.advance(hours=2)
    assert get_refund(harness).status == "attention"
    assert harness.stored_booking(FIRST).history[-1].detail == f"no word for {business_days} business days"


def test_a_look_up_that_the_gateway_does_not_know_leads_to_the_payment(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    ports.gateway.fail_next("find_refund", GatewayBadAnswer("404", definitely_not_executed=False))
    harness.advance(hours=1)
    assert get_refund(harness).status == "refunded"


def test_a_webhook_moves_a_refund_on(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    harness.webhook(ONE, "charge.refunded")
    assert get_refund(harness).status == "refunded"


def test_a_refund_without_a_name_is_done_when_its_payment_went_back(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    ports.clock.move(hours=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness).status == "refunded"


def test_a_payment_that_went_back_says_nothing_of_a_second_refund(harness: Harness, ports: Fakes) -> None:
    owed(harness, 100)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    harness.webhook(ONE, "charge.refunded")
    assert get_refund(harness).status == "refunded"
    enqueue(ports, 200, key="second")
    ports.gateway.set_status(ONE, "paid")
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness, R2).status == "requested"
    ports.gateway.set_status(ONE, "refunded")
    ports.clock.move(hours=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert get_refund(harness, R2).status == "requested"


@pytest.mark.parametrize("first", ["requested", "processing"])
def test_a_payment_that_went_back_may_mean_the_other_refund(harness: Harness, ports: Fakes, first: str) -> None:
    """Two parts were posted. The gateway says that something went back: of which it speaks, nobody knows yet."""
    owed(harness, 100)
    if first == "requested":
        ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    ports.clock.move(minutes=1)
    harness.owe_beside(ONE, 200)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    assert [each.status for each in harness.stored_booking(FIRST).refunds] == [first, "requested"]
    ports.gateway.set_status(ONE, "refunded")
    ports.clock.move_to(get_refund(harness, R2).due_at or NOW)
    harness.process_task(harness.stored_booking(FIRST))
    assert [each.status for each in harness.stored_booking(FIRST).refunds] == [first, "requested"]


def test_a_look_that_was_overtaken_changes_nothing(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.clock.move(hours=1)

    def overtaken() -> None:
        ports.gateway.set_status(ONE, "refunded")
        harness.webhook(ONE, "charge.refunded")

    ports.run_before("bookings.save", overtaken)
    harness.process_task(harness.stored_booking(FIRST))
    assert (get_refund(harness).status, get_refund(harness).due_at) == ("refunded", None)
    assert [event.kind for event in harness.stored_booking(FIRST).history].count("refund_refunded") == 1


def test_a_silence_that_was_overtaken_puts_nothing_off(harness: Harness, ports: Fakes) -> None:
    """The gateway did not answer us; another worker, whom it did answer, has posted meanwhile."""
    owed(harness)
    ports.gateway.fail_next("verify", SILENCE)

    def another_worker() -> None:
        ports.clock.move_to(ports.clock.now() + WORKER_VERIFY_LEASE)
        harness.process_task(harness.stored_booking(FIRST))

    ports.run_before("bookings.save", another_worker)
    harness.process_task(harness.stored_booking(FIRST))
    known = get_refund(harness)
    assert (known.status, known.start_failures, known.due_at) == ("processing", 0, ports.clock.now() + HOUR)


@pytest.mark.parametrize(
    "trouble",
    [GatewayRejected("no", definitely_not_executed=True), GatewayUnreachable("", definitely_not_executed=True)],
)
def test_a_refusal_that_was_overtaken_changes_nothing(harness: Harness, ports: Fakes, trouble: GatewayError) -> None:
    """The money went back some other way while our post was under way."""
    owed(harness)
    ports.gateway.fail_next("refund", trouble)

    def overtaken() -> None:
        ports.clock.move_to(ports.clock.now() + WORKER_VERIFY_LEASE)
        ports.gateway.set_status(ONE, "refunded")
        harness.webhook(ONE, "charge.refunded")

    ports.run_before("bookings.save", overtaken, skip=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert (get_refund(harness).status, get_refund(harness).due_at) == ("refunded", None)


# -- an operator resolves


def in_attention(harness: Harness) -> None:
    owed(harness)
    harness.ports.gateway.fail_next("refund", GatewayRejected("refused", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    harness.clear_logs()


@pytest.mark.parametrize("as_", ["already_refunded", "paid_otherwise"])
def test_an_operator_says_that_it_is_done(
    harness: Harness, ports: Fakes, as_: Literal["already_refunded", "paid_otherwise"]
) -> None:
    in_attention(harness)
    done = resolve_refund(ports, OPERATOR, R1, as_=as_, note="by bank")
    assert (done.status, done) == ("refunded", get_refund(harness))
    told = [(event.kind, event.cause, event.detail) for event in harness.stored_booking(FIRST).history]
    done_by = [(f"refund_{as_}", "operator", "by bank"), ("refund_refunded", "operator", as_)]
    assert [each for each in told if each in done_by] == done_by
    # That it was paid otherwise takes two people.
    assert [kind for kind, *_ in told if "propos" in kind] == (
        ["proposed", "proposal_approved"] if as_ == "paid_otherwise" else []
    )
    assert ports.call_log.names("gateway") == []


def test_an_operator_has_it_posted_again_after_the_gateway_was_asked(harness: Harness, ports: Fakes) -> None:
    in_attention(harness)
    assert resolve_refund(ports, OPERATOR, R1, as_="post_again", note="try").status == "owed"
    assert ports.call_log.names("gateway") == []
    harness.sweep_and_drain()
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.find_refund", "gateway.refund"]
    assert get_refund(harness).status == "processing"


def test_only_what_waits_for_a_person_is_settled_by_one(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    before = harness.stored_booking(FIRST)
    with pytest.raises(NotInAttention):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    with pytest.raises(RefundNotFound):
        resolve_refund(ports, OPERATOR, R2, as_="post_again", note="")
    assert harness.stored_booking(FIRST) == before


def test_settling_twice_is_refused(harness: Harness, ports: Fakes) -> None:
    in_attention(harness)
    ports.run_before("bookings.save", lambda: resolve_refund(ports, OPERATOR, R1, as_="paid_otherwise", note=""))
    with pytest.raises(NotInAttention):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    assert get_refund(harness).status == "refunded"


def test_what_another_worker_saw_to_meanwhile_is_left_alone(harness: Harness, ports: Fakes) -> None:
    owed(harness, 100)
    harness.owe_beside(ONE, 200)
    harness.clear_logs()
    booking = harness.stored_booking(FIRST)
    ports.run_before("gateway.refund", lambda: harness.process_task(booking))
    ports.gateway.fail_next("refund", GatewayRejected("no", definitely_not_executed=True), times=2)
    harness.process_task(booking)
    assert not ports.call_log.armed
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.refund"] * 2
    assert [(each.status, each.due_at) for each in harness.stored_booking(FIRST).refunds] == [("attention", None)] * 2


# -- a gateway that lists refunds


def lost(harness: Harness, ports: Fakes) -> None:
    """A refund was taken over, the answer was lost, and the payment is called reversed from then on."""
    ports.gateway.lists_refunds = True
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.sweep_and_drain()
    ports.gateway.set_status(ONE, "reversed")
    known = get_refund(harness)
    assert (known.status, known.provider_refund_id) == ("requested", None)


def test_a_refund_whose_name_was_lost_is_found_and_its_own_status_counts(harness: Harness, ports: Fakes) -> None:
    lost(harness, ports)
    harness.advance(hours=1, minutes=1)
    known = get_refund(harness)
    assert (known.status, known.provider_refund_id) == ("processing", f"RF{R1}")
    harness.advance(hours=2)
    assert get_refund(harness).status == "processing", "that its payment is reversed does not say that it is done"
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(hours=1)
    assert get_refund(harness).status == "refunded"
    assert ports.call_log.count("gateway.refund") == 1


@pytest.mark.parametrize(("says", "status"), [("refunded", "refunded"), ("reversed", "attention")])
def test_a_refund_that_is_found_at_its_end(harness: Harness, ports: Fakes, says: Any, status: str) -> None:
    lost(harness, ports)
    ports.gateway.reported_refund_status = says
    harness.advance(hours=1, minutes=1)
    known = get_refund(harness)
    assert (known.status, known.provider_refund_id) == (status, f"RF{R1}")


def test_a_refund_that_is_not_in_the_list_was_not_made_and_a_person_is_asked(harness: Harness, ports: Fakes) -> None:
    ports.gateway.lists_refunds = True
    owed(harness)
    ports.gateway.fail_next("refund", SILENCE)
    harness.sweep_and_drain()
    ports.gateway.set_status(ONE, "reversed")
    harness.advance(hours=95)
    assert get_refund(harness).status == "requested", "somebody else's reversal is not this refund"
    harness.advance(hours=2)
    assert get_refund(harness).status == "attention"
    ports.gateway.set_status(ONE, "paid")
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="The list does not have it.")
    harness.sweep_and_drain()
    assert get_refund(harness).status == "processing"


@pytest.fixture
def silent(harness: Harness, ports: Fakes) -> Harness:
    """A refund whose post was lost, and which nobody found for longer than the gateway says."""
    lost(harness, ports)
    ports.gateway.fail_next("find_refund", SILENCE, times=60)
    harness.advance(hours=97)
    assert get_refund(harness).status == "attention"
    ports.call_log.disarm()
    return harness


@pytest.mark.parametrize("reported", ["processing", "waiting", "refunded"])
def test_what_is_found_in_the_list_is_not_posted_again(
    silent: Harness, reported: Literal["processing", "waiting", "refunded"]
) -> None:
    ports = silent.ports
    before = silent.stored_booking(FIRST)
    ports.gateway.reported_refund_status = reported
    with pytest.raises(RefundUnderWay, match=f"reports this refund as {reported}"):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="It never came.")
    assert silent.stored_booking(FIRST) == before
    assert resolve_refund(ports, OPERATOR, R1, as_="already_refunded", note="Seen there.").status == "refunded"
    assert ports.call_log.count("gateway.refund") == 1


def test_what_came_back_by_the_list_is_posted_again(silent: Harness) -> None:
    silent.ports.gateway.reported_refund_status = "reversed"
    resolve_refund(silent.ports, OPERATOR, R1, as_="post_again", note="It came back.")
    silent.sweep_and_drain()
    assert get_refund(silent).status == "processing"
    assert silent.ports.call_log.count("gateway.refund") == 2


def test_a_gateway_that_excludes_nothing_is_not_posted_to_again(silent: Harness) -> None:
    ports = silent.ports
    ports.gateway.lists_refunds = False
    with pytest.raises(RefundUnderWay, match="does not exclude that money of an earlier post is moving"):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    ports.gateway.down = GatewayTimeout("No answer in time.", definitely_not_executed=False)
    with pytest.raises(RefundUnderWay, match=r"did not say whether money is moving: No answer in time\."):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    assert get_refund(silent).status == "attention"
    assert ports.call_log.count("gateway.refund") == 1


def test_what_is_excluded_no_more_when_it_is_to_be_posted_waits_for_a_person_again(silent: Harness) -> None:
    ports = silent.ports
    ports.gateway.reported_refund_status = "reversed"
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="It came back.")
    ports.gateway.set_status(ONE, "paid")
    ports.gateway.lists_refunds = False
    silent.sweep_and_drain()
    assert get_refund(silent).status == "attention"
    assert silent.stored_booking(FIRST).history[-1].detail == (
        "the gateway does not exclude that money of an earlier post is moving"
    )
    assert ports.call_log.count("gateway.refund") == 1


def test_a_gateway_that_names_a_refund_and_then_forgets_it_excludes_nothing(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = "unknown"
    harness.advance(hours=97)
    assert get_refund(harness).status == "attention"
    with pytest.raises(RefundUnderWay):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")


def test_a_refund_that_nobody_posted_is_not_looked_for(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.sweep_and_drain()
    assert ports.call_log.count("gateway.find_refund") == 0
