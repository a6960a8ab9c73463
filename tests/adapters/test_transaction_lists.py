"""What gateways list of their transactions, read as they write it, and refused whole where any of it is unreadable."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.adapters.gateways.chapa import v1_parsing as chapa
from chalicelib.adapters.gateways.chapa import v2_parsing as v2
from chalicelib.adapters.gateways.paystack import parsing as paystack
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.domain.finance.ledger import day_of
from chalicelib.domain.finance.settlement import Match, OurPayment, StatementRow, match
from chalicelib.domain.money import Money
from tests.replacing import replace

CHAPA_ROW = {
    "status": "success",
    "ref_id": "APk7Wq2ZtR9d",
    "created_at": "2026-03-04T08:15:30.000000Z",
    "currency": "ETB",
    "amount": "2450.000",
    "charge": "61.250",
    "customer": {"email": "hanna.tesfaye@gmail.com"},
}
V2_ROW = {
    "chapa_reference": "CHk7Wq2ZtR9d",
    "merchant_reference": "GZ4T1B8WCD7K2M9Q-1",
    "amount": "245000",
    "currency": "ETB",
    "status": "SUCCESS",
    "service_fee": "6125",
    "customer": {"email": "hanna.tesfaye@gmail.com"},
    "created_at": "2026-03-04T08:15:30.000000Z",
}
PAYSTACK_ROW = {
    "id": 5201447713,
    "status": "reversed",
    "reference": "GZ4T1B8WCD7K2M9Q-1",
    "amount": 245000,
    "fees": 7105,
    "currency": "KES",
    "paid_at": "2026-03-04T08:16:02.000Z",
    "customer": {"email": "hanna.tesfaye@gmail.com"},
}


def response(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())


def of_chapa(*rows: Any, following: str | None = None) -> HttpResponse:
    return response({"status": "success", "data": {"transactions": rows, "pagination": {"next_page_url": following}}})


def of_v2(*rows: Any, following: str | None = None, **pagination: Any) -> HttpResponse:
    known = {"next_cursor": following, "prev_cursor": None, "limit": 100, "has_more": following is not None}
    return response({"status": "success", "data": {"items": rows, "pagination": known | pagination}})


def of_paystack(*rows: Any, page: int = 1, pages: int = 1) -> HttpResponse:
    return response({"status": True, "data": rows, "meta": {"page": page, "pageCount": pages}})


def test_chapas_list() -> None:
    page = chapa.read_transactions(of_chapa(CHAPA_ROW, CHAPA_ROW | {"charge": None, "customer": None}, following="x"))
    known = StatementRow(
        reference="APk7Wq2ZtR9d",
        status="paid",
        amount="2450.000",
        currency="ETB",
        fee="61.250",
        at=datetime(2026, 3, 4, 8, 15, 30, tzinfo=UTC),
        payer="hanna.tesfaye@gmail.com",
    )
    assert page.rows[0] == known
    assert (page.rows[1].fee, page.rows[1].payer) == ("", "")
    assert page.more
    assert not chapa.read_transactions(of_chapa()).more


def test_the_list_of_chapas_version_2() -> None:
    page = v2.read_payments(of_v2(V2_ROW, V2_ROW | {"service_fee": None, "customer": None}, following="CHk7Wq2ZtR9d"))
    assert page.rows[0] == StatementRow(
        reference="CHk7Wq2ZtR9d",
        status="paid",
        amount="2450.00",
        currency="ETB",
        tx_ref="GZ4T1B8WCD7K2M9Q-1",
        fee="61.25",
        at=datetime(2026, 3, 4, 8, 15, 30, tzinfo=UTC),
        payer="hanna.tesfaye@gmail.com",
    )
    assert (page.rows[1].fee, page.rows[1].payer) == ("", "")
    assert (page.more, page.cursor) == (True, "CHk7Wq2ZtR9d")
    assert not v2.read_payments(of_v2()).more


@pytest.mark.parametrize("rows", [0, 1, 100])
@pytest.mark.parametrize("page", [1, 2, 9])
def test_the_last_page_is_the_one_that_says_so_however_full_it_is(rows: int, page: int) -> None:
    last = chapa.read_transactions(of_chapa(*[CHAPA_ROW] * rows, following=None), page)
    assert (len(last.rows), last.more) == (rows, False)
    assert not chapa.read_transactions(of_chapa(*[CHAPA_ROW] * rows, following=""), page).more
    before = chapa.read_transactions(of_chapa(*[CHAPA_ROW] * rows, following="https://api.chapa.co/x"), page)
    assert (before.more, before.cursor) == (True, f"{page + 1}")
    assert not v2.read_payments(of_v2(*[V2_ROW] * rows)).more
    assert not paystack.read_transactions(of_paystack(*[PAYSTACK_ROW] * rows, page=page, pages=page), page).more
    following = paystack.read_transactions(of_paystack(PAYSTACK_ROW, page=page, pages=page + 1), page)
    assert (following.more, following.cursor) == (True, f"{page + 1}")


@pytest.mark.parametrize(
    ("changes", "amount", "status"),
    [
        ({"amount": "2450.5"}, "minor", "paid"),
        ({"amount": None}, "minor", "paid"),
        ({"status": "PARTIALLY_REFUNDED"}, "2450.00", "refunded"),
        ({"status": "FULLY_REFUNDED"}, "2450.00", "refunded"),
        ({"status": "CANCELLED"}, "2450.00", "failed"),
        ({"status": "SOMETHING"}, "2450.00", "pending"),
    ],
)
def test_what_is_odd_about_a_payment_of_version_2_stays_visible(
    changes: dict[str, Any], amount: str, status: str
) -> None:
    [row] = v2.read_payments(of_v2(V2_ROW | changes)).rows
    assert row.status == status
    assert amount in row.amount


@pytest.mark.parametrize(
    "pagination", [{"has_more": True}, {"has_more": None}, {"has_more": "yes", "next_cursor": "x"}]
)
def test_a_list_that_does_not_say_how_it_goes_on_is_no_whole_list(pagination: dict[str, Any]) -> None:
    with pytest.raises(GatewayBadAnswer):
        v2.read_payments(of_v2(V2_ROW, **pagination))


def test_paystacks_list() -> None:
    page = paystack.read_transactions(of_paystack(PAYSTACK_ROW, pages=2))
    [row] = page.rows
    assert (row.reference, row.tx_ref, row.status) == ("5201447713", "GZ4T1B8WCD7K2M9Q-1", "reversed")
    assert (row.amount, row.fee, row.currency) == ("2450.00", "71.05", "KES")
    assert page.more
    assert not paystack.read_transactions(of_paystack(PAYSTACK_ROW, page=2, pages=2)).more


@pytest.mark.parametrize("row", [None, {}, "x", {"status": "success"}])
def test_a_row_that_cannot_be_read_is_never_left_out(row: Any) -> None:
    with pytest.raises(GatewayBadAnswer):
        chapa.read_transactions(of_chapa(CHAPA_ROW, row))
    with pytest.raises(GatewayBadAnswer):
        paystack.read_transactions(of_paystack(PAYSTACK_ROW, row))
    with pytest.raises(GatewayBadAnswer):
        v2.read_payments(of_v2(V2_ROW, row))


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"transactions": {}}}, {"data": [], "meta": None}])
def test_what_is_no_list(body: Any) -> None:
    for read in (chapa.read_transactions, paystack.read_transactions, paystack.read_payouts, v2.read_payments):
        with pytest.raises(GatewayBadAnswer):
            read(response(body))
        with pytest.raises(GatewayBadAnswer):
            read(response(body, 500))


PAYOUT_ROW = {
    "id": 359143,
    "domain": "test",
    "status": "success",
    "currency": "KES",
    "total_amount": 237895,
    "effective_amount": 230000,
    "total_fees": 7105,
    "total_processed": 245000,
    "deductions": None,
    "settlement_date": "2026-03-05T00:00:00.000Z",
}


def of_payouts(*rows: Any, page: int = 1, pages: int = 1) -> HttpResponse:
    return response({"status": True, "data": rows, "meta": {"page": page, "pageCount": pages}})


def test_paystacks_payouts() -> None:
    page = paystack.read_payouts(of_payouts(PAYOUT_ROW, PAYOUT_ROW | {"effective_amount": None}, pages=2))
    first, second = page.payouts
    assert (first.payout_id, first.status, first.on, first.currency) == ("359143", "success", date(2026, 3, 5), "KES")
    assert (first.gross, first.fees, first.net, first.paid) == (245000, 7105, 237895, 230000)
    assert second.paid == second.net, "nothing was deducted"
    assert (page.more, page.cursor) == (True, "2")
    assert not paystack.read_payouts(of_payouts(PAYOUT_ROW, page=2, pages=2)).more


@pytest.mark.parametrize("name", ["id", "total_amount", "total_fees", "total_processed", "settlement_date", "currency"])
def test_a_payout_that_cannot_be_read_is_never_left_out(name: str) -> None:
    for wrong in (None, "x", 1.5):
        with pytest.raises(GatewayBadAnswer):
            paystack.read_payouts(of_payouts(PAYOUT_ROW, PAYOUT_ROW | {name: wrong}))


def test_a_deduction_that_cannot_be_read_is_no_payout() -> None:
    with pytest.raises(GatewayBadAnswer):
        paystack.read_payouts(of_payouts(PAYOUT_ROW | {"effective_amount": "x"}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"counted": 245000, "counted_fees": 7105}, ""),
        ({"net": 1}, "gross less fees is 2378.95, and net is said to be 0.01"),
        ({"counted": 2}, "its payments add up to 0.02, and gross is said to be 2450.00"),
        ({"counted_fees": 0}, "their fees add up to 0.00, and are said to be 71.05"),
    ],
)
def test_what_does_not_agree_within_a_payout_is_told(changes: dict[str, Any], told: str) -> None:
    [payout] = paystack.read_payouts(of_payouts(PAYOUT_ROW)).payouts
    assert replace(payout, **changes).difference == told


# -- the twelve cases of the reference sheet, on what each gateway lists


Listed = Callable[..., StatementRow]


def by_v1(reference: str, amount: str, fee: str | None, status: str) -> StatementRow:
    names = {"paid": "success", "pending": "pending", "refunded": "refunded"}
    row = CHAPA_ROW | {"ref_id": reference, "amount": amount, "charge": fee, "status": names[status]}
    return chapa.read_transactions(of_chapa(row)).rows[0]


def by_v2(reference: str, amount: str, fee: str | None, status: str) -> StatementRow:
    names = {"paid": "SUCCESS", "pending": "PENDING", "refunded": "FULLY_REFUNDED"}
    row = V2_ROW | {
        "chapa_reference": reference,
        "merchant_reference": "",
        "amount": f"{Decimal(amount) * 100:f}".removesuffix(".00000").removesuffix(".000"),
        "service_fee": None if fee is None else str(int(Decimal(fee) * 100)),
        "status": names[status],
    }
    return v2.read_payments(of_v2(row)).rows[0]


def by_paystack(reference: str, amount: str, fee: str | None, status: str) -> StatementRow:
    names = {"paid": "success", "pending": "pending", "refunded": "reversed"}
    minor = Decimal(amount) * 100
    row = PAYSTACK_ROW | {
        "id": int(reference.removeprefix("R")),
        "reference": "",
        "currency": "ETB",
        "amount": int(minor) if minor == int(minor) else float(minor),
        "fees": None if fee is None else int(Decimal(fee) * 100),
        "status": names[status],
    }
    return paystack.read_transactions(of_paystack(row)).rows[0]


def our(reference: str, minor: int = 245000, **changes: Any) -> OurPayment:
    known: dict[str, Any] = {"tx_ref": f"{reference}-1", "booking_id": reference, "status": "completed", "mode": "live"}
    return OurPayment(reference=reference, amount=Money(minor, "ETB"), **(known | changes))


def said(rows: list[StatementRow], books: list[OurPayment], *, complete: bool = True) -> list[Match]:
    names = {each.reference.removeprefix("R"): each for each in books} | {each.reference: each for each in books}
    return list(match(rows, names, books, mode="live", complete=complete))


@pytest.mark.parametrize("listed", [by_v1, by_v2, by_paystack])
def test_the_cases_of_the_sheet_on_what_a_gateway_lists(listed: Listed) -> None:
    [one] = said([listed("R1", "2450.000", "61.250", "paid")], [our("R1")])
    assert (one.verdict, one.fee, one.net) == ("matched", Money(6125, "ETB"), Money(238875, "ETB"))
    two = said([listed("R2", "900.000", None, "paid")], [our("R2", 90000, status="pending")])
    assert [each.verdict for each in two] == ["other_status"]
    assert [each.verdict for each in said([], [our("R3", 90000)])] == ["missing_there"]
    assert [each.verdict for each in said([listed("R4", "120.000", None, "paid")], [])] == ["missing_here"]
    assert [each.verdict for each in said([listed("R5", "2450.005", None, "paid")], [our("R5")])] == ["other_amount"]
    six = said([listed("R6", "2450.000", None, "paid")], [our("R6", refunded=50000)])
    assert [each.verdict for each in six] == ["refund_missing"]
    seven = [listed("R71", "2450.000", None, "paid"), listed("R72", "2450.000", None, "paid")]
    both = [our("R71"), our("R72", paid_before=True)]
    assert [each.verdict for each in said(seven, both)] == ["matched", "duplicate"]
    eight = [listed("R8", "2450.000", None, "paid")] * 2
    assert [each.verdict for each in said(eight, [our("R8")])] == ["matched"]
    nine = said([listed("R1", "2450.000", None, "paid")], [our("R1"), our("R9")], complete=False)
    assert [each.verdict for each in nine] == ["matched", "not_compared"]
    [ten] = said([], [our("R10", mode="test")])
    assert (ten.verdict, ten.reason) == ("not_compared", "mode")
    eleven = listed("R11", "2450.000", None, "paid")
    assert eleven.at is not None
    assert day_of(eleven.at.replace(month=10, day=31, hour=22, minute=30), "Africa/Addis_Ababa").day == 1
    [twelve] = said([listed("R12", "2450.000", None, "paid")], [our("R12")])
    assert (twelve.verdict, twelve.fee, twelve.net) == ("matched", None, None)
