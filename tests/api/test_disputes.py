"""Money that payers claim back, over HTTP: entered, listed, answered and closed; and not refunded meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.harness import Reply, World

PATH = "/v1/ops/disputes"
DUE = "2027-01-20T16:00:00+03:00"


def confirmed(world: World) -> dict[str, Any]:
    return world.paid(world.book())


def enter(world: World, booking: dict[str, Any], *, key: str | None = None, **changes: Any) -> Reply:
    body = {
        "tx_ref": booking["payment"]["tx_ref"],
        "amount": None,
        "reason": "The card's owner does not know it",
        "due_at": DUE,
        "note": "marked note",
    }
    return world.call("POST", PATH, body | changes, by=world.operator(), key=key)


def close(world: World, dispute_id: str, as_: str, **more: Any) -> Reply:
    return world.call("POST", f"{PATH}/{dispute_id}/close", {"as": as_, "note": "x", **more}, by=world.operator())


def listed(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.call("GET", PATH, by=world.operator()).body["items"]
    return items


def attention(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"]
    return items


def test_an_operator_enters_a_dispute_and_closes_it(world: World) -> None:
    booking = confirmed(world)
    reply = enter(world, booking)
    tx_ref = booking["payment"]["tx_ref"]
    assert reply.status == 201
    made = reply.body
    assert made == {
        "dispute_id": f"{tx_ref}-D1",
        "tx_ref": tx_ref,
        "booking_id": booking["booking_id"],
        "gateway": "chapa",
        "status": "needs_response",
        "amount": booking["total"],
        "reason": "The card's owner does not know it",
        "due_at": "2027-01-20T13:00:00Z",
        "provider_dispute_id": None,
        "acknowledged": False,
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }
    assert listed(world) == [made]
    [item] = attention(world)
    assert (item["kind"], item["subject"], item["due_at"]) == ("dispute", made["dispute_id"], made["due_at"])
    assert item["actions"] == ["close", "acknowledge"]
    assert world.read(booking)["payment"]["at_risk"] == booking["total"]
    reply = close(world, made["dispute_id"], "won")
    assert (reply.status, reply.body["status"]) == (200, "won")
    assert close(world, made["dispute_id"], "won").status == 200
    reply = close(world, made["dispute_id"], "lost")
    assert (reply.status, reply.code) == (409, "dispute_closed")
    assert (listed(world), attention(world)) == ([], [])
    assert "at_risk" not in world.read(booking)["payment"]


def test_an_answered_dispute_leaves_the_attention_list_only(world: World) -> None:
    made = enter(world, confirmed(world)).body
    path = f"/v1/ops/attention/dispute.{made['dispute_id']}/acknowledge"
    assert world.call("POST", path, {"note": "Sent."}, by=world.operator()).status == 200
    assert attention(world) == []
    assert listed(world) == [made | {"acknowledged": True}]


def test_a_page_of_the_list_that_is_not_right(world: World) -> None:
    for query, code in (({"limit": 0}, "invalid_request"), ({"cursor": "x"}, "invalid_cursor")):
        reply = world.call("GET", PATH, by=world.operator(), query=query)
        assert (reply.status, reply.code) == (400, code)


def test_what_is_only_tried_writes_nothing(world: World) -> None:
    booking = confirmed(world)
    before = world.stored()
    tried = enter(world, booking, dry_run=True, amount=5)
    assert (tried.status, tried.body["amount"]["amount"]) == (201, 5)
    assert world.stored() == before
    made = enter(world, booking, amount=5).body
    before = world.stored()
    assert close(world, made["dispute_id"], "lost", dry_run=True).body["status"] == "lost"
    assert world.stored() == before


def test_a_repeat_answers_the_same_dispute(world: World) -> None:
    booking = confirmed(world)
    made = enter(world, booking, key="k")
    again = enter(world, booking, key="k")
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (201, made.body, "true")
    reused = enter(world, booking, key="k", amount=7)
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"due_at": "2027-01-20"}, "due_at"),
        ({"due_at": "2027-01-20T16:00:00"}, "due_at"),
        ({"due_at": "soon"}, "due_at"),
        ({"due_at": 1800000000}, "due_at"),
        ({"due_at": None}, "due_at"),
        ({"due_at": "0001-01-01T00:00:00+14:00"}, "due_at"),
        ({"amount": 0}, "amount"),
        ({"amount": 735001}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"reason": ""}, "reason"),
        ({"note": " "}, "note"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"status": "won"}, "status"),
    ],
)
def test_a_dispute_that_is_not_right(world: World, changes: dict[str, Any], field: str) -> None:
    reply = enter(world, confirmed(world), **changes)
    assert (reply.status, reply.code, list(reply.wrong())) == (400, "invalid_request", [field])
    if field == "due_at":
        assert reply.wrong()[field] == "must be an instant, such as 2027-01-14T08:15:30Z"


def test_what_cannot_be_disputed(world: World) -> None:
    booking = world.book()
    reply = enter(world, booking)
    assert (reply.status, reply.code) == (409, "nothing_to_dispute")
    reply = enter(world, booking, tx_ref="GZ4T1B8WCD7K2M9Q-1")
    assert (reply.status, reply.code) == (404, "payment_not_found")
    for path, body in ((f"{PATH}/GZ4T1B8WCD7K2M9Q-1-D1/close", {"as": "won", "note": "x"}),):
        reply = world.call("POST", path, body, by=world.operator())
        assert (reply.status, reply.code) == (404, "dispute_not_found")
    reply = world.call("GET", f"{PATH}/GZ4T1B8WCD7K2M9Q-1-D1/evidence", by=world.operator())
    assert (reply.status, reply.code) == (404, "dispute_not_found")


def test_no_refund_is_started_of_money_in_dispute(world: World) -> None:
    booking = confirmed(world)
    made = enter(world, booking, amount=100).body
    path = f"/v1/payments/{booking['payment']['tx_ref']}/refunds"
    for by in (world.operator(), world.host()):
        reply = world.call("POST", path, {"reason": "x", "amount": 5}, by=by, key="r")
        assert (reply.status, reply.code, reply.body["retryable"]) == (409, "payment_disputed", False)
    close(world, made["dispute_id"], "lost")
    reply = world.call("POST", path, {"reason": "x", "cancel_booking": False}, by=world.host(), key="r")
    assert (reply.status, reply.body["amount"]["amount"]) == (202, booking["total"]["amount"] - 100)


def test_a_dispute_that_chapa_announces_is_put_before_a_person(world: World) -> None:
    booking = confirmed(world)
    tx_ref = booking["payment"]["tx_ref"]
    for event in ("charge.dispute.create", "charge.dispute.remind"):
        raw = json.dumps({"event": event, "tx_ref": tx_ref, "status": "disputed"}).encode()
        assert world.deliver(raw).status == 200
    [made] = listed(world)
    assert (made["status"], made["due_at"], made["amount"]) == ("needs_response", None, booking["total"])
    assert world.read(booking)["status"] == "confirmed"


def test_the_evidence_as_json_and_as_text_to_paste(world: World) -> None:
    booking = confirmed(world)
    world.deliver_letters()
    made = enter(world, booking).body
    path = f"{PATH}/{made['dispute_id']}/evidence"
    found = world.call("GET", path, by=world.operator()).body
    assert found["dispute"] == made
    assert found["booking"]["contact"] == booking["contact"]
    assert found["payment"]["provider_reference"]
    assert found["place"]["cancellation_policy"] == "flexible"
    assert [letter["kind"] for letter in found["letters"] if letter["sent_at"]] == [
        "booking_confirmed",
        "host_new_booking",
    ]
    assert "booking_confirmed" in [event["kind"] for event in found["events"]]
    reply = world.call("GET", path, by=world.operator(), headers={"accept": "text/plain, application/json;q=0.5"})
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    for expected in (
        f"Dispute {made['dispute_id']}",
        "- claimed back: ETB 7,350.00 (The card's owner does not know it)",
        "- to be answered by 2027-01-20 13:00",
        f"- guest: Hanna Tesfaye, {booking['contact']['email']}, {booking['contact']['phone']}",
        "- check-in: 2027-01-14, from 14:00 (Africa/Addis_Ababa)",
        "- total: ETB 7,350.00",
        f"- the gateway's reference: {found['payment']['provider_reference']}",
        "- 2027-01-02 09:15 booking confirmed, by webhook",
        "- booking confirmed to the guest: sent 2027-01-02 09:15",
    ):
        assert expected in reply.text.splitlines(), expected
    assert "marked note" not in reply.text + json.dumps(found)
    assert world.operator().sub not in reply.text + json.dumps(found)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("POST", PATH, {}),
        ("POST", f"{PATH}/GZ4T1B8WCD7K2M9Q-1-D1/close", {}),
        ("GET", f"{PATH}/GZ4T1B8WCD7K2M9Q-1-D1/evidence", None),
    ],
)
def test_they_are_for_operators(world: World, method: str, path: str, body: Any) -> None:
    assert world.call(method, path, body).status == 401
    for by in (world.guest(), world.host()):
        assert world.call(method, path, body, by=by).status == 403
