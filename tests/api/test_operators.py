"""Operators' calls over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.harness import World, answers

DAYS = {"from": "2027-01-01", "to": "2027-01-31"}
TOTAL = {"amount": 735000, "currency": "ETB", "formatted": "ETB 7,350.00"}


def in_review(world: World) -> dict[str, Any]:
    world.gateway.changed = {"amount": 7349.0}
    booking = world.paid(world.book())
    assert booking["payment"]["status"] == "review"
    world.gateway.changed = {}
    return booking


def test_what_needs_a_person(world: World) -> None:
    booking = in_review(world)
    world.clock.forward(minutes=5)
    reply = world.call("GET", "/v1/ops/attention", by=world.operator())
    [matter] = reply.body["items"]
    assert (matter["kind"], matter["subject"]) == ("payment_review", booking["payment"]["tx_ref"])
    assert (matter["booking_id"], matter["age_seconds"]) == (booking["booking_id"], 300)
    assert "7,349.00" in matter["reason"]
    assert world.call("GET", "/v1/ops/attention", by=world.operator(), query={"kind": "refund"}).body["items"] == []
    wrong = world.call("GET", "/v1/ops/attention", by=world.operator(), query={"kind": "x"})
    assert wrong.wrong()["kind"].startswith("must be one of payment_review, ")


@pytest.mark.parametrize(("as_", "status", "refunds"), [("accept", "confirmed", 0), ("refund", "pending_payment", 1)])
def test_settling_a_review(world: World, as_: str, status: str, refunds: int) -> None:
    booking = in_review(world)
    path = f"/v1/ops/payments/{booking['payment']['tx_ref']}/resolve"
    reply = world.call("POST", path, {"as": as_, "note": "Seen on the statement."}, by=world.operator())
    assert (reply.status, reply.body["status"], len(reply.body["refunds"])) == (200, "completed", refunds)
    assert world.read(booking)["status"] == status
    again = world.call("POST", path, {"as": as_, "note": "Again."}, by=world.operator())
    assert (again.status, again.code) == (409, "not_in_review")


def test_lists_by_day_of_creation(world: World) -> None:
    booking = world.paid(world.book())
    for path, found in (("bookings", booking["booking_id"]), ("payments", booking["payment"]["tx_ref"])):
        reply = world.call("GET", f"/v1/ops/{path}", by=world.operator(), query=DAYS)
        name = "booking_id" if path == "bookings" else "tx_ref"
        assert [item[name] for item in reply.body["items"]] == [found]
        for query, field in (
            ({"from": "2027-01-02"}, "to"),
            ({"from": "2027-01-02", "to": "2027-01-01"}, "to"),
            ({"from": "2027-01-01", "to": "2027-02-01"}, "to"),
            (DAYS | {"status": "x"}, "status"),
            (DAYS | {"start": "2027-01-01"}, "start"),
        ):
            reply = world.call("GET", f"/v1/ops/{path}", by=world.operator(), query=query)
            assert (reply.status, list(reply.wrong())) == (400, [field])


def test_the_report(world: World) -> None:
    world.paid(world.book())
    world.deliver_letters()
    reply = world.call("GET", "/v1/ops/report", by=world.operator(), query=DAYS)
    nothing = {"amount": 0, "currency": "ETB", "formatted": "ETB 0.00"}
    [day] = reply.body["items"]
    assert day == {
        "day": "2027-01-02",
        "currency": "ETB",
        "payments": 1,
        "taken": TOTAL,
        "fees": {"amount": 6125, "currency": "ETB", "formatted": "ETB 61.25"},
        "refunded": nothing,
        "reversed": nothing,
        "net": {"amount": 728875, "currency": "ETB", "formatted": "ETB 7,288.75"},
    }
    assert reply.headers["Content-Type"] == "application/json"
    sheet = world.call("GET", "/v1/ops/report", by=world.operator(), query=DAYS, headers={"accept": "text/csv"})
    assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert sheet.text.splitlines()[1] == "2027-01-02,ETB,1,7350.00,61.25,0.00,0.00,7288.75"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/csvx", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("application/json, text/csv;q=0.5", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("TEXT/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
    ],
)
def test_a_report_comes_as_it_is_liked_best(world: World, accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"accept": accept}
    reply = world.call("GET", "/v1/ops/report", by=world.operator(), query=DAYS, headers=headers)
    assert reply.headers["Content-Type"].partition(";")[0] == media_type


def test_a_refund_that_is_not_there_or_needs_nobody(world: World) -> None:
    booking = world.paid(world.book())
    tx_ref = booking["payment"]["tx_ref"]
    world.call(
        "POST", f"/v1/payments/{tx_ref}/refunds", {"reason": "x", "cancel_booking": False}, by=world.operator(), key="k"
    )
    body = {"as": "post_again", "note": "x"}
    for refund_id, status, code in (
        (f"{tx_ref}-R1", 409, "not_in_attention"),
        (f"{tx_ref}-R2", 404, "refund_not_found"),
        ("GZ00000000000000-1-R1", 404, "refund_not_found"),
        ("x", 404, "refund_not_found"),
    ):
        reply = world.call("POST", f"/v1/ops/refunds/{refund_id}/resolve", body, by=world.operator())
        assert (reply.status, reply.code) == (status, code), refund_id


def test_the_gateways_own_log_of_a_payment(world: World) -> None:
    payment = world.paid(world.book())["payment"]
    path = f"/v1/ops/payments/{payment['tx_ref']}/gateway-events"
    nothing = world.call("GET", path, by=world.operator())
    assert (nothing.status, nothing.body) == (200, {"items": [], "next_cursor": None})
    at = "2027-01-02T09:16:00.000000Z"
    world.gateway.events = answers(200, {"data": [{"message": "Attempted payment with telebirr", "created_at": at}]})
    told = world.call("GET", path, by=world.operator()).body["items"]
    assert told == [{"at": "2027-01-02T09:16:00Z", "text": "Attempted payment with telebirr"}]
    assert world.gateway.asked[-1] == f"GET events/{payment['provider_reference']}"
    world.gateway.events = answers(500, b"<html>")
    assert world.call("GET", path, by=world.operator()).code == "gateway_bad_answer"
    missing = world.call("GET", "/v1/ops/payments/GZ00000000000000-1/gateway-events", by=world.operator())
    assert (missing.status, missing.code) == (404, "payment_not_found")
