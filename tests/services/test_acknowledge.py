"""An operator takes off the attention list what nothing else would."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import AttentionItemNotFound, Busy, GatewayRejected, WrongResolutionCall
from chalicelib.domain.ids import PersonId
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.deliver import deliver
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.attention import Acknowledged, acknowledge
from chalicelib.services.operators.lists import AttentionItem
from chalicelib.services.ports.mail import MailRefused
from chalicelib.services.ports.outcomes import Acknowledgement, StoreBusy
from tests.builders import NOW, a_booking_id, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import OPERATOR, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
COLLEAGUE = Principal(PersonId("operator-2"), groups=frozenset({"operator"}))


def listed(ports: Fakes) -> list[AttentionItem]:
    return list(operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items)


def reversal(harness: Harness) -> str:
    harness.confirmed_booking()
    harness.ports.gateway.set_status(ONE, "reversed")
    harness.webhook(ONE)
    return f"payment_reversed.{ONE}"


def email(harness: Harness) -> str:
    harness.confirmed_booking()
    harness.ports.run_before("mailer.send", raises(MailRefused()))
    deliver(harness.ports, FIRST)
    return f"email.{FIRST}.1"


def orphan(harness: Harness) -> str:
    ports = harness.ports
    harness.book(stay=a_stay(nights=1))
    nobodys = f"{a_booking_id('nobody')}-1"
    ports.gateway.charges[nobodys] = ports.gateway.charges[ONE]
    ports.gateway.pay(nobodys)
    harness.webhook(nobodys)
    return f"orphan.{nobodys}"


def failing(harness: Harness) -> str:
    harness.held_booking()
    fail_for_a_day(harness)
    return f"failing.{FIRST}"


def fail_for_a_day(harness: Harness) -> None:
    ports = harness.ports
    row = ports.tables.bookings[FIRST]
    for hours in (0, 25):
        assert row.due_at is not None
        ports.clock.move_to(max(ports.clock.now(), row.due_at) + timedelta(hours=hours))
        ports.bookings.back_off_failing(FIRST, ports.clock.now())


EVERY = [reversal, email, orphan, failing]


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_what_was_settled_leaves_the_list_with_who_and_why(harness: Harness, ports: Fakes, make: object) -> None:
    item_id = make(harness)  # type: ignore[operator]
    [matter] = listed(ports)
    before = ("resend",) if make is email else ()
    assert (matter.item_id, matter.actions) == (item_id, (*before, "acknowledge"))
    ports.clock.move(hours=1)
    done = acknowledge(ports, OPERATOR, item_id, note="Told by telephone.")
    booking_id = None if make is orphan else FIRST
    said = Acknowledgement(ports.clock.now(), OPERATOR.person_id, "Told by telephone.")
    assert done == Acknowledged(item_id, booking_id, said)
    assert listed(ports) == []
    ports.clock.move(days=1)
    # Whoever repeats it, with whatever words, is answered with the first ones.
    harness.clear_logs()
    assert acknowledge(ports, COLLEAGUE, item_id, note="Me, too.") == done
    assert ports.call_log.count("bookings.save") == 0
    if booking_id:
        entry = harness.stored_booking(FIRST).history[-1]
        assert (entry.cause, entry.by, entry.detail) == ("operator", OPERATOR.person_id, "Told by telephone.")
    assert ports.observe.of("attention_acknowledged")[0]["kind"] == item_id.partition(".")[0]


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_two_operators_at_once(harness: Harness, ports: Fakes, make: object) -> None:
    item_id = make(harness)  # type: ignore[operator]
    call = "bookings.acknowledge_orphan" if make is orphan else "bookings.save"
    ports.run_before(call, lambda: acknowledge(ports, COLLEAGUE, item_id, note="first"))
    done = acknowledge(ports, OPERATOR, item_id, note="second")
    assert (done.acknowledgement.by, done.acknowledgement.note) == (COLLEAGUE.person_id, "first")
    if make is not orphan:
        assert [
            event.detail for event in harness.stored_booking(FIRST).history if event.kind.endswith("_acknowledged")
        ] == ["first"]


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
def test_an_answer_that_was_lost(harness: Harness, ports: Fakes, make: object) -> None:
    item_id = make(harness)  # type: ignore[operator]
    call = "bookings.acknowledge_orphan" if make is orphan else "bookings.save"
    ports.run_after(call, raises(StoreBusy()))
    with pytest.raises(Busy) as refused:
        acknowledge(ports, OPERATOR, item_id, note="once")
    assert refused.value.retry_after == 1
    assert acknowledge(ports, OPERATOR, item_id, note="twice").acknowledgement.note == "once"
    assert listed(ports) == []


def test_what_goes_on_failing_comes_back_and_is_settled_anew(harness: Harness, ports: Fakes) -> None:
    item_id = failing(harness)
    first = acknowledge(ports, OPERATOR, item_id, note="first")
    fail_for_a_day(harness)
    assert [matter.item_id for matter in listed(ports)] == [item_id]
    second = acknowledge(ports, OPERATOR, item_id, note="second")
    assert (first.acknowledgement.note, second.acknowledgement.note) == ("first", "second")
    assert acknowledge(ports, OPERATOR, item_id, note="third") == second


def test_a_settled_orphan_stays_settled_when_its_webhook_comes_again(harness: Harness, ports: Fakes) -> None:
    item_id = orphan(harness)
    acknowledge(ports, OPERATOR, item_id, note="Sent back by hand.")
    harness.webhook(item_id.removeprefix("orphan."))
    assert listed(ports) == []


def test_an_email_that_was_settled_is_not_sent(harness: Harness, ports: Fakes) -> None:
    item_id = email(harness)
    before = len(ports.mailer.sent)
    acknowledge(ports, OPERATOR, item_id, note="Told by telephone.")
    harness.advance(days=2)
    assert [event.after for event in harness.stored_booking(FIRST).history if event.subject == "1"] == [
        "failed",
        "acknowledged",
    ]
    assert all(letter.to == ports.mailer.sent[0].to for letter in ports.mailer.sent[before:])


def test_what_has_a_call_of_its_own(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(700000, "ETB"))
    harness.webhook(ONE)
    [matter] = listed(ports)
    assert matter.actions == ("resolve",)
    with pytest.raises(WrongResolutionCall, match=f"/v1/ops/payments/{ONE}/resolve"):
        acknowledge(ports, OPERATOR, matter.item_id, note="")
    operators.resolve_review(ports, OPERATOR, ONE, as_="refund", note="")
    with pytest.raises(AttentionItemNotFound):
        acknowledge(ports, OPERATOR, matter.item_id, note="")
    ports.gateway.fail_next("refund", GatewayRejected("refused", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    [matter] = listed(ports)
    assert matter.actions == ("resolve",)
    with pytest.raises(WrongResolutionCall, match=f"/v1/ops/refunds/{ONE}-R1/resolve"):
        acknowledge(ports, OPERATOR, matter.item_id, note="")


@pytest.mark.parametrize(
    "item_id",
    [
        "",
        ".",
        "orphan",
        "orphan.",
        "orphan." + "x" * 5000,
        f"orphan.{ONE}",
        f"payment_reversed.{ONE}",
        f"payment_reversed.{FIRST}",
        f"payment_reversed.{FIRST}-2",
        f"payment_review.{ONE}",
        f"payment_review.{ONE}-R1",
        f"refund.{ONE}-R1",
        f"refund.{ONE}",
        f"email.{FIRST}.1",
        f"email.{FIRST}.9",
        f"email.{FIRST}",
        f"email.{FIRST}-1",
        "email.1",
        f"failing.{FIRST}",
        f"failing.{booking_id_of('none')}",
        "failing.SALT",
        f"something.{FIRST}",
        FIRST,
        ONE,
        "failing.GUEST#guest-1",
    ],
)
def test_what_is_not_on_the_list(harness: Harness, ports: Fakes, item_id: str) -> None:
    harness.confirmed_booking()
    before = harness.stored_booking(FIRST)
    with pytest.raises(AttentionItemNotFound):
        acknowledge(ports, OPERATOR, item_id, note="")
    assert harness.stored_booking(FIRST) == before


def test_a_name_is_taken_whole(harness: Harness, ports: Fakes) -> None:
    for make in (failing, email):
        item_id = make(harness)
        for other in (f"{item_id}-1", f"{item_id}.1", f"{item_id} ", item_id.replace(FIRST, f"{FIRST}-1")):
            with pytest.raises(AttentionItemNotFound):
                acknowledge(ports, OPERATOR, other, note="")


def test_a_reference_that_cannot_be_one_is_not_even_looked_for(harness: Harness, ports: Fakes) -> None:
    harness.clear_logs()
    for subject in ("", "x" * 5000, "GUEST#guest-1", FIRST):
        with pytest.raises(AttentionItemNotFound):
            acknowledge(ports, OPERATOR, f"orphan.{subject}", note="")
    assert ports.call_log.names("bookings") == []


def test_since_when_is_the_time_of_the_settling(harness: Harness, ports: Fakes) -> None:
    item_id = reversal(harness)
    ports.clock.move_to(NOW + timedelta(hours=2))
    assert acknowledge(ports, OPERATOR, item_id, note="").acknowledgement.at == NOW + timedelta(hours=2)
