"""Refunds of Chapa's version 1: what is posted, and what its two forms of an answer mean."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v1_parsing import read_refund, read_refund_status
from chalicelib.domain.errors import GatewayBadAnswer, GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.services.ports.gateways import RefundAnswer, RefundGatewayStatus
from tests.adapters.chapa_server import Keys, answering, failed, serving
from tests.adapters.shapes import answer

OLDER = {
    "message": "Refund initiated successfully. Processing time: 1-3 business days",
    "status": "success",
    "data": {"id": 5127, "chapa_reference": "APk7Wq2ZtR9d", "amount": "2450.00", "status": "Refund Initiated"},
}
NEWER = {
    "message": "Refund initiated successfully",
    "status": "success",
    "data": {"amount": 2450, "ref_id": "MqT58vRk2c", "payment_reference": "APk7Wq2ZtR9d", "status": "initiated"},
}


def test_a_refund_is_posted_as_a_form_under_our_own_reference() -> None:
    with serving(answering(200, NEWER)) as server:
        said = ChapaV1(server.url, Keys()).refund(
            "AP/1", amount=Money(122550, "ETB"), refund_id="GZ-1-R1", reason="It rained, às ever!"
        )
    assert said == RefundAnswer("processing", "MqT58vRk2c")
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/refund/AP%2F1")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    sent = {"amount": ["1225.50"], "reference": ["GZ-1-R1"], "reason": ["It rained as ever"]}
    assert parse_qs(request.body.decode()) == sent


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (OLDER, None),
        (NEWER, "MqT58vRk2c"),
        (NEWER | {"data": None}, None),
        (NEWER | {"data": {"status": "new", "ref_id": "../x"}}, None),
    ],
)
def test_a_refund_that_was_taken_over_is_under_way(body: object, name: str | None) -> None:
    assert read_refund(answer(200, body)) == RefundAnswer("processing", name)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refund_that_was_refused_is_told_with_its_reason(status: int) -> None:
    with pytest.raises(GatewayRejected, match="Refunds can only be processed in live mode") as raised:
        read_refund(answer(status, failed("Refunds can only be processed in live mode")))
    assert raised.value.definitely_not_executed


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, failed("Refunds can only be processed in live mode")),
        (400, b"<html>"),
        (400, failed(None)),
        (409, failed("Somebody else is at it")),
        (500, failed("Refunds can only be processed in live mode")),
    ],
)
def test_a_refund_of_which_nothing_is_said_may_be_under_way(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as raised:
        read_refund(answer(status, body))
    assert not raised.value.definitely_not_executed


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("initiated", "processing"),
        ("processing", "processing"),
        ("Refunded", "refunded"),
        ("reversed", "reversed"),
        ("lost", "unknown"),
        (7, "unknown"),
    ],
)
def test_how_far_a_refund_is(word: object, said: RefundGatewayStatus) -> None:
    body = NEWER | {"data": {"ref_id": "MqT58vRk2c", "status": word}}
    assert read_refund_status(answer(200, body)) == RefundAnswer(said, "MqT58vRk2c")


def test_a_refund_whose_name_was_never_heard_is_looked_up_by_ours() -> None:
    since = datetime(2026, 3, 5, tzinfo=UTC)
    with serving(answering(200, NEWER | {"data": {"ref_id": "MqT58vRk2c", "status": "processing"}})) as server:
        found = ChapaV1(server.url, Keys()).find_refund("GZ-1-R1", since=since)
    assert found == RefundAnswer("processing", "MqT58vRk2c")
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/v1/refund/GZ-1-R1/verify")


def test_that_chapa_does_not_find_it_by_ours_proves_nothing() -> None:
    since = datetime(2026, 3, 5, tzinfo=UTC)
    with serving(answering(404, failed("Refund not found"))) as server:
        assert ChapaV1(server.url, Keys()).find_refund("GZ-1-R1", since=since) is None
    with serving(answering(500, failed("Server Error"))) as server, pytest.raises(GatewayBadAnswer):
        ChapaV1(server.url, Keys()).find_refund("GZ-1-R1", since=since)


def test_a_refund_that_nobody_knows_and_no_answer_about_one() -> None:
    assert read_refund_status(answer(404, failed("Refund not found"))) == RefundAnswer("unknown")
    for status, body in ((404, b"<html>"), (500, failed("Server Error")), (200, b"")):
        with pytest.raises(GatewayBadAnswer) as raised:
            read_refund_status(answer(status, body))
        assert not raised.value.definitely_not_executed
