"""A payment may be reversed as soon as a refund is asked for: then only the refund's own status tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.services.refunds import retry
from tests.fakes import Fakes
from tests.scenes import OPERATOR, Scene
from tests.services.test_refunds import FIRST, ONE, R1, R2, SILENCE, get_refund, owe, owed


def test_a_reversed_payment_does_not_end_a_refund_that_has_a_word_of_its_own(scene: Scene, ports: Fakes) -> None:
    owed(scene)
    scene.work(scene.now(FIRST))
    ports.gateway.settle(ONE, "reversed")
    scene.webhook(ONE, "refund.pending")
    assert (get_refund(scene).status, scene.payment(ONE).reversal) == ("processing", "")
    scene.forget()
    scene.work(scene.now(FIRST))
    assert "gateway.refund_status" in ports.call_log.names("gateway")
    assert get_refund(scene).status == "processing"
    ports.gateway.refund_status_map = "refunded"
    scene.webhook(ONE, "refund.processed")
    scene.run(minutes=1)
    assert (get_refund(scene).status, scene.payment(ONE).reversal) == ("refunded", "")
    assert [event.kind for event in scene.now(FIRST).history].count("refund_refunded") == 1
    assert len(ports.gateway.refunds) == 1


def test_a_webhook_that_overtakes_the_answer_to_a_post_does_not_end_the_refund(scene: Scene, ports: Fakes) -> None:
    owed(scene)

    def overtakes() -> None:
        ports.gateway.settle(ONE, "reversed")
        scene.webhook(ONE, "refund.pending")
        assert (get_refund(scene).status, scene.payment(ONE).reversal) == ("requested", "")

    ports.run_after("gateway.refund", overtakes)
    scene.work(scene.now(FIRST))
    known = get_refund(scene)
    assert (known.status, known.provider_refund_id) == ("processing", f"RF{R1}")


def test_parts_go_back_beside_each_other_from_a_payment_that_is_reversed(scene: Scene, ports: Fakes) -> None:
    owed(scene, 100)
    scene.work(scene.now(FIRST))
    ports.gateway.settle(ONE, "reversed")
    owe(ports, 200, key="second")
    scene.work(scene.now(FIRST))
    assert [each.status for each in scene.now(FIRST).refunds] == ["processing", "processing"]
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
    scene: Scene, payment: Any, says: Any, ends: str, posts: int
) -> None:
    ports = scene.ports
    owed(scene)
    scene.work(scene.now(FIRST))
    ports.gateway.settle(ONE, payment)
    ports.gateway.refund_status_map = "reversed"
    scene.run(hours=1)
    assert get_refund(scene).status == "attention"
    scene.webhook(ONE, "refund.failed")
    assert get_refund(scene).status == "attention"
    ports.gateway.refund_status_map = says
    retry(ports, OPERATOR, R1, as_="post_again", said="they have an account now")
    scene.work(scene.now(FIRST))
    assert (get_refund(scene).status, len(ports.gateway.refunds)) == (ends, posts)
    assert scene.payment(ONE).reversal == ""


def test_the_end_of_an_earlier_post_is_not_that_of_one_whose_answer_was_lost(scene: Scene, ports: Fakes) -> None:
    owed(scene)
    scene.work(scene.now(FIRST))
    ports.gateway.refund_status_map = "reversed"
    scene.run(hours=1)
    assert get_refund(scene).status == "attention"
    retry(ports, OPERATOR, R1, as_="post_again", said="they have an account now")
    ports.gateway.trouble("refund", SILENCE, done=True)
    scene.work(scene.now(FIRST))
    scene.run(hours=2)
    assert (get_refund(scene).status, get_refund(scene).provider_refund_id) == ("requested", None)
    assert len(ports.gateway.refunds) == 2


def test_a_refund_that_waits_for_the_guest_is_put_before_a_person_after_a_day(scene: Scene, ports: Fakes) -> None:
    owed(scene)
    scene.work(scene.now(FIRST))
    ports.gateway.refund_status_map = "waiting"
    scene.run(hours=23)
    assert get_refund(scene).status == "processing"
    scene.run(hours=2)
    assert get_refund(scene).status == "attention"


def test_a_refund_that_cannot_be_asked_about_is_not_posted_again(scene: Scene, ports: Fakes) -> None:
    owed(scene)
    scene.work(scene.now(FIRST))
    ports.gateway.refund_status_map = "reversed"
    scene.run(hours=1)
    retry(ports, OPERATOR, R1, as_="post_again", said="again")
    ports.gateway.trouble("refund_status", SILENCE)
    scene.work(scene.now(FIRST))
    assert (get_refund(scene).status, get_refund(scene).put_off) == ("owed", 1)
    assert len(ports.gateway.refunds) == 1
