"""Matching with a gateway's statement: the twelve cases of the reference sheet, and that nothing is dropped."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.finance.ledger import day_of
from chalicelib.domain.finance.settlement import Match, OurPayment, StatementRow, amount_of, match
from chalicelib.domain.ids import BookingId, TxRef
from chalicelib.domain.money import Money


def row(reference: str, amount: str = "2450.000", **changes: Any) -> StatementRow:
    known: dict[str, Any] = {"status": "paid", "currency": "ETB", "fee": "61.250"}
    return StatementRow(reference=reference, amount=amount, **(known | changes))


def ours(reference: str, minor: int = 245000, **changes: Any) -> OurPayment:
    known: dict[str, Any] = {
        "tx_ref": TxRef(f"{reference}-1"),
        "booking_id": BookingId(reference),
        "status": "completed",
        "mode": "live",
    }
    return OurPayment(reference=reference, amount=Money(minor, "ETB"), **(known | changes))


def matched(rows: list[StatementRow], books: list[OurPayment], *, complete: bool = True) -> list[Match]:
    found = {each.reference: each for each in books}
    return list(match(rows, found, books, mode="live", complete=complete))


def verdict(rows: list[StatementRow], books: list[OurPayment]) -> tuple[str, str]:
    [only] = matched(rows, books)
    return only.verdict, only.action


def test_1_the_same_on_both_sides() -> None:
    [only] = matched([row("R1")], [ours("R1")])
    assert (only.verdict, only.fee, only.net) == ("matched", Money(6125, "ETB"), Money(238875, "ETB"))


def test_2_pending_here_and_paid_there() -> None:
    assert verdict([row("R2", "900.000")], [ours("R2", 90000, status="pending")]) == ("other_status", "verify")


def test_3_paid_here_and_not_there() -> None:
    assert verdict([], [ours("R3", 90000)]) == ("missing_there", "verify")


@pytest.mark.parametrize(("tx_ref", "action"), [("", "orphan"), ("GZ00000000000001-1", "verify")])
def test_4_paid_there_and_unknown_here(tx_ref: str, action: str) -> None:
    assert verdict([row("R4", "120.000", tx_ref=tx_ref)], []) == ("missing_here", action)


@pytest.mark.parametrize(
    "changes", [{"amount": "2450.005"}, {"amount": "2449.99"}, {"currency": "USD"}, {"amount": "?"}]
)
def test_5_another_amount_is_not_rounded_away(changes: dict[str, str]) -> None:
    assert verdict([row("R5", **({"amount": "2450.000"} | changes))], [ours("R5")]) == ("other_amount", "note")


def test_6_a_refund_that_the_statement_does_not_show() -> None:
    assert verdict([row("R6")], [ours("R6", refunded=50000)]) == ("refund_missing", "note")
    assert verdict([row("R6", status="refunded")], [ours("R6", refunded=245000)]) == ("matched", "nothing")


def test_7_two_payments_of_one_booking() -> None:
    first, later = ours("R7a"), ours("R7b", paid_before=True)
    assert [each.verdict for each in matched([row("R7a"), row("R7b")], [first, later])] == ["matched", "duplicate"]
    # The house owes the later one back by itself.
    later = ours("R7b", paid_before=True, owed_back=245000)
    assert [each.reason for each in matched([row("R7a"), row("R7b")], [first, later])] == ["", "duplicate"]


def test_8_a_row_that_moved_to_another_page_counts_once() -> None:
    assert [each.verdict for each in matched([row("R8"), row("R8")], [ours("R8")])] == ["matched"]


def test_9_an_incomplete_statement_says_nothing_of_what_it_does_not_name() -> None:
    found = matched([row("R1")], [ours("R1"), ours("R9")], complete=False)
    assert [each.verdict for each in found] == ["matched", "not_compared"]


def test_10_test_money_is_not_compared_with_a_live_statement() -> None:
    for rows in ([], [row("R10")], [row("R10", status="pending")], [row("R10", "1.000")]):
        [only] = matched(rows, [ours("R10", mode="test")])
        assert (only.verdict, only.reason) == ("not_compared", "mode")
    [only] = matched([], [ours("R10", mode="test")])
    assert (only.verdict, only.reason) == ("not_compared", "mode")


def test_11_a_payment_counts_on_the_day_of_the_stage() -> None:
    assert day_of(datetime(2026, 10, 31, 22, 30, tzinfo=UTC), "Africa/Addis_Ababa") == date(2026, 11, 1)


def test_12_a_fee_that_is_not_said_is_not_nothing() -> None:
    [only] = matched([row("R12", fee="")], [ours("R12")])
    assert (only.verdict, only.fee, only.net) == ("matched", None, None)


@pytest.mark.parametrize("status", ["refunded", "reversed"])
def test_money_that_went_back_there_alone_is_verified(status: str) -> None:
    assert verdict([row("R", status=status)], [ours("R")]) == ("other_status", "verify")
    assert verdict([row("R", status=status)], [ours("R", reversed=True)]) == ("matched", "nothing")


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_what_was_never_paid_is_no_difference(status: str) -> None:
    assert verdict([row("R", status=status)], []) == ("not_compared", "nothing")
    assert verdict([row("R", status=status)], [ours("R", status="expired")]) == ("not_compared", "nothing")
    assert verdict([row("R", status=status)], [ours("R")]) == ("other_status", "verify")


BOOKS: dict[str, tuple[dict[str, Any], tuple[str, str], tuple[str, str]]] = {
    # What our books say of a completed payment; then the verdict and what mends it, where the statement says that it
    # was paid, and where it says that it went back.
    "kept": ({}, ("matched", "nothing"), ("other_status", "verify")),
    "gone": ({"refunded": 245000}, ("refund_missing", "note"), ("matched", "nothing")),
    "a part gone": ({"refunded": 100}, ("refund_missing", "note"), ("matched", "nothing")),
    "gone, and more to go": ({"refunded": 100, "owed_back": 100}, ("refund_missing", "note"), ("matched", "nothing")),
    "to go": ({"owed_back": 245000}, ("matched", "nothing"), ("matched", "nothing")),
    "reversed": ({"reversed": True}, ("refund_missing", "note"), ("matched", "nothing")),
    "twice": ({"paid_before": True}, ("duplicate", "refund"), ("other_status", "verify")),
    "twice, to go": ({"paid_before": True, "owed_back": 245000}, ("matched", "nothing"), ("matched", "nothing")),
    "twice, gone": ({"paid_before": True, "refunded": 245000}, ("refund_missing", "note"), ("matched", "nothing")),
}


@pytest.mark.parametrize("books", BOOKS)
@pytest.mark.parametrize("status", get_args(GatewayStatus))
@pytest.mark.parametrize("amount", ["2450.00", "2449.99", "0"])
def test_what_is_said_of_each_state_on_either_side(books: str, status: GatewayStatus, amount: str) -> None:
    changes, paid, back = BOOKS[books]
    said = verdict([row("R", amount, status=status)], [ours("R", **changes)])
    if status not in ("paid", "refunded", "reversed"):
        # Money that is here was never there.
        assert said == ("other_status", "verify")
    elif amount != "2450.00":
        # No difference of an amount is hidden behind one of a status.
        assert said == ("other_amount", "note")
    else:
        assert said == (paid if status == "paid" else back)


@pytest.mark.parametrize("status", get_args(GatewayStatus))
def test_of_a_row_that_is_listed_again_the_first_counts(status: GatewayStatus) -> None:
    """Gateways list the newest first."""
    only = matched([row("R", status=status), row("R", "1.00", status="paid")], [ours("R")])
    assert [each.theirs for each in only] == [row("R", status=status)]


@pytest.mark.parametrize(
    ("text", "minor"), [("2450.00", 245000), (" 2450 ", 245000), ("2450.005", None), ("-1", None), ("2,450", None)]
)
def test_amounts_as_statements_write_them(text: str, minor: int | None) -> None:
    assert amount_of(text, "ETB") == (None if minor is None else Money(minor, "ETB"))


@given(st.lists(st.sampled_from("ABCDE")), st.lists(st.sampled_from("ABCDE"), unique=True), st.booleans())
def test_nothing_is_dropped_and_nothing_is_said_twice(theirs: list[str], books: list[str], complete: bool) -> None:
    found = matched([row(name) for name in theirs], [ours(name) for name in books], complete=complete)
    assert sorted(each.reference for each in found) == sorted({*theirs, *books})
