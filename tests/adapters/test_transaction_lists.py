"""What gateways list of their transactions, read as they write it, and refused whole where any of it is unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.gateways.chapa import v1_parsing as chapa
from chalicelib.adapters.gateways.paystack import parsing as paystack
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.domain.settlement import StatementRow

CHAPA_ROW = {
    "status": "success",
    "ref_id": "APk7Wq2ZtR9d",
    "created_at": "2026-03-04T08:15:30.000000Z",
    "currency": "ETB",
    "amount": "2450.000",
    "charge": "61.250",
    "customer": {"email": "hanna.tesfaye@gmail.com"},
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


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"transactions": {}}}, {"data": [], "meta": None}])
def test_what_is_no_list(body: Any) -> None:
    for read in (chapa.read_transactions, paystack.read_transactions):
        with pytest.raises(GatewayBadAnswer):
            read(response(body))
        with pytest.raises(GatewayBadAnswer):
            read(response(body, 500))
