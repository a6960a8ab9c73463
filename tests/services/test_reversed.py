"""A payment may be reversed as soon as a refund is asked for: then only the refund's own status tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import Fakes
from tests.harness import OPERATOR, Harness, resolve_refund
from tests.services.test_refunds import FIRST, ONE, R1, R2, SILENCE, enqueue, get_refund, owed


def test_a_reversed_payment_does_not_end_a_refund_that_has_a_word_of_its_own(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "reversed")
    harness.webhook(ONE, "refund.pending")
    assert (get_refund(harness).status, harness.stored_payment(ONE).reversal) == ("processing", "")
    harness.clear_logs()
    harness.process_task(harness.stored_booking(FIRST))
    assert "gateway.refund_status" in ports.call_log.names("gateway")
    assert get_refund(harness).status == "processing"
    ports.gateway.reported_refund_status = "refunded"
    harness.webhook(ONE, "refund.processed")
    harness.advance(minutes=1)
    assert (get_refund(harness).status, harness.stored_payment(ONE).reversal) == ("refunded", "")
    assert [event.kind for event in harness.stored_booking(FIRST).history].count("refund_refunded") == 1
    assert len(ports.gateway.refunds) == 1


def test_a_webhook_that_overtakes_the_answer_to_a_post_does_not_end_the_refund(harness: Harness, ports: Fakes) -> None:
    owed(harness)

    def overtakes() -> None:
        ports.gateway.set_status(ONE, "reversed")
        harness.webhook(ONE, "refund.pending")
        assert (get_refund(harness).status, harness.stored_payment(ONE).reversal) == ("requested", "")

    ports.run_after("gateway.refund", overtakes)
    harness.process_task(harness.stored_booking(FIRST))
    known = get_refund(harness)
    assert (known.status, known.provider_refund_id) == ("processing", f"RF{R1}")


def test_parts_go_back_beside_each_other_from_a_payment_that_is_reversed(harness: Harness, ports: Fakes) -> None:
    owed(harness, 100)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "reversed")
    enqueue(ports, 200, key="second")
    harness.process_task(harness.stored_booking(FIRST))
    assert [each.status for each in harness.stored_booking(FIRST).refunds] == ["processing", "processing"]
    assert [refund_id for refund_id, *_ in ports.gateway.refunds] == [R1, R2]


@pytest.mark.parametrize(
    ("says", "ends", "posts"),
    [
        ("reversed", "processing", 2),
        ("refunded", "refunded", 1),
        ("processing", "attention", 1),
        ("waiting", "attention", 1),
    ],
)
@pytest.mark.parametrize("payment", ["paid", "reversed"])
def test_a_refund_that_came_back_is_asked_about_before_it_is_posted_again(
    harness: Harness, payment: Any, says: Any, ends: str, posts: int
) -> None:
    ports = harness.ports
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, payment)
    ports.gateway.reported_refund_status = "reversed"
    harness.advance(hours=1)
    assert get_refund(harness).status == "attention"
    harness.webhook(ONE, "refund.failed")
    assert get_refund(harness).status == "attention"
    ports.gateway.reported_refund_status = says
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="they have an account now")
    harness.process_task(harness.stored_booking(FIRST))
    assert (get_refund(harness).status, len(ports.gateway.refunds)) == (ends, posts)
    assert harness.stored_payment(ONE).reversal == ""


def test_the_end_of_an_earlier_post_is_not_that_of_one_whose_answer_was_lost(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = "reversed"
    harness.advance(hours=1)
    assert get_refund(harness).status == "attention"
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="they have an account now")
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    harness.advance(hours=2)
    assert (get_refund(harness).status, get_refund(harness).provider_refund_id) == ("requested", None)
    assert len(ports.gateway.refunds) == 2


def test_a_refund_that_waits_for_the_guest_is_put_before_a_person_after_a_day(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = "waiting"
    harness.advance(hours=23)
    assert get_refund(harness).status == "processing"
    harness.advance(hours=2)
    assert get_refund(harness).status == "attention"


def test_a_refund_that_cannot_be_asked_about_is_not_posted_again(harness: Harness, ports: Fakes) -> None:
    owed(harness)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.reported_refund_status = "reversed"
    harness.advance(hours=1)
    resolve_refund(ports, OPERATOR, R1, as_="post_again", note="again")
    ports.gateway.fail_next("refund_status", SILENCE)
    harness.process_task(harness.stored_booking(FIRST))
    assert (get_refund(harness).status, get_refund(harness).start_failures) == ("owed", 1)
    assert len(ports.gateway.refunds) == 1
