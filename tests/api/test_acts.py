"""Every act of an operator stands in the trail, before it is done, and once: who, when, why, and what came of it."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import Blueprint

from chalicelib.api.core.routing import ROUTES, Answer, Call, Route, endpoint
from chalicelib.services.ports.outcomes import StoreBusy
from tests.api.harness import Person, Reply, World, sample
from tests.api.test_dry_runs import writes
from tests.api.test_proposals import stuck
from tools.openapi.examples import BODIES

ACTS = [route for route in ROUTES if route.act is not None]
ABOUT = {
    "/v1/ops/disputes": "GZ4T1B8WCD7K2M9Q-1",
    "/v1/ops/dead-letters/send-back": "emails",
    "/v1/ops/settlements": "chapa/2027-01-01/2027-01-31",
}
"""What a call is about that names it in its body; the others name it in their path, and a person is a keyed hash."""


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def trail(world: World, **query: Any) -> list[dict[str, Any]]:
    """What operators did, without what they looked at."""
    query = query or {"day": world.clock.now().date()}
    reply = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"limit": 100} | query)
    assert reply.status == 200, reply.text
    found: list[dict[str, Any]] = [each for each in reply.body["items"] if each["outcome"]]
    return found


def body_of(route: Route) -> dict[str, Any] | None:
    """The document's example of what the call takes, meant."""
    if route.body is None:
        return None
    body = dict(BODIES.get(route.body, {}))
    body.pop("dry_run", None)
    return body


def call_of(world: World, route: Route) -> tuple[str, dict[str, Any] | None]:
    """The path and body of a call by an operator; of one that guests share it is about a booking that is there."""
    body, path = body_of(route), sample(route.path)
    if route.role is None:
        booking = world.paid(world.book())
        path = route.path.format(booking_id=booking["booking_id"], tx_ref=booking["payment"]["tx_ref"])
    return path, body


def test_what_writes_is_an_act() -> None:
    assert {named(route) for route in ROUTES if writes(route)} <= {named(route) for route in ACTS}


@pytest.mark.parametrize("options", [{"role": "operator", "right": "money"}, {"signed_in": True}], ids=str)
def test_no_call_is_declared_without_an_act(options: dict[str, Any]) -> None:
    def nothing(_call: Call) -> Answer:
        return Answer(None)

    with pytest.raises(TypeError, match="act"):
        endpoint(Blueprint("x"), "POST", "/v1/ops/money", **options)(nothing)


@pytest.mark.parametrize("route", ACTS, ids=named)
def test_each_act_stands_in_the_trail_once(world: World, route: Route) -> None:
    path, body = call_of(world, route)
    begun = world.clock.now()
    reply = world.call(route.method, path, body, by=world.operator(), key="k")
    [entry] = trail(world)
    assert reply.status < 300 or reply.code not in ("invalid_request", "forbidden"), reply.text
    assert entry["outcome"] == ("done" if reply.status < 300 else reply.code)
    assert (entry["by"], entry["by_name"]) == (world.operator().sub, f"{world.operator().sub}@people.example")
    assert (entry["act"], entry["request_id"]) == (route.act, reply.request_id)
    assert begun.isoformat()[:19] <= entry["at"][:19] <= world.clock.now().isoformat()[:19]
    given = body or {}
    assert entry["note"] == (given.get("note") or given.get("reason") or "")
    subject = ABOUT.get(route.path, entry["subject"])
    assert entry["subject"] == subject
    assert subject in path or route.path in ABOUT or route.path == "/v1/ops/people/erase"
    assert entry["subject"]
    assert "hanna" not in str(entry).lower()


@pytest.mark.parametrize("route", [route for route in ACTS if route.method != "GET"], ids=named)
def test_a_trial_leaves_nothing(world: World, route: Route) -> None:
    path, body = call_of(world, route)
    world.call(route.method, path, (body or {}) | {"dry_run": True}, by=world.operator(), key="k")
    assert trail(world) == []


STAFF_CALLS = [
    route for route in ROUTES if route.signed_in and route.role != "host" and (route.act or route.method == "GET")
]
"""What one of the staff can read or try: none of it may show a guest's contact to a person whom no trail names."""
QUERIES = {
    "/v1/ops/bookings": {"from": "2027-01-01", "to": "2027-01-31"},
    "/v1/ops/payments": {"from": "2027-01-01", "to": "2027-01-31"},
    "/v1/ops/arrivals": {"date": "2027-02-01"},
}


@pytest.mark.parametrize("route", STAFF_CALLS, ids=named)
def test_whoever_is_shown_a_contact_stands_in_the_trail(world: World, route: Route) -> None:
    booking, stranger = world.paid(world.book()), Person(f"stranger-{world.name}", "operator")
    tx_ref = booking["payment"]["tx_ref"]
    dispute = {"tx_ref": tx_ref, "reason": "Unknown.", "note": "By mail.", "due_at": "2027-02-02T10:00:00Z"}
    world.call("POST", "/v1/ops/disputes", dispute, by=world.operator())
    ids = {
        "sub": world.guest().sub,
        "entry_id": "1",
        "dispute_id": f"{tx_ref}-D1",
        "refund_id": f"{tx_ref}-R1",
        "host_id": world.host().sub,
        "item_id": f"dispute.{tx_ref}-D1",
    }
    names = {"booking_id": booking["booking_id"], "tx_ref": tx_ref, "listing_id": booking["listing_id"]}
    path = route.path.format_map(Names(ids | names))
    query = QUERIES.get(route.path) if route.method == "GET" else None
    body = None if route.method == "GET" else (body_of(route) or {}) | {"dry_run": True}
    reply = world.call(route.method, path, body, by=stranger, query=query, key="k")
    contact = booking["contact"]
    shown = any(contact[each] in reply.text for each in ("email", "phone", "last_name"))
    day = {"day": world.clock.now().date(), "by": stranger.sub}
    looked = world.call("GET", "/v1/ops/audit", by=world.operator(), query=day).body["items"]
    assert not shown or [each["request_id"] for each in looked] == [reply.request_id]
    assert not route.shows_contact or shown or reply.status >= 400
    assert route.method == "GET" or all(not each["outcome"] for each in looked)


class Names(dict[str, str]):
    """Ids of what is there; nothing has the others."""

    def __missing__(self, name: str) -> str:
        return sample(f"{{{name}}}")


@pytest.mark.parametrize("route", [route for route in ACTS if route.role is None], ids=named)
def test_what_a_guest_does_is_no_act_of_operators(world: World, route: Route) -> None:
    path, body = call_of(world, route)
    world.call(route.method, path, body, by=world.guest(), key="k")
    assert trail(world) == []


@pytest.mark.parametrize("route", [route for route in ACTS if route.method != "GET"], ids=named)
def test_what_cannot_be_noted_is_not_done(world: World, route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body = call_of(world, route)
    world.container.bookings.salt()
    before = world.stored()

    def busy(_access: object) -> str:
        raise StoreBusy("throttled")

    monkeypatch.setattr(world.container.ledger, "note_access", busy)
    assert world.call(route.method, path, body, by=world.operator(), key="k").status == 503
    assert world.stored() == before


def test_an_act_is_there_before_it_is_done_and_after_it_was_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.paid(world.book())
    seen: list[str] = []

    class CutOff(BaseException):
        """The function was ended."""

    def save(*_: object, **__: object) -> None:
        seen.extend(each["outcome"] for each in copy.deepcopy(trail(world)))
        raise CutOff

    monkeypatch.setattr(world.container.bookings, "save", save)
    with pytest.raises(CutOff):
        cancel(world, booking)
    assert seen == ["asked"]
    [entry] = trail(world, about=booking["booking_id"])
    assert (entry["act"], entry["outcome"], entry["found"]) == ("cancel", "asked", 0)


def test_an_act_that_was_done_is_answered_where_its_outcome_cannot_be_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.paid(world.book())

    def busy(*_: object) -> None:
        raise StoreBusy("throttled")

    monkeypatch.setattr(world.container.ledger, "conclude_access", busy)
    assert cancel(world, booking).status == 200
    [entry] = trail(world)
    assert entry["outcome"] == "asked"


def cancel(world: World, booking: dict[str, Any]) -> Reply:
    path = f"/v1/bookings/{booking['booking_id']}/cancel"
    return world.call("POST", path, {"reason": "A flood."}, by=world.operator())


def test_an_approval_names_both_people_and_the_request_that_asked(world: World) -> None:
    refund_id, body = stuck(world)
    needed = world.call("POST", f"/v1/ops/refunds/{refund_id}/resolve", body, by=world.operator())
    assert needed.code == "second_person_needed", needed.text
    decided = world.approve(needed)
    assert decided.status == 200, decided.text
    _refund, asked, approved = trail(world, about=refund_id)
    proposal_id = needed.body["proposal_id"]
    assert (asked["act"], asked["subject"], asked["note"]) == ("resolve_refund", refund_id, body["note"])
    assert (asked["outcome"], asked["proposal_id"]) == ("second_person_needed", proposal_id)
    assert asked["proposed_by"] is None
    assert (approved["act"], approved["subject"], approved["outcome"]) == ("approve", proposal_id, "done")
    assert (approved["request_id"], approved["by"]) == (decided.request_id, f"second-{world.name}")
    assert (approved["proposed_by"], approved["proposed_request_id"]) == (world.operator().sub, needed.request_id)
    assert approved["proposed_by_name"] == f"{world.operator().sub}@people.example"


def test_the_trail_is_read_by_day_or_by_what_it_is_about_and_by_who(world: World) -> None:
    booking = world.paid(world.book())
    cancel(world, booking)
    tx_ref = booking["payment"]["tx_ref"]
    world.call("POST", f"/v1/payments/{tx_ref}/verify", {}, by=world.staff())
    ours = trail(world, about=tx_ref)
    assert [each["act"] for each in ours] == ["cancel", "verify"]
    assert trail(world, about="GZ4T1B8WCD7K2M9Q") == []
    assert [each["act"] for each in trail(world, about=booking["booking_id"], by=world.staff().sub)] == ["verify"]
    today = world.clock.now().date()
    assert [each["act"] for each in trail(world, day=today, by=world.operator().sub)] == ["cancel"]
    assert [each["act"] for each in trail(world, about=tx_ref, day=today)] == ["cancel", "verify"]
    assert trail(world, about=tx_ref, day=today + timedelta(days=1)) == []
    assert len(trail(world, by=world.staff().sub)) == 1
    wrong = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": "yesterday"})
    assert (wrong.status, [*wrong.wrong()]) == (400, ["day"])
