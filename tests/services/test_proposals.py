"""Four eyes: what one operator proposes is done by the very write that records that another one approves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Refund
from chalicelib.domain.errors import (
    Forbidden,
    GatewayRejected,
    NotInAttention,
    ProposalClosed,
    ProposalNotFound,
    ProposalOutdated,
    RefundExceedsPayment,
    RefundUnderWay,
    SecondPersonNeeded,
    StayBegun,
    Unauthenticated,
)
from chalicelib.domain.ids import PersonId
from chalicelib.domain.money import Money
from chalicelib.domain.operators.four_eyes import MAX_PROPOSALS, amount_of
from chalicelib.domain.proposal import CancelAct
from chalicelib.domain.timing import PROPOSAL_KEPT
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.ending import end_stay
from chalicelib.services.operators import lists
from chalicelib.services.operators.proposals import approve, find_proposal, open_proposals, reject
from chalicelib.services.queries import events
from chalicelib.services.refunds import refund, resolve_refund
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, OPERATOR_SELAM, Harness, booking_id_of
from tests.invariants import check_second_person
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
R1 = f"{ONE}-R1"
P1, P2 = f"{FIRST}-P1", f"{FIRST}-P2"
PRICE = Money(735000, "ETB")
LIMIT = Money(300000, "ETB")
APPROVER = Principal(PersonId("approver-tigist"), "tigist@guzo.example.et", frozenset({"approver"}))
FINANCE = Principal(PersonId("finance-dawit"), "dawit@guzo.example.et", frozenset({"finance"}))
SUPPORT = Principal(PersonId("support-marta"), "marta@guzo.example.et", frozenset({"support"}))
NAMESAKE = Principal(PersonId("operator-sara-2"), OPERATOR.email.upper(), frozenset({"operator"}))


@pytest.fixture
def paid(harness: Harness, ports: Fakes) -> Harness:
    ports.rules = replace(ports.rules, second_person_above={"ETB": LIMIT})
    harness.confirmed_booking()
    harness.advance(minutes=1)
    harness.clear_logs()
    return harness


def give_back(ports: Fakes, amount: int | None = 300001, *, who: Any = OPERATOR, key: str = "k") -> Refund:
    return refund(ports, who, ONE, amount=amount, reason="a flood", key=key, cancel_booking=False, request_id="r-1")[0]


def proposed(ports: Fakes, amount: int | None = 300001, *, who: Any = OPERATOR, key: str = "k") -> str:
    with pytest.raises(SecondPersonNeeded) as needed:
        give_back(ports, amount, who=who, key=key)
    return needed.value.proposal_id


def refunds(harness: Harness) -> list[int]:
    return [each.amount.minor for each in harness.stored_booking(FIRST).refunds]


@pytest.mark.parametrize("who", [OPERATOR, FINANCE, HOST_ABEBE], ids=lambda who: who.person_id)
def test_up_to_the_limit_one_person_is_enough(paid: Harness, ports: Fakes, who: Principal) -> None:
    assert give_back(ports, LIMIT.minor, who=who).refund_id == R1


def test_the_limit_is_for_operators(paid: Harness, ports: Fakes) -> None:
    assert give_back(ports, PRICE.minor, who=HOST_ABEBE).refund_id == R1


def test_above_it_another_person_approves(paid: Harness, ports: Fakes) -> None:
    assert proposed(ports) == P1
    assert refunds(paid) == []
    assert paid.stored_booking(FIRST).letters == paid.stored_booking(FIRST).letters[:2]
    paid.advance(minutes=5)
    assert ports.gateway.refunds == []
    done = approve(ports, APPROVER, P1, note="Seen the photographs.")
    assert (done.proposal.status, done.proposal.decided_by, done.proposal.note) == (
        "approved",
        APPROVER.person_id,
        "Seen the photographs.",
    )
    assert refunds(paid) == [300001]
    told = [
        (event.kind, event.by_name, event.detail)
        for event in events(ports, OPERATOR, ONE, limit=100, after=None).items
        if event.by and event.cause == "operator"
    ]
    assert told == [
        ("proposed", OPERATOR.email, f"{P1}, ETB 3,000.01: a flood"),
        ("refund_owed", OPERATOR.email, "ETB 3,000.01"),
        ("proposal_approved", APPROVER.email, f"{P1}, ETB 3,000.01: Seen the photographs."),
    ]
    kinds = [event.kind for event in events(ports, GUEST_HANNA, ONE, limit=100, after=None).items]
    assert not any("propos" in kind for kind in kinds)
    assert done.booking is not None
    # The first person finds the refund under the key of the call that proposed it.
    assert refund(ports, OPERATOR, ONE, amount=300001, reason="a flood", key="k", cancel_booking=False) == (
        done.booking.refunds[0],
        True,
    )
    paid.check_invariants()


def test_the_parts_of_a_payment_count_together(paid: Harness, ports: Fakes) -> None:
    give_back(ports, 200000)
    paid.end_refunds(FIRST)
    give_back(ports, 100000, key="second")
    paid.end_refunds(FIRST)
    assert proposed(ports, 1, key="third") == P1


def test_a_currency_without_a_limit_needs_two_always(paid: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, second_person_above={"USD": LIMIT})
    assert proposed(ports, 1) == P1


@pytest.mark.parametrize("who", [OPERATOR, OPERATOR_SELAM, FINANCE], ids=lambda who: who.person_id)
def test_the_same_act_is_the_same_proposal(paid: Harness, ports: Fakes, who: Principal) -> None:
    assert proposed(ports) == P1
    before = paid.stored_booking(FIRST)
    assert proposed(ports, who=who, key="another") == P1
    assert paid.stored_booking(FIRST) == before
    assert proposed(ports, 300002, who=who, key="more") == P2


@pytest.mark.parametrize("decide", [approve, reject])
@pytest.mark.parametrize("who", [OPERATOR, NAMESAKE], ids=["same sub", "same address"])
def test_nobody_decides_their_own_proposal(paid: Harness, ports: Fakes, who: Principal, decide: Any) -> None:
    proposed(ports)
    before = paid.stored_booking(FIRST)
    with pytest.raises(SecondPersonNeeded) as again:
        decide(ports, who, P1, note="My own.")
    assert again.value.proposal_id == P1
    assert paid.stored_booking(FIRST) == before


@pytest.mark.parametrize("decide", [approve, reject])
@pytest.mark.parametrize(
    ("who", "error"), [(FINANCE, Forbidden), (SUPPORT, Forbidden), (HOST_ABEBE, Forbidden), (None, Unauthenticated)]
)
def test_who_may_not_decide(paid: Harness, ports: Fakes, who: Any, error: type[Exception], decide: Any) -> None:
    proposed(ports)
    with pytest.raises(error):
        decide(ports, who, P1, note="")
    assert refunds(paid) == []


def test_an_approver_proposes_nothing(paid: Harness, ports: Fakes) -> None:
    with pytest.raises(Forbidden):
        give_back(ports, 1, who=APPROVER)


def test_two_approvers_at_once_are_one_act(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    ports.run_before("bookings.save", lambda: approve(ports, OPERATOR_SELAM, P1, note="first"))
    late = approve(ports, APPROVER, P1, note="second")
    assert (late.proposal.decided_by, late.proposal.note) == (OPERATOR_SELAM.person_id, "first")
    assert refunds(paid) == [300001]
    before = paid.stored_booking(FIRST)
    assert approve(ports, APPROVER, P1, note="again").proposal.status == "approved"
    assert paid.stored_booking(FIRST) == before
    with pytest.raises(ProposalClosed, match="approved by selam"):
        reject(ports, APPROVER, P1, note="")


def test_a_rejection_stands(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    assert reject(ports, APPROVER, P1, note="No photographs.").proposal.status == "rejected"
    before = paid.stored_booking(FIRST)
    assert reject(ports, OPERATOR_SELAM, P1, note="again").proposal.note == "No photographs."
    with pytest.raises(ProposalClosed, match="rejected by tigist"):
        approve(ports, OPERATOR_SELAM, P1, note="")
    assert paid.stored_booking(FIRST) == before
    assert refunds(paid) == []
    # It may be proposed again: that is another proposal.
    assert proposed(ports) == P2


def test_an_approval_and_a_rejection_at_once(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    ports.run_before("bookings.save", lambda: reject(ports, OPERATOR_SELAM, P1, note=""))
    with pytest.raises(ProposalClosed):
        approve(ports, APPROVER, P1, note="")
    assert refunds(paid) == []


def test_a_proposal_expires_by_itself(paid: Harness, ports: Fakes) -> None:
    paid.sweep_and_drain()
    made = ports.clock.now()
    proposed(ports)
    assert paid.due_at(paid.stored_booking(FIRST)) == made + PROPOSAL_KEPT
    ports.clock.move_to(made + PROPOSAL_KEPT - timedelta(milliseconds=1))
    assert find_proposal(ports, OPERATOR, P1).proposal.is_open(ports.clock.now())
    ports.clock.move_to(made + PROPOSAL_KEPT)
    # Nobody needs to have seen to it.
    assert open_proposals(ports, OPERATOR, limit=9, after=None).items == ()
    for decide in (approve, reject):
        with pytest.raises(ProposalClosed, match="in time"):
            decide(ports, APPROVER, P1, note="")
    assert proposed(ports) == P2
    paid.sweep_and_drain()
    assert [each.status for each in paid.stored_booking(FIRST).proposals] == ["expired", "open"]
    with pytest.raises(ProposalClosed, match="in time"):
        approve(ports, APPROVER, P1, note="")
    paid.check_invariants()


def test_what_waits_is_listed_and_stands_on_the_attention_list(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    paid.confirmed_booking(key="other")
    [found] = open_proposals(ports, SUPPORT, limit=9, after=None).items
    assert (found.proposal.proposal_id, found.proposal.amount) == (P1, Money(300001, "ETB"))
    [item] = lists.attention(ports, OPERATOR, kind="proposal", limit=9, after=None).items
    assert (item.item_id, item.actions, item.reason) == (
        f"proposal.{P1}",
        ("approve", "reject"),
        f"{OPERATOR.email} proposed: a flood",
    )
    approve(ports, APPROVER, P1, note="")
    assert open_proposals(ports, OPERATOR, limit=9, after=None).items == ()
    assert lists.attention(ports, OPERATOR, kind=None, limit=9, after=None).items == ()


@pytest.mark.parametrize("proposal_id", [P2, f"{booking_id_of('other')}-P1", "P1", "", "GZ-P1"])
def test_a_proposal_that_there_is_not(paid: Harness, ports: Fakes, proposal_id: str) -> None:
    proposed(ports)
    for decide in (approve, reject):
        with pytest.raises(ProposalNotFound):
            decide(ports, APPROVER, proposal_id, note="")


# -- an approval checks everything again


def test_another_refund_that_is_under_way_by_now(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    give_back(ports, 100, key="small", who=OPERATOR_SELAM)
    with pytest.raises(RefundUnderWay):
        approve(ports, APPROVER, P1, note="")
    assert find_proposal(ports, OPERATOR, P1).proposal.status == "open"
    assert refunds(paid) == [100]
    paid.end_refunds(FIRST)
    assert approve(ports, APPROVER, P1, note="").proposal.status == "approved"


def test_a_booking_that_was_cancelled_by_now(paid: Harness, ports: Fakes) -> None:
    proposed(ports)
    cancel(ports, GUEST_HANNA, FIRST, reason="")
    paid.end_refunds(FIRST)
    with pytest.raises(RefundExceedsPayment):
        approve(ports, APPROVER, P1, note="")


def test_all_that_is_left_is_less_by_now(paid: Harness, ports: Fakes) -> None:
    assert proposed(ports, None) == P1
    give_back(ports, 100, who=HOST_ABEBE, key="small")
    paid.end_refunds(FIRST)
    with pytest.raises(ProposalOutdated, match=r"ETB 7,349\.00, and not ETB 7,350\.00"):
        approve(ports, APPROVER, P1, note="")
    assert refunds(paid) == [100]


def test_one_act_proposed_in_two_ways_is_done_once(paid: Harness, ports: Fakes) -> None:
    assert (proposed(ports), proposed(ports, 300002, key="b", who=OPERATOR_SELAM)) == (P1, P2)
    approve(ports, APPROVER, P1, note="")
    with pytest.raises(RefundUnderWay):
        approve(ports, APPROVER, P2, note="")
    assert refunds(paid) == [300001]


# -- every act that sends money


def in_attention(harness: Harness) -> None:
    give_back(harness.ports, 100)
    harness.ports.gateway.fail_next("refund", GatewayRejected("no", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_booking(FIRST).refunds[0].status == "attention"


@pytest.mark.parametrize("as_", ["post_again", "paid_otherwise"])
def test_two_resolve_a_refund_whatever_the_amount(paid: Harness, ports: Fakes, as_: Any) -> None:
    in_attention(paid)
    with pytest.raises(SecondPersonNeeded):
        resolve_refund(ports, OPERATOR, R1, as_=as_, note="Chapa says so.")
    assert paid.stored_booking(FIRST).refunds[0].status == "attention"
    approve(ports, APPROVER, P1, note="")
    status = {"post_again": "owed", "paid_otherwise": "refunded"}[as_]
    assert paid.stored_booking(FIRST).refunds[0].status == status
    check_second_person(paid.stored_booking(FIRST))
    with pytest.raises(NotInAttention):
        resolve_refund(ports, OPERATOR, R1, as_=as_, note="Chapa says so.")


def test_one_says_that_the_gateway_gave_it_back_up_to_the_limit(paid: Harness, ports: Fakes) -> None:
    in_attention(paid)
    ports.rules = replace(ports.rules, second_person_above={"ETB": Money(99, "ETB")})
    with pytest.raises(SecondPersonNeeded):
        resolve_refund(ports, OPERATOR, R1, as_="already_refunded", note="Seen.")
    ports.rules = replace(ports.rules, second_person_above={"ETB": Money(100, "ETB")})
    assert resolve_refund(ports, OPERATOR, R1, as_="already_refunded", note="Seen.").status == "refunded"


def test_a_refund_that_was_resolved_otherwise_by_now(paid: Harness, ports: Fakes) -> None:
    in_attention(paid)
    with pytest.raises(SecondPersonNeeded):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="")
    resolve_refund(ports, OPERATOR_SELAM, R1, as_="already_refunded", note="Seen.")
    with pytest.raises(NotInAttention):
        approve(ports, APPROVER, P1, note="")


def test_an_operators_cancellation_gives_no_more_back_alone(paid: Harness, ports: Fakes) -> None:
    with pytest.raises(SecondPersonNeeded):
        cancel(ports, OPERATOR, FIRST, reason="The house burnt down.")
    assert paid.stored_booking(FIRST).status == "confirmed"
    done = approve(ports, APPROVER, P1, note="").booking
    assert done is not None
    assert (done.status, refunds(paid)) == ("cancelled", [PRICE.minor])
    assert cancel(ports, OPERATOR, FIRST, reason="The house burnt down.")[0].status == "cancelled"


@pytest.mark.parametrize("who", [GUEST_HANNA, HOST_ABEBE], ids=lambda who: who.person_id)
def test_guests_and_hosts_cancel_alone(paid: Harness, ports: Fakes, who: Principal) -> None:
    assert cancel(ports, who, FIRST, reason="")[0].status == "cancelled"


def test_a_cancellation_that_gives_nothing_back_takes_one(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, second_person_above={})
    harness.held_booking()
    assert cancel(ports, OPERATOR, FIRST, reason="")[0].status == "cancelled"


def test_the_end_of_a_stay(paid: Harness, ports: Fakes) -> None:
    ports.clock.move_to(paid.stored_booking(FIRST).check_in_at)

    def end(who: Principal, back: int) -> None:
        end_stay(ports, who, FIRST, as_="no_show", last_night=None, refund=back, note="")

    with pytest.raises(SecondPersonNeeded):
        end(OPERATOR, 300001)
    assert paid.stored_booking(FIRST).ended is None
    approve(ports, APPROVER, P1, note="")
    ended = paid.stored_booking(FIRST).ended
    assert ended is not None
    assert (ended.refund, refunds(paid)) == (300001, [300001])
    end(OPERATOR, 300001)
    with pytest.raises(StayBegun):
        cancel(ports, OPERATOR, FIRST, reason="")


def test_a_payment_in_review(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, second_person_above={"ETB": LIMIT})
    harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(400000, "ETB"))
    harness.webhook(ONE)
    with pytest.raises(SecondPersonNeeded):
        lists.resolve_review(ports, OPERATOR, ONE, as_="refund", note="Not ours.")
    assert harness.stored_payment(ONE).status == "review"
    approve(ports, APPROVER, P1, note="")
    assert refunds(harness) == [400000]
    harness.check_invariants()


def test_money_that_is_accepted_follows_the_rules_of_late_money(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, second_person_above={})
    harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(400000, "ETB"))
    harness.webhook(ONE)
    cancel(ports, GUEST_HANNA, FIRST, reason="")
    booking, _ = lists.resolve_review(ports, OPERATOR, ONE, as_="accept", note="")
    assert [each.amount.minor for each in booking.refunds] == [400000]


def test_a_booking_takes_so_many_proposals(paid: Harness, ports: Fakes) -> None:
    for number in range(MAX_PROPOSALS):
        proposed(ports, 300001 + number, key=f"{number}")
    with pytest.raises(Exception, match="not right"):
        give_back(ports, 400000, key="more")
    assert len(paid.stored_booking(FIRST).proposals) == MAX_PROPOSALS


def test_two_people_without_a_name_are_two(paid: Harness, ports: Fakes) -> None:
    """Tokens of some issuers have no address: then it is the ``sub`` alone that says who it is."""
    first, second = (replace(who, email="") for who in (OPERATOR, OPERATOR_SELAM))
    proposed(ports, who=first)
    with pytest.raises(SecondPersonNeeded):
        approve(ports, first, P1, note="")
    assert approve(ports, second, P1, note="").proposal.status == "approved"


def test_the_limit_holds_for_whichever_attempt_was_paid(harness: Harness, ports: Fakes) -> None:
    """Her old link was paid, while a newer attempt was open."""
    ports.rules = replace(ports.rules, second_person_above={"ETB": LIMIT})
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    harness.another_attempt(harness.held_booking())
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    stored = harness.stored_booking(FIRST)
    assert [payment.status for payment in stored.payments] == ["completed", "expired"]
    assert proposed(ports) == P1
    assert refunds(harness) == []


@pytest.mark.parametrize("other", [OPERATOR, OPERATOR_SELAM], ids=lambda who: who.person_id)
def test_the_same_act_proposed_at_once_is_one_proposal(paid: Harness, ports: Fakes, other: Principal) -> None:
    ports.run_before("bookings.save", lambda: proposed(ports, who=other, key="other"))
    assert proposed(ports) == P1
    assert [each.by for each in paid.stored_booking(FIRST).proposals] == [other.person_id]


def observed(harness: Harness) -> list[str]:
    return sorted(set(harness.ports.observe.events) - {"proposal_made", "proposal_decided"})


BY_ACT: dict[str, Any] = {
    "cancel": lambda ports: cancel(ports, OPERATOR, FIRST, reason="a flood"),
    "end_stay": lambda ports: end_stay(
        ports, OPERATOR, FIRST, as_="no_show", last_night=None, refund=PRICE.minor, note="She rang."
    ),
}


@pytest.mark.parametrize("act", BY_ACT)
def test_an_approved_act_is_counted_as_one_that_needs_nobody(act: str) -> None:
    """What is logged and rings of an act is the same, whether one person did it or two."""
    seen = []
    for above in (PRICE, LIMIT):
        harness = Harness()
        harness.ports.rules = replace(harness.ports.rules, second_person_above={"ETB": above})
        booking = harness.confirmed_booking()
        if act == "end_stay":
            harness.ports.clock.move_to(booking.check_in_at)
        harness.deliver_outbox()
        harness.clear_logs()
        if above is PRICE:
            BY_ACT[act](harness.ports)
        else:
            with pytest.raises(SecondPersonNeeded):
                BY_ACT[act](harness.ports)
            harness.clear_logs()
            approve(harness.ports, OPERATOR_SELAM, P1, note="")
        seen.append(observed(harness))
    assert seen[0] == seen[1] != []


def test_the_amount_of_an_act_is_all_that_it_gives_back(paid: Harness, ports: Fakes) -> None:
    before = paid.stored_booking(FIRST)
    paid.owe_beside(ONE, 100)
    paid.owe_beside(ONE, 23)
    after = paid.stored_booking(FIRST)
    assert amount_of(before, after, CancelAct("a flood")) == Money(123, "ETB")
    assert amount_of(after, after, CancelAct("a flood")) == Money(0, "ETB")
