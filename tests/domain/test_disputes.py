"""Money that is claimed back: what is heard, entered, answered and decided, and what is not refunded meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from chalicelib.domain.attention import acknowledge, attention, attention_since
from chalicelib.domain.booking import DISPUTE_TRANSITIONS, Actor, Booking, Dispute, DisputeStatus, get_dispute
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.disputes import CloseAs, DisputeFacts, apply_facts, close, defer_look_up, hear_of, open_dispute
from chalicelib.domain.errors import (
    AttentionItemNotFound,
    DisputeClosed,
    DisputeNotFound,
    InvalidRequest,
    NothingToDispute,
    PaymentDisputed,
)
from chalicelib.domain.finance.ledger import money_moved
from chalicelib.domain.ids import payment_of
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import check_undisputed, left_to_refund, owe_refund, record_reversal, resolve
from chalicelib.domain.schedule import back_off
from chalicelib.domain.timing import DISPUTE_POLL
from tests.builders import NOW, a_booking, change_payment, move_refund, opened, paid, verified
from tests.invariants import check_booking
from tests.replacing import replace

WEBHOOK, OPERATOR = Actor("webhook"), Actor("operator", "operator-1", "sara@guzo.example.et")
LATER = NOW + timedelta(days=30)
DUE = NOW + timedelta(days=31)
UNPAID = opened(a_booking())
CONFIRMED = paid(UNPAID)
TX_REF = CONFIRMED.payments[0].tx_ref
D1, D2 = f"{TX_REF}-D1", f"{TX_REF}-D2"
WHOLE = Money(735000, "ETB")


def etb(minor: int) -> Money:
    return Money(minor, "ETB")


def facts(status: DisputeStatus = "needs_response", **changes: Any) -> DisputeFacts:
    known = DisputeFacts(
        provider_dispute_id="2867", status=status, tx_ref=TX_REF, amount=etb(300), reason="chargeback", due_at=DUE
    )
    return replace(known, **changes)


def heard(booking: Booking = CONFIRMED, **changes: Any) -> Booking:
    after = hear_of(booking, TX_REF, facts(**changes), actor=WEBHOOK, now=LATER)
    check_booking(after)
    return after


def entered(booking: Booking = CONFIRMED, minor: int | None = None) -> Booking:
    after = open_dispute(
        booking,
        TX_REF,
        amount=None if minor is None else etb(minor),
        reason="unknown to the card's owner",
        due_at=DUE,
        note="Chapa's e-mail",
        actor=OPERATOR,
        now=LATER,
    )
    check_booking(after)
    return after


def told(booking: Booking, status: DisputeStatus, dispute_id: str = D1, **changes: Any) -> Booking:
    after = apply_facts(
        booking, dispute_id, facts(status, **changes), actor=Actor("sweep"), now=LATER + timedelta(hours=1)
    )
    check_booking(after)
    return after


def reversed_booking() -> Booking:
    return record_reversal(CONFIRMED, CONFIRMED.payments[0], "reversed", actor=Actor("sweep"), now=NOW)


def closed(booking: Booking, as_: CloseAs, dispute_id: str = D1) -> Booking:
    after = close(booking, dispute_id, as_=as_, note="The bank's letter", actor=OPERATOR, now=LATER)
    check_booking(after)
    return after


# Heard of


def test_what_a_webhook_says_is_kept_and_asked_about_now() -> None:
    booking = heard()
    assert booking.disputes == (
        Dispute(
            dispute_id=D1,  # type: ignore[arg-type]
            amount=etb(300),
            reason="chargeback",
            created_at=LATER,
            updated_at=LATER,
            due_at=DUE,
            provider_dispute_id="2867",
            look_up_at=LATER,
        ),
    )
    event = booking.history[-1]
    assert (event.kind, event.subject, event.before, event.after, event.cause) == (
        "dispute_opened",
        D1,
        None,
        "needs_response",
        "webhook",
    )
    assert event.detail == "ETB 3.00; chargeback"
    assert (attention(booking), attention_since(booking), due_at(replace(booking, outbox=()))) == (
        "dispute",
        LATER,
        LATER,
    )
    assert booking.status == "confirmed", "no stay is cancelled by it"


@pytest.mark.parametrize("status", get_args(DisputeStatus))
def test_a_webhook_alone_decides_nothing(status: DisputeStatus) -> None:
    assert get_dispute(heard(status=status), D1).status == "needs_response"
    assert get_dispute(heard(heard(), status=status), D1).status == "needs_response"


def test_the_same_dispute_is_kept_once_and_asked_about_again() -> None:
    quiet = told(heard(), "needs_response")
    again = hear_of(quiet, TX_REF, facts(), actor=WEBHOOK, now=LATER + timedelta(hours=2))
    assert len(again.disputes) == 1
    assert get_dispute(again, D1).look_up_at == LATER + timedelta(hours=2)
    assert again.history == quiet.history


def test_another_dispute_of_the_same_payment() -> None:
    booking = heard(heard(), provider_dispute_id="9911")
    assert [(each.dispute_id, each.provider_dispute_id) for each in booking.disputes] == [(D1, "2867"), (D2, "9911")]


def test_a_dispute_that_a_person_entered_is_the_one_that_the_gateway_names_later() -> None:
    booking = heard(entered())
    [dispute] = booking.disputes
    assert (dispute.provider_dispute_id, dispute.look_up_at, dispute.amount) == ("2867", LATER, WHOLE)
    assert len(heard(closed(entered(), "won")).disputes) == 2, "one that is decided is another"


@pytest.mark.parametrize("as_", get_args(CloseAs))
def test_what_is_decided_stays_so_whatever_is_heard(as_: CloseAs) -> None:
    booking = closed(heard(), as_)
    assert heard(booking) == booking
    assert told(booking, "needs_response") == booking
    assert defer_look_up(booking, D1, jitter=0.5, now=LATER) == booking
    assert due_at(booking) == due_at(CONFIRMED)


def test_a_gateway_that_gives_disputes_no_name_is_not_asked() -> None:
    booking = heard(provider_dispute_id="")
    assert (get_dispute(booking, D1).look_up_at, attention(booking)) == (None, "dispute")
    assert len(heard(booking, provider_dispute_id="").disputes) == 1
    assert len(heard(closed(booking, "lost"), provider_dispute_id="").disputes) == 2


@pytest.mark.parametrize("amount", [None, Money(300, "USD")])
def test_without_a_readable_amount_all_that_was_received_is_at_risk(amount: Money | None) -> None:
    assert get_dispute(heard(amount=amount), D1).amount == WHOLE


def test_a_payment_that_we_do_not_know_as_paid_yet_may_be_disputed() -> None:
    booking = hear_of(UNPAID, TX_REF, facts(amount=None), actor=WEBHOOK, now=NOW)
    check_booking(booking)
    assert get_dispute(booking, D1).amount == UNPAID.total


# What the gateway says


def test_what_the_gateway_says_counts_and_it_is_asked_on() -> None:
    booking = told(heard(), "needs_response", amount=etb(700), reason="fraud", due_at=DUE + timedelta(hours=1))
    dispute = get_dispute(booking, D1)
    assert (dispute.amount, dispute.reason, dispute.due_at) == (etb(700), "fraud", DUE + timedelta(hours=1))
    assert dispute.look_up_at == LATER + timedelta(hours=1) + DISPUTE_POLL
    silent = told(booking, "needs_response", amount=None, reason="", due_at=None)
    assert replace(get_dispute(silent, D1), look_up_at=None) == replace(dispute, look_up_at=None)


@pytest.mark.parametrize("last", get_args(DisputeStatus))
@pytest.mark.parametrize("first", ["needs_response", "under_review"])
def test_the_gateways_word_moves_it(first: DisputeStatus, last: DisputeStatus) -> None:
    booking = told(told(heard(), first), last, resolution="declined")
    dispute = get_dispute(booking, D1)
    assert dispute.status == last
    assert (dispute.look_up_at is None) is (last in ("won", "lost"))
    assert attention(booking) == ("dispute" if last in ("needs_response", "under_review") else None)
    if first != last:
        assert booking.history[-1].kind == f"dispute_{last}"
        assert booking.history[-1].detail == "declined"


def test_a_gateway_that_cannot_tell_leaves_it_to_a_person() -> None:
    booking = apply_facts(heard(), D1, None, actor=Actor("sweep"), now=LATER)
    assert (get_dispute(booking, D1).look_up_at, attention(booking)) == (None, "dispute")


def test_silence_is_asked_again_ever_more_slowly() -> None:
    booking = heard()
    for failures in (1, 2, 3):
        booking = defer_look_up(booking, D1, jitter=0.5, now=LATER)
        assert get_dispute(booking, D1).look_up_at == LATER + back_off(failures, jitter=0.5)
    assert get_dispute(told(booking, "needs_response"), D1).failures == 0


# Entered by a person


def test_a_person_enters_what_the_gateway_wrote() -> None:
    booking = entered()
    dispute = get_dispute(booking, D1)
    assert (dispute.amount, dispute.due_at, dispute.look_up_at) == (WHOLE, DUE, None)
    event = booking.history[-1]
    assert event.detail == "ETB 7,350.00; unknown to the card's owner; Chapa's e-mail"
    assert (event.by, event.by_name) == ("operator-1", "sara@guzo.example.et")


@pytest.mark.parametrize(
    ("before", "minor", "taken"),
    [
        (CONFIRMED, 735_000, True),
        (CONFIRMED, 735_001, False),
        (CONFIRMED, 0, False),
        (entered(minor=300), 734_700, True),
        (entered(minor=300), 734_701, False),
        (entered(minor=300), None, True),
        (entered(), None, False),
        (closed(entered(minor=300), "lost"), 734_701, False),
        (closed(entered(), "won"), None, True),
    ],
)
def test_no_more_is_claimed_back_than_was_received(before: Booking, minor: int | None, *, taken: bool) -> None:
    if taken:
        assert len(entered(before, minor).disputes) == len(before.disputes) + 1
        return
    with pytest.raises(InvalidRequest) as refused:
        entered(before, minor)
    assert [error.field for error in refused.value.errors] == ["amount"]


def test_without_money_nothing_is_disputed() -> None:
    with pytest.raises(NothingToDispute):
        entered(UNPAID)


def test_a_reversal_becomes_a_part_of_the_dispute_that_explains_it() -> None:
    reversed_ = record_reversal(CONFIRMED, CONFIRMED.payments[0], "reversed", actor=WEBHOOK, now=NOW)
    assert (attention(reversed_), reversed_.payments[0].at_risk) == ("payment_reversed", WHOLE)
    booking = entered(reversed_)
    assert (attention(booking), booking.payments[0].at_risk) == ("dispute", WHOLE)
    assert attention(closed(booking, "lost")) is None


@pytest.mark.parametrize("as_", [None, *get_args(CloseAs)])
def test_a_reversal_that_a_dispute_explains_is_no_matter_of_its_own(as_: CloseAs | None) -> None:
    booking = heard() if as_ is None else closed(heard(), as_)
    booking = verified(booking, "reversed", now=LATER)
    check_booking(booking)
    assert booking.payments[0].reversal == "reversed"
    # Won, the money should have stayed: a person must look.
    assert attention(booking) == {None: "dispute", "lost": None, "won": "payment_reversed"}[as_]
    again = verified(booking, "reversed", now=LATER)
    assert again.history == booking.history


@pytest.mark.parametrize("status", ["owed", "attention", "processing"])
def test_money_that_a_dispute_took_back_is_no_refund_of_ours(status: str) -> None:
    booking = owe_refund(CONFIRMED, TX_REF, amount=WHOLE, reason="x", actor=OPERATOR, now=NOW)
    for to in {"owed": (), "attention": ("attention",), "processing": ("requested", "processing")}[status]:
        booking = move_refund(booking, f"{TX_REF}-R1", to, actor=Actor("sweep"), now=NOW)
    booking = verified(heard(booking), "reversed", now=LATER)
    assert [refund.status for refund in booking.refunds] == [status]


# Acknowledged and closed


def test_an_answered_dispute_waits_for_nobody_until_it_must_be_answered_again() -> None:
    booking = acknowledge(heard(), "dispute", D1, actor=OPERATOR, note="Sent the evidence.", now=LATER)
    check_booking(booking)
    dispute = get_dispute(booking, D1)
    assert (dispute.needs_a_person, dispute.is_undecided, dispute.look_up_at) == (False, True, LATER)
    assert booking.history[-1].kind == "dispute_acknowledged"
    with pytest.raises(AttentionItemNotFound):
        acknowledge(booking, "dispute", D1, actor=OPERATOR, note="again", now=LATER)
    assert not get_dispute(told(booking, "needs_response"), D1).needs_a_person
    assert get_dispute(heard(booking), D1).needs_a_person, "the gateway reminds of it"
    reopened = told(told(booking, "under_review"), "needs_response")
    assert get_dispute(reopened, D1).needs_a_person


@pytest.mark.parametrize("subject", [D2, TX_REF, "1", ""])
def test_nothing_else_is_acknowledged(subject: str) -> None:
    with pytest.raises(AttentionItemNotFound):
        acknowledge(heard(), "dispute", subject, actor=OPERATOR, note="x", now=LATER)


@pytest.mark.parametrize("as_", get_args(CloseAs))
def test_a_person_closes_it_once(as_: CloseAs) -> None:
    booking = closed(entered(), as_)
    assert (get_dispute(booking, D1).status, attention(booking)) == (as_, None)
    assert closed(booking, as_) == booking
    with pytest.raises(DisputeClosed):
        closed(booking, "won" if as_ == "lost" else "lost")
    with pytest.raises(DisputeNotFound):
        closed(booking, as_, D2)


@pytest.mark.parametrize(
    ("minor", "reversal"), [(None, "lost in a dispute"), (735_000, "lost in a dispute"), (300, "")]
)
def test_a_payment_of_which_all_is_lost_is_reversed_and_so_in_the_ledger(minor: int | None, reversal: str) -> None:
    booking = closed(entered(minor=minor), "lost")
    assert booking.payments[0].reversal == reversal
    assert [entry.kind for entry in booking.outbox if entry.is_line] == ["payment", "dispute"]
    again = verified(booking, "reversed", now=LATER)
    # The gateway's word adds what disputes had not taken, and nothing where they had taken all.
    assert [entry.kind for entry in again.outbox if entry.is_line][2:] == ([] if reversal else ["reversal"])
    assert money_moved(again) == {"ETB": 0}
    assert attention(again) is None


def test_every_move_is_one_that_is_written_down() -> None:
    assert set(DISPUTE_TRANSITIONS) == set(get_args(DisputeStatus))


# Refunds


@pytest.mark.parametrize(
    ("booking", "at_risk", "left"),
    [
        (CONFIRMED, 0, 735_000),
        (entered(minor=300), 300, 735_000),
        (told(heard(), "under_review"), 300, 735_000),
        (heard(heard(amount=etb(735_000)), provider_dispute_id="9911"), 735_000, 735_000),
        (closed(entered(minor=300), "won"), 0, 735_000),
        (closed(entered(minor=300), "lost"), 0, 734_700),
        (closed(entered(), "lost"), 0, 0),
        # Taken back at the gateway, and nobody knows why: then a person does.
        (reversed_booking(), 735_000, 735_000),
        (acknowledge(reversed_booking(), "payment_reversed", TX_REF, actor=OPERATOR, note="x", now=LATER), 0, 735_000),
    ],
)
def test_what_is_at_risk_and_what_is_left_to_give_back(booking: Booking, at_risk: int, left: int) -> None:
    payment = booking.payments[0]
    assert (payment.at_risk, left_to_refund(payment)) == (etb(at_risk), etb(left))
    if at_risk:
        with pytest.raises(PaymentDisputed) as refused:
            check_undisputed(payment)
        assert etb(at_risk).formatted in refused.value.detail
    else:
        check_undisputed(payment)


def test_a_refund_and_a_dispute_may_give_the_same_money_back() -> None:
    booking = owe_refund(CONFIRMED, TX_REF, amount=WHOLE, reason="x", actor=OPERATOR, now=NOW)
    booking = closed(entered(booking), "lost")
    assert left_to_refund(booking.payments[0]) == etb(0)


def test_a_refund_is_not_posted_again_while_the_payment_is_disputed() -> None:
    booking = owe_refund(CONFIRMED, TX_REF, amount=etb(5), reason="x", actor=OPERATOR, now=NOW)
    booking = entered(move_refund(booking, f"{TX_REF}-R1", "attention", actor=Actor("sweep"), now=NOW))
    how: dict[str, Any] = {"note": "x", "actor": OPERATOR, "now": LATER}
    with pytest.raises(PaymentDisputed):
        resolve(booking, f"{TX_REF}-R1", as_="post_again", **how)
    for as_ in ("already_refunded", "paid_otherwise"):
        assert resolve(booking, f"{TX_REF}-R1", as_=as_, **how).refunds[0].status == "refunded"
    assert resolve(closed(booking, "won"), f"{TX_REF}-R1", as_="post_again", **how).refunds[0].status == "owed"


def test_a_cancellation_gives_back_no_more_than_a_lost_dispute_has_left() -> None:
    booking = cancel(closed(entered(minor=300), "lost"), actor=Actor("host"), reason="x", now=NOW + timedelta(days=1))
    assert [refund.amount for refund in booking.refunds] == [etb(734_700)]


def test_a_dispute_in_another_currency_than_came_adds_nothing_up() -> None:
    booking = change_payment(heard(), TX_REF, facts=replace(CONFIRMED.payments[0].facts, received=Money(5, "USD")))
    assert booking.payments[0].at_risk == Money(0, "USD")


@pytest.mark.parametrize(
    ("subject", "payment"),
    [
        (f"{TX_REF}-R1", TX_REF),
        (f"{TX_REF}-D12", TX_REF),
        (TX_REF, ""),
        ("1", ""),
        ("", ""),
        (f"{TX_REF}-X1", ""),
        ("-D1", ""),
    ],
)
def test_the_payment_of_a_refund_or_a_dispute_is_in_its_id(subject: str, payment: str) -> None:
    assert payment_of(subject) == payment
