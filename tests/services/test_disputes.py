"""Disputes: durable once heard of, asked about at the gateway, closed by operators, and no refund meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Dispute, DisputeStatus
from chalicelib.domain.disputes import CloseAs, DisputeFacts
from chalicelib.domain.errors import (
    Busy,
    DisputeClosed,
    DisputeNotFound,
    Forbidden,
    GatewayTimeout,
    IdempotencyKeyReused,
    InvalidRequest,
    PaymentDisputed,
    PaymentNotFound,
)
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import IN_DISPUTE
from chalicelib.domain.timing import DISPUTE_POLL
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.disputes import (
    Disputed,
    DisputeRequest,
    close_dispute,
    enter_dispute,
    find_dispute,
    list_disputes,
)
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.evidence import evidence
from chalicelib.services.operators.lists import attention, resolve_review
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.queries import events
from chalicelib.services.refunds import refund
from tests.builders import NOW, a_booking_id
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import (
    GUEST_DAWIT,
    GUEST_HANNA,
    HOST_ABEBE,
    OPERATOR,
    OPERATOR_SELAM,
    Harness,
    booking_id_of,
    resolve_refund,
)
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
D1, R1 = f"{ONE}-D1", f"{ONE}-R1"
DUE = NOW + timedelta(days=2)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)


def facts(status: DisputeStatus = "needs_response", **changes: Any) -> DisputeFacts:
    return replace(DisputeFacts(provider_dispute_id="2867", status=status, tx_ref=ONE, due_at=DUE), **changes)


def disputed(harness: Harness, status: DisputeStatus = "needs_response", **changes: Any) -> None:
    """A confirmed booking, of whose payment the gateway announced a dispute."""
    harness.confirmed_booking()
    harness.ports.gateway.disputes["2867"] = facts(status, **changes)
    harness.webhook(ONE, "charge.dispute.create", dispute=facts(**changes))


def dispute_of(harness: Harness, dispute_id: str = D1) -> Dispute:
    known = harness.stored_booking(FIRST).dispute(dispute_id)
    assert known is not None
    return known


def request(**changes: Any) -> DisputeRequest:
    return replace(DisputeRequest(ONE, "unknown to the card's owner", "Chapa's e-mail", DUE), **changes)


def enter(ports: Fakes, *, key: str | None = None, dry_run: bool = False, **changes: Any) -> tuple[Disputed, bool]:
    return enter_dispute(ports, OPERATOR, request(**changes), key=key, dry_run=dry_run)


def waiting(ports: Fakes) -> list[tuple[str, str]]:
    page = attention(ports, OPERATOR, kind=None, limit=9, after=None)
    return [(item.kind, item.subject) for item in page.items]


def undecided(ports: Fakes) -> list[str]:
    return [each.dispute.dispute_id for each in list_disputes(ports, OPERATOR, limit=9, after=None).items]


# -- heard of


@pytest.mark.parametrize("status", ["needs_response", "under_review", "won", "lost"])
def test_the_gateway_is_asked_what_became_of_it(harness: Harness, ports: Fakes, status: DisputeStatus) -> None:
    disputed(harness, status)
    assert ports.call_log.names("gateway").count("gateway.dispute") == 1
    assert dispute_of(harness).status == status
    assert waiting(ports) == ([("dispute", D1)] if status == "needs_response" else [])
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_what_is_on_the_list_says_by_when_it_must_be_answered(harness: Harness, ports: Fakes) -> None:
    disputed(harness, reason="chargeback")
    [item] = attention(ports, OPERATOR, kind="dispute", limit=9, after=None).items
    assert (item.item_id, item.due_at, item.actions) == (f"dispute.{D1}", DUE, ("close", "acknowledge"))
    assert item.reason == "ETB 7,350.00 claimed back: chargeback"
    assert ports.observe.of("attention_needed")[0]["kind"] == "dispute"


def test_a_silent_gateway_leaves_it_with_a_person_and_is_asked_again(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.gateway.disputes["2867"] = facts("lost")
    ports.gateway.fail_next("dispute", SILENCE)
    harness.webhook(ONE, "charge.dispute.create", dispute=facts())
    assert waiting(ports) == [("dispute", D1)]
    harness.advance(minutes=2)
    assert dispute_of(harness).status == "lost"


def test_a_dispute_of_another_payment_is_no_answer(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.gateway.disputes["2867"] = facts("lost", tx_ref=f"{FIRST}-2")
    harness.webhook(ONE, "charge.dispute.create", dispute=facts())
    assert (dispute_of(harness).status, dispute_of(harness).failures) == ("needs_response", 1)


def test_an_outcome_whose_webhook_is_lost_is_found_by_asking(harness: Harness, ports: Fakes) -> None:
    disputed(harness)
    ports.gateway.disputes["2867"] = facts("won", resolution="declined")
    harness.advance(seconds=DISPUTE_POLL.total_seconds() + 60)
    assert dispute_of(harness).status == "won"
    assert waiting(ports) == []
    calls = ports.call_log.names("gateway").count("gateway.dispute")
    harness.advance(days=3)
    assert ports.call_log.names("gateway").count("gateway.dispute") == calls, "what is decided is not asked about"


def test_a_dispute_that_cannot_be_kept_is_sent_again(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy):
        harness.webhook(ONE, "charge.dispute.create", dispute=facts())
    assert harness.stored_booking(FIRST).disputes == ()
    harness.webhook(ONE, "charge.dispute.create", dispute=facts())
    assert waiting(ports) == [("dispute", D1)]


def test_the_payment_is_asked_about_as_well(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.gateway.disputes["2867"] = facts("lost")
    ports.gateway.set_status(ONE, "reversed")
    harness.webhook(ONE, "charge.dispute.resolve", dispute=facts("lost"))
    payment = harness.stored_payment(ONE)
    assert (payment.gateway_status, payment.lost) == ("reversed", payment.facts.received)
    assert (payment.reversal, waiting(ports)) == ("lost in a dispute", [])


@pytest.mark.parametrize("tx_ref", [f"{a_booking_id('nobodys')}-1", f"{FIRST}-9"])
def test_a_dispute_of_money_that_is_not_here_is_logged(harness: Harness, ports: Fakes, tx_ref: str) -> None:
    harness.confirmed_booking()
    harness.webhook(tx_ref, "charge.dispute.create", dispute=facts(tx_ref=tx_ref))
    assert ports.observe.of("dispute_unmatched")[0]["tx_ref"] == tx_ref
    assert harness.stored_booking(FIRST).disputes == ()


# -- entered and closed


def test_an_operator_enters_and_closes_it(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    made, replayed = enter(ports)
    assert (made.dispute, replayed) == (dispute_of(harness), False)
    assert (made.dispute.amount, made.dispute.due_at) == (harness.stored_payment(ONE).facts.received, DUE)
    assert (waiting(ports), undecided(ports)) == ([("dispute", D1)], [D1])
    closed = close_dispute(ports, OPERATOR, D1, as_="lost", note="The bank's letter", dry_run=False)
    assert (closed.dispute.status, waiting(ports), undecided(ports)) == ("lost", [], [])
    with pytest.raises(DisputeClosed):
        close_dispute(ports, OPERATOR, D1, as_="won", note="x", dry_run=False)
    assert [event.by for event in harness.stored_booking(FIRST).history[-2:]] == [OPERATOR.person_id] * 2


def test_what_would_be_is_answered_and_nothing_is_written(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    before = harness.stored_booking(FIRST)
    made, _ = enter(ports, dry_run=True, amount=300)
    assert (made.dispute.dispute_id, made.dispute.amount.minor) == (D1, 300)
    with pytest.raises(InvalidRequest):
        enter(ports, dry_run=True, amount=10**9)
    assert harness.stored_booking(FIRST) == before
    enter(ports, amount=300)
    entered = harness.stored_booking(FIRST)
    assert close_dispute(ports, OPERATOR, D1, as_="won", note="x", dry_run=True).dispute.status == "won"
    assert harness.stored_booking(FIRST) == entered


def test_one_key_enters_one_dispute(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    first, _ = enter(ports, key="k", amount=300)
    second, replayed = enter(ports, key="k", amount=300)
    assert (second.dispute, replayed) == (first.dispute, True)
    with pytest.raises(IdempotencyKeyReused):
        enter(ports, key="k", amount=301)
    assert enter(ports, key="l", amount=300)[0].dispute.dispute_id == f"{ONE}-D2"
    assert enter(ports, amount=300)[0].dispute.dispute_id == f"{ONE}-D3", "without a key it is another one"


@pytest.mark.parametrize(("key", "is_repeat"), [("k", True), ("l", False), (None, False)])
def test_whoever_loses_the_race_finds_the_own_dispute(
    harness: Harness, ports: Fakes, key: str | None, *, is_repeat: bool
) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: enter(ports, key="k", amount=300))
    entered, replayed = enter(ports, key=key, amount=300)
    assert replayed is is_repeat
    assert entered.dispute.dispute_id == (D1 if is_repeat else f"{ONE}-D2")
    assert len(harness.stored_booking(FIRST).disputes) == (1 if is_repeat else 2)


def test_a_repeat_finds_its_dispute_behind_a_later_one(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    first, _ = enter(ports, key="k", amount=300)
    enter(ports, key="l", amount=300)
    again, replayed = enter(ports, key="k", amount=300)
    assert (again.dispute, replayed) == (first.dispute, True)


@pytest.mark.parametrize("who", [GUEST_HANNA, GUEST_DAWIT, HOST_ABEBE])
def test_disputes_are_for_operators(harness: Harness, ports: Fakes, who: Principal) -> None:
    disputed(harness)
    for call in (
        lambda: enter_dispute(ports, who, request(), key=None, dry_run=False),
        lambda: close_dispute(ports, who, D1, as_="won", note="x", dry_run=False),
        lambda: list_disputes(ports, who, limit=9, after=None),
        lambda: find_dispute(ports, who, D1),
        lambda: evidence(ports, who, D1),
    ):
        with pytest.raises(Forbidden):
            call()


@pytest.mark.parametrize("dispute_id", [f"{ONE}-D2", ONE, R1, "", "x", f"{a_booking_id('nobodys')}-1-D1"])
def test_a_dispute_that_is_not_there(harness: Harness, ports: Fakes, dispute_id: str) -> None:
    disputed(harness)
    for call in (
        lambda: close_dispute(ports, OPERATOR, dispute_id, as_="won", note="x", dry_run=False),
        lambda: evidence(ports, OPERATOR, dispute_id),
    ):
        with pytest.raises(DisputeNotFound):
            call()
    with pytest.raises(PaymentNotFound):
        enter(ports, tx_ref=f"{FIRST}-7")


def test_an_answered_dispute_stays_on_the_list_of_disputes(harness: Harness, ports: Fakes) -> None:
    disputed(harness)
    acknowledge(ports, OPERATOR, f"dispute.{D1}", note="Sent the evidence.")
    assert (waiting(ports), undecided(ports)) == ([], [D1])
    harness.webhook(ONE, "charge.dispute.remind", dispute=facts())
    assert waiting(ports) == [("dispute", D1)]
    assert acknowledge(ports, OPERATOR, f"dispute.{D1}", note="Sent it again.").acknowledgement.note == "Sent it again."
    assert waiting(ports) == []


@pytest.mark.parametrize("as_", ["won", "lost"])
def test_a_dispute_that_ended_is_not_listed_beside_one_that_did_not(
    harness: Harness, ports: Fakes, as_: CloseAs
) -> None:
    harness.confirmed_booking()
    enter(ports, key="1", amount=5)
    enter(ports, key="2", amount=7)
    assert undecided(ports) == [D1, f"{ONE}-D2"]
    close_dispute(ports, OPERATOR, D1, as_=as_, note="x", dry_run=False)
    assert undecided(ports) == [f"{ONE}-D2"]


# -- refunds


@pytest.mark.parametrize("who", [OPERATOR, HOST_ABEBE])
def test_nobody_starts_a_refund_of_money_in_dispute(harness: Harness, ports: Fakes, who: Principal) -> None:
    disputed(harness)
    with pytest.raises(PaymentDisputed):
        refund(ports, who, ONE, amount=5, reason="x", key="k")
    close_dispute(ports, OPERATOR, D1, as_="won", note="x", dry_run=False)
    assert refund(ports, who, ONE, amount=5, reason="x", key="k")[0].status == "owed"


def test_what_a_cancellation_owes_is_put_before_a_person_and_not_posted(harness: Harness, ports: Fakes) -> None:
    disputed(harness)
    cancel(ports, HOST_ABEBE, FIRST, reason="x")
    harness.sweep_and_drain()
    [owed] = harness.stored_booking(FIRST).refunds
    assert (owed.status, ports.gateway.refunds) == ("attention", [])
    assert IN_DISPUTE in [event.detail for event in harness.stored_booking(FIRST).history]
    with pytest.raises(PaymentDisputed):
        resolve_refund(ports, OPERATOR, R1, as_="post_again", note="x")
    close_dispute(ports, OPERATOR, D1, as_="won", note="x", dry_run=False)
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="x")
    harness.sweep_and_drain()
    assert [refund_id for refund_id, *_ in ports.gateway.refunds] == [R1]


def test_a_dispute_that_comes_while_a_refund_is_about_to_be_posted(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    refund(ports, OPERATOR, ONE, amount=5, reason="x", key="k")
    ports.run_after("gateway.verify", lambda: (enter(ports), None)[1])
    harness.sweep_and_drain()
    assert (harness.stored_booking(FIRST).refunds[0].status, ports.gateway.refunds) == ("attention", [])


# -- evidence


def test_the_evidence_is_what_is_known_and_not_what_operators_wrote(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    harness.sweep_and_drain()
    refund(ports, OPERATOR, ONE, amount=5, reason="a broken shower", key="k")
    enter(ports, note="marked note")
    found = evidence(ports, OPERATOR, D1)
    assert (found.disputed.dispute.dispute_id, found.disputed.payment.tx_ref) == (D1, ONE)
    kinds = [event.kind for event in found.events]
    assert {"payment_created", "payment_completed", "booking_confirmed", "refund_owed"} <= set(kinds)
    assert not [kind for kind in kinds if kind.startswith("dispute_")]
    assert not [event for event in found.events if event.by or event.by_name or "marked" in event.detail]
    sent = {letter.kind: letter for letter in found.letters}
    confirmed = sent["booking_confirmed"]
    assert (confirmed.to, confirmed.sent_at) == ("guest", NOW)
    assert (sent["host_new_booking"].to, sent["money_returned"].sent_at) == ("host", None)


def test_the_guest_reads_nothing_of_a_dispute(harness: Harness, ports: Fakes) -> None:
    disputed(harness)
    acknowledge(ports, OPERATOR, f"dispute.{D1}", note="Sent the evidence.")
    close_dispute(ports, OPERATOR, D1, as_="lost", note="x", dry_run=False)
    by_guest = [event.kind for event in events(ports, GUEST_HANNA, ONE, limit=99, after=None).items]
    by_operator = [event.kind for event in events(ports, OPERATOR, ONE, limit=99, after=None).items]
    hidden = ["dispute_opened", "dispute_acknowledged", "dispute_lost"]
    assert [kind for kind in by_operator if kind in hidden] == hidden
    assert [kind for kind in by_operator if kind not in hidden] == by_guest


@pytest.mark.parametrize("received", [Money(735000, "ETB"), Money(5000, "USD")])
@pytest.mark.parametrize("amount", [None, 300])
def test_a_dispute_is_in_the_money_that_came(
    harness: Harness, ports: Fakes, received: Money, amount: int | None
) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE, amount=received)
    harness.webhook(ONE)
    if received != booking.total:
        resolve_review(ports, OPERATOR, ONE, as_="accept", note="It is enough.")
    entered, _ = enter(ports, amount=amount)
    assert entered.dispute.amount == Money(amount or received.minor, received.currency)


@pytest.mark.parametrize("named", [ONE, None])
def test_an_answer_that_names_no_payment_is_of_the_one_that_was_asked_about(
    harness: Harness, ports: Fakes, named: str | None
) -> None:
    harness.confirmed_booking()
    ports.gateway.disputes["2867"] = facts("won", tx_ref=named, resolution="declined")
    harness.webhook(ONE, "charge.dispute.create", dispute=facts())
    assert (dispute_of(harness).status, dispute_of(harness).failures) == ("won", 0)


@pytest.mark.parametrize("who", [OPERATOR, OPERATOR_SELAM], ids=lambda who: who.person_id)
def test_the_key_of_one_person_is_no_repeat_of_another(harness: Harness, ports: Fakes, who: Principal) -> None:
    harness.confirmed_booking()
    first, _ = enter(ports, key="k", amount=300)
    made, replayed = enter_dispute(ports, who, request(amount=300), key="k", dry_run=False)
    assert replayed is (who is OPERATOR)
    assert (made.dispute == first.dispute) is replayed
