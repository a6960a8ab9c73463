"""The table of docs/architecture.md, row by row, and to the last field of the booking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking, Refund, get_payment
from chalicelib.domain.timing import OUTBOX_MESSAGE
from chalicelib.domain.verification import Availability, Verification
from tests.builders import get_refund, verification_of
from tests.domain.states import LESS, SITUATIONS, Situation, applied, ignoring_verify_schedule
from tests.replacing import replace

# "free" and "short" are two columns for a paid answer: whether the nights can be taken again.
TABLE = """
                          | free    | short   | odd    | pending | failed | unknown | refunded | reversed | silence
held, created             | confirm | confirm | review | look    | look   | look    | review   | review   | later
held, pending             | confirm | confirm | review | look    | look   | look    | review   | review   | later
held, window over         | confirm | confirm | review | look    | fail   | look    | review   | review   | later
held, created, hour over  | confirm | confirm | review | look    | fail   | close   | review   | review   | later
held, pending, hour over  | confirm | confirm | review | look    | fail   | close   | review   | review   | later
held, failed              | confirm | confirm | review | look    | look   | look    | review   | review   | later
held, replaced            | confirm | confirm | review | look    | look   | look    | review   | review   | later
held, latest of two       | confirm | confirm | review | look    | look   | look    | review   | review   | later
held, review              | confirm | confirm | note   | look    | look   | look    | note     | note     | silent
confirmed                 | look    | look    | look   | look    | look   | look    | taken    | taken    | silent
confirmed, other expired  | twice   | twice   | review | look    | look   | look    | review   | review   | later
confirmed, other failed   | twice   | twice   | review | look    | look   | look    | review   | review   | later
confirmed, other review   | twice   | twice   | note   | look    | look   | look    | note     | note     | silent
confirmed, part owed      | look    | look    | look   | look    | look   | look    | taken    | taken    | silent
confirmed, whole owed     | look    | look    | look   | look    | look   | look    | back     | back     | silent
confirmed, requested      | look    | look    | look   | look    | look   | look    | back     | look     | silent
confirmed, processing     | look    | look    | look   | look    | look   | look    | back     | back     | silent
confirmed, named          | look    | look    | look   | look    | look   | look    | back     | ask      | silent
confirmed, came back      | look    | look    | look   | look    | look   | look    | back     | look     | silent
confirmed, refund asks    | look    | look    | look   | look    | look   | look    | back     | back     | silent
confirmed, refunded       | look    | look    | look   | look    | look   | look    | look     | look     | silent
confirmed, reversed       | look    | look    | look   | look    | look   | look    | look     | look     | silent
confirmed late            | look    | look    | look   | look    | look   | look    | taken    | taken    | silent
expired                   | late    | gone    | review | look    | look   | look    | review   | review   | later
expired, failed           | late    | gone    | review | look    | look   | look    | review   | review   | later
expired, review           | late    | gone    | note   | look    | look   | look    | note     | note     | silent
expired, check-in         | gone    | gone    | review | look    | look   | look    | review   | review   | later
expired, check-in, review | gone    | gone    | note   | look    | look   | look    | note     | note     | silent
expired, place gone       | look    | look    | look   | look    | look   | look    | back     | back     | silent
cancelled, paid           | look    | look    | look   | look    | look   | look    | back     | back     | silent
cancelled, nothing back   | look    | look    | look   | look    | look   | look    | taken    | taken    | silent
cancelled, unpaid         | too late| too late| review | look    | look   | look    | review   | review   | later
cancelled, failed         | too late| too late| review | look    | look   | look    | review   | review   | later
cancelled, review         | too late| too late| note   | look    | look   | look    | note     | note     | silent
"""


def rows() -> list[tuple[str, str, str]]:
    head, *lines = TABLE.strip("\n").splitlines()
    _, *answers = (cell.strip() for cell in head.split("|"))
    return [
        (situation.strip(), said, cell.strip())
        for situation, *cells in (line.split("|") for line in lines)
        for said, cell in zip(answers, cells, strict=True)
    ]


def answered(situation: Situation, answer: str) -> tuple[Verification, Availability]:
    payment = get_payment(situation.booking, situation.tx_ref)
    if answer in ("free", "short"):
        return verification_of(payment), Availability(answer)
    if answer == "odd":
        return verification_of(payment, amount=LESS), Availability.FREE
    return verification_of(payment, "no_answer" if answer == "silence" else answer), Availability.FREE


# What each cell means, to the last field


def flat(booking: Booking) -> dict[str, Any]:
    """Every field of a booking, and of each payment, its schedule and its facts by the payment's number."""
    parts = ("payments", "outbox", "history")
    found = {name: getattr(booking, name) for name in booking.__struct_fields__ if name not in parts}
    for payment in booking.payments:
        for record in (payment, payment.schedule, payment.facts):
            names = [name for name in record.__struct_fields__ if name not in ("schedule", "facts")]
            found |= {f"{payment.attempt}.{name}": getattr(record, name) for name in names}
    found["outbox"] = [(entry.kind, entry.about, entry.due_at, entry.status) for entry in booking.letters]
    found["history"] = [
        (event.at, event.kind, event.subject, event.before, event.after, event.detail) for event in booking.history
    ]
    return found


def expected(situation: Situation, verification: Verification, cell: str) -> dict[str, Any]:
    booking, now, tx_ref = situation.booking, situation.asked, situation.tx_ref
    payment = get_payment(booking, tx_ref)
    found = flat(booking)
    own = f"{situation.attempt}."

    def happened(kind: str, subject: str, before: str | None, to: str, detail: str = "") -> None:
        found["history"].append((now, kind, subject, before, to, detail))
        found["updated_at"] = now

    def moved(
        to: str, detail: str = "", number: str = own, subject: str = tx_ref, before: str = payment.status
    ) -> None:
        found.update({f"{number}status": to, f"{number}updated_at": now, "updated_at": now})
        happened(f"payment_{to}", subject, before, to, detail)

    def owed(kind: str, about: str = "") -> None:
        found["outbox"].append((kind, about, now + OUTBOX_MESSAGE, "owed"))

    def reported() -> None:
        facts = {
            "received": verification.amount,
            "mode": verification.mode,
            "provider_reference": verification.provider_reference,
            "receipt_url": verification.receipt_url,
            "fee": verification.fee,
            "paid_at": verification.paid_at,
        }
        found.update({own + name: fact for name, fact in facts.items() if fact is not None})
        nothing = {"next_verify_at": None, "opening": None, "problem": None}
        found.update({own + name: value for name, value in nothing.items()})

    def confirmed(detail: str) -> None:
        reported()
        found[own + "accepted"] = True
        moved("completed")
        for other in booking.payments:
            if other is not payment and other.status in ("created", "pending"):
                number = f"{other.attempt}."
                found.update({number + "next_verify_at": now, number + "opening": None})
                moved("expired", "paid by another attempt", number, other.tx_ref, other.status)
        found.update({"status": "confirmed", "expiry_retry_at": None})
        happened("booking_confirmed", "", booking.status, "confirmed", detail)
        owed("booking_confirmed")
        owed("host_new_booking")

    def given_back(reason: str) -> None:
        reported()
        moved("completed", reason)
        paying_back = Refund(
            refund_id=f"{tx_ref}-R1",  # type: ignore[arg-type]
            amount=payment.amount,
            reason=reason,
            created_at=now,
            updated_at=now,
            status="owed",
            due_at=now,
        )
        found[own + "refunds"] = (paying_back,)
        happened("refund_owed", f"{tx_ref}-R1", None, "owed", "ETB 7,350.00")
        owed("money_returned", f"{tx_ref}-R1")

    if cell in ("silent", "later"):
        found[own + "consecutive_failures"] += 1
        if cell == "later":
            # The first silence, in the middle of its jitter.
            found[own + "next_verify_at"] = now + timedelta(seconds=11.25)
        return found
    found.update(
        {
            own + "verified_at": now,
            own + "gateway_status": verification.status,
            own + "consecutive_failures": 0,
            own + "next_verify_at": situation.again,
        }
    )
    match cell:
        case "confirm" | "late":
            confirmed("late" if cell == "late" else "")
            found["confirmed_late_at"] = now if cell == "late" else None
        case "gone" | "twice" | "too late":
            given_back({"gone": "place_gone", "twice": "paid_twice", "too late": "booking_cancelled"}[cell])
        case "review":
            reported()
            moved(
                "review",
                "ETB 7,349.99 instead of ETB 7,350.00" if verification.status == "paid" else verification.status,
            )
        case "note":
            reported()
        case "fail":
            moved("failed")
            owed("payment_failed", tx_ref)
        case "close":
            moved("expired", "never opened")
        case "taken":
            found.update({own + "reversal": verification.status, own + "updated_at": now})
            happened("payment_reversed", tx_ref, "completed", "completed", verification.status)
        case "ask":
            found[own + "refunds"] = (replace(get_refund(booking), due_at=now),)
        case "back":
            refund = get_refund(booking)
            done = replace(refund, status="refunded", updated_at=now, due_at=None)
            found.update({own + "refunds": (done,), own + "updated_at": now})
            happened("refund_refunded", refund.refund_id, refund.status, "refunded")
        case _:
            assert cell == "look"
    return found


@pytest.mark.parametrize(("name", "said", "cell"), rows(), ids=lambda value: value)
def test_the_table(name: str, said: str, cell: str) -> None:
    situation = SITUATIONS[name]
    verification, availability = answered(situation, said)
    result = applied(situation.booking, situation.tx_ref, verification, now=situation.asked, availability=availability)
    assert flat(result) == expected(situation, verification, cell)


def test_the_table_has_every_situation() -> None:
    assert {name for name, _, _ in rows()} == set(SITUATIONS)


@pytest.mark.parametrize(("name", "said", "cell"), rows(), ids=lambda value: value)
def test_who_must_look_at_it_and_whether_nights_are_held(name: str, said: str, cell: str) -> None:
    situation = SITUATIONS[name]
    verification, availability = answered(situation, said)
    result = applied(situation.booking, situation.tx_ref, verification, now=situation.asked, availability=availability)
    assert result.holds_nights is (situation.booking.holds_nights or cell == "late")
    before = attention(situation.booking)
    wanted = {
        "review": "payment_review",
        "note": "payment_review",
        "taken": "payment_reversed",
        "back": None,
    }.get(cell, None if name.endswith("review") and cell not in ("look", "silent") else before)
    assert attention(result) == wanted


@pytest.mark.parametrize(("name", "said", "cell"), rows(), ids=lambda value: value)
def test_the_same_answer_again_changes_nothing_more(name: str, said: str, cell: str) -> None:
    situation = SITUATIONS[name]
    verification, availability = answered(situation, said)
    once = applied(situation.booking, situation.tx_ref, verification, now=situation.asked, availability=availability)
    again = applied(once, situation.tx_ref, verification, now=situation.asked, availability=availability)
    assert ignoring_verify_schedule(again) == ignoring_verify_schedule(once)
