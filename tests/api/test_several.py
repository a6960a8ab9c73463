"""Several things of one booking wait for a person: what is done about one of them leaves the others where they are."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.booking import SWEEP, Actor, Booking
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import owe_refund
from chalicelib.services.ports.mail import MailRefused
from tests.api.harness import Person, World
from tests.builders import GUEST, another_attempt, move_refund, opened, paid, verified
from tests.domain.states import CONFIRMED, HALF, TWICE, after, in_review, refused, two_attempts

NOTE = {"note": "The guest was told by telephone."}
THREE = opened(another_attempt(TWICE, now=after(8)))


def in_attention(booking: Booking, *attempts: int) -> Booking:
    """Return the booking with one more refund in attention for each of these payments."""
    for number, attempt in enumerate(attempts):
        payment, now = booking.payments[attempt - 1], after(30 + number)
        booking = owe_refund(booking, payment.tx_ref, amount=HALF, reason="kind", actor=Actor("host"), now=now)
        refund_id = booking.payments[attempt - 1].refunds[-1].refund_id
        detail = f"refused: {number}"
        booking = move_refund(booking, refund_id, "attention", actor=SWEEP, now=now, detail=detail)
    return booking


def paid_twice() -> Booking:
    """Return a booking with money of two payments, whose first refund, of the first, waits for a person."""
    booking = verified(paid(TWICE), "paid", tx_ref=TWICE.payments[0].tx_ref, now=after(6))
    refund_id = booking.payments[0].refunds[0].refund_id
    return move_refund(booking, refund_id, "attention", actor=SWEEP, now=after(7), detail="refused: by Chapa")


def reversed_at(booking: Booking, attempt: int) -> Booking:
    return verified(booking, "reversed", tx_ref=booking.payments[attempt - 1].tx_ref, now=after(20))


def two_reviews(booking: Booking) -> Booking:
    """Return the booking with its first and its second payment in review: of another amount each, and since later."""
    first, second = (payment.tx_ref for payment in booking.payments[:2])
    booking = verified(booking, "paid", tx_ref=first, amount=Money(1, "ETB"), now=after(11))
    return verified(booking, "paid", tx_ref=second, amount=Money(2, "ETB"), now=after(12))


SEVERAL: dict[str, tuple[Booking, list[str]]] = {
    "two reviews": (two_reviews(TWICE), ["payment_review", "payment_review"]),
    "a review and a reversal": (reversed_at(in_review(paid(TWICE), 1), 2), ["payment_review", "payment_reversed"]),
    "two refunds of one payment": (in_attention(CONFIRMED, 1, 1), ["refund", "refund"]),
    "refunds of two payments": (in_attention(paid_twice(), 2), ["refund", "refund"]),
    "a reversal and a refund": (in_attention(reversed_at(CONFIRMED, 1), 1), ["payment_reversed", "refund"]),
    "all of it": (
        in_attention(reversed_at(two_reviews(paid(THREE)), 3), 3),
        ["payment_review", "payment_review", "payment_reversed", "refund"],
    ),
}


def waiting(world: World) -> list[dict[str, Any]]:
    reply = world.call("GET", "/v1/ops/attention", by=world.operator())
    assert reply.status == 200
    # With what is done to a booking its version changes, and time passes.
    fleeting = ("age_seconds", "etag")
    return [{name: value for name, value in item.items() if name not in fleeting} for item in reply.body["items"]]


def deal_with(world: World, item: dict[str, Any]) -> None:
    kind, subject = item["kind"], item["subject"]
    path, body = {
        "payment_review": (f"/v1/ops/payments/{subject}/resolve", NOTE | {"as": "refund"}),
        "refund": (f"/v1/ops/refunds/{subject}/resolve", NOTE | {"as": "paid_otherwise"}),
    }.get(kind, (f"/v1/ops/attention/{item['item_id']}/acknowledge", NOTE))
    reply = world.call("POST", path, body, by=world.operator())
    if reply.status == 409 and reply.code == "second_person_needed":
        reply = world.approve(reply)
    assert reply.status in (200, 202), reply.text


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", list(SEVERAL))
def test_each_leaves_the_list_by_itself(world: World, name: str, *, last: bool) -> None:
    booking, kinds = SEVERAL[name]
    world.store(booking)
    items = waiting(world)
    assert [item["kind"] for item in items] == kinds
    assert len({item["item_id"] for item in items}) == len(kinds)
    # Each says why, and since when, for itself.
    same = [(item["kind"], item["reason"], item["since"]) for item in items]
    assert len(set(same)) == len(same)
    while items:
        done = items.pop(-1 if last else 0)
        before = payments(world, booking)
        deal_with(world, done)
        # Neither why nor since when changes for the others.
        assert waiting(world) == items
        after = payments(world, booking)
        changed = [tx_ref for tx_ref, payment in after.items() if payment != before[tx_ref]]
        own = [tx_ref for tx_ref in before if done["subject"].startswith(tx_ref)]
        assert changed == own
        if done["kind"] == "payment_reversed":
            # Nothing else of it is another than before: somebody has decided what was at risk.
            assert after[done["subject"]] == {k: v for k, v in before[done["subject"]].items() if k != "at_risk"}


@pytest.mark.parametrize("last", [False, True])
def test_each_of_two_letters_by_itself(world: World, monkeypatch: pytest.MonkeyPatch, *, last: bool) -> None:
    def refuse(*_: Any) -> None:
        raise MailRefused

    world.paid(world.book())
    monkeypatch.setattr(world.container.mailer, "send", refuse)
    world.deliver_letters()
    items = waiting(world)
    assert [item["kind"] for item in items] == ["email", "email"]
    while items:
        deal_with(world, items.pop(-1 if last else 0))
        assert waiting(world) == items


def payments(world: World, booking: Booking) -> dict[str, Any]:
    reply = world.call("GET", f"/v1/bookings/{booking.booking_id}", by=Person(GUEST))
    return {payment["tx_ref"]: payment for payment in reply.body["payments"]}


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("last", ["refused", "in review"])
def test_no_payment_is_opened_while_any_is_in_review(world: World, attempt: int, last: str) -> None:
    booking = two_attempts() if attempt == 1 else two_attempts(refused)
    booking = in_review(booking, attempt)
    if last == "refused" and attempt == 1:
        booking = refused(another_attempt(booking, now=after(5)), now=after(5))
    world.store(booking)
    reply = world.call("POST", f"/v1/bookings/{booking.booking_id}/payments", by=Person(GUEST))
    if booking.payments[-1].status == "pending":
        # The link that is open may be used.
        assert reply.status == 200
    else:
        assert (reply.status, reply.code) == (409, "payment_in_review")
    assert world.gateway.opened == {}
