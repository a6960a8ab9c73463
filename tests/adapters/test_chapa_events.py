"""A payment's own log at Chapa: which lines are taken, and where it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v1_parsing import read_events
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.services.ports.gateways import GatewayEvent
from tests.adapters.chapa_server import Keys, answering, failed, serving
from tests.adapters.shapes import answer

AT = datetime(2026, 3, 4, 8, 15, 41, tzinfo=UTC)


def line(message: object, at: object = "2026-03-04T08:15:41.000000Z") -> dict[str, object]:
    return {"item": 1, "message": message, "type": "log", "created_at": at, "updated_at": at}


def log(*lines: object) -> dict[str, object]:
    return {"message": "Transaction events fetched", "status": "success", "data": list(lines)}


def test_it_is_asked_for_by_either_reference_in_the_path() -> None:
    with serving(answering(200, log(line("Attempted payment with telebirr")))) as server:
        told = ChapaV1(server.url, Keys()).events("APk7Wq2ZtR9d")
        assert told == (GatewayEvent(AT, "Attempted payment with telebirr"),)
        ChapaV1(server.url, Keys()).events("GZ4T1B8WCD7K2M9Q-1")
    paths = ["/v1/transaction/events/APk7Wq2ZtR9d", "/v1/transaction/events/GZ4T1B8WCD7K2M9Q-1"]
    assert [(request.method, request.path) for request in server.requests] == [("GET", path) for path in paths]


def test_lines_that_cannot_be_read_are_left_out_and_the_rest_is_cleaned() -> None:
    lines = log(
        line("one"), line(7), line("two", None), "three", None, line("f\nour\u202e "), line(" "), line("x" * 300)
    )
    assert [event.text for event in read_events(answer(200, lines))] == ["one", "f our", "x" * 200]
    assert len(read_events(answer(200, log(*[line("again")] * 500)))) == 100
    assert read_events(answer(200, log())) == ()


def test_their_order_is_theirs() -> None:
    later = AT + timedelta(minutes=1)
    told = read_events(answer(200, log(line("one"), line("two", later.strftime("%Y-%m-%dT%H:%M:%S.%fZ")))))
    assert told == (GatewayEvent(AT, "one"), GatewayEvent(later, "two"))


def test_a_payment_without_a_log_and_no_answer_about_one() -> None:
    for status in (400, 404):
        assert read_events(answer(status, failed("Transaction not found"))) == ()
    for status, body in (
        (404, b"<html>"),
        (404, failed("Not here")),
        (500, failed("not found")),
        (200, {"data": None}),
    ):
        with pytest.raises(GatewayBadAnswer) as raised:
            read_events(answer(status, body))
        assert not raised.value.definitely_not_executed
