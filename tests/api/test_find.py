"""Search over HTTP: by POST, noted, and never for others than operators."""

from __future__ import annotations

from tests.api.harness import World


def test_search_by_contact_and_the_trail_of_it(world: World) -> None:
    booking = world.paid(world.book())
    for query in ("hanna.tesfaye@gmail.com", "0911223344", "Tesfaye", booking["payment"]["tx_ref"]):
        reply = world.call("POST", "/v1/ops/search", {"q": query}, by=world.operator())
        assert (reply.status, [item["booking_id"] for item in reply.body["items"]]) == (200, [booking["booking_id"]])
    world.read(booking, by=world.operator())
    trail = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": "2027-01-02"}).body["items"]
    assert [(item["act"], item["found"]) for item in trail] == [("search", 1)] * 4 + [("view", 1)]
    assert trail[-1]["subject"] == booking["booking_id"]
    assert world.call("POST", "/v1/ops/search", {"q": "x"}, by=world.host()).status == 403
    assert world.call("POST", "/v1/ops/search", {"q": ""}, by=world.operator()).status == 400


def test_a_cursor_is_good_for_its_own_search_only(world: World) -> None:
    for key in ("one", "two"):
        world.book(key=key)
    first = world.call("POST", "/v1/ops/search", {"q": "Tesfaye", "limit": 1}, by=world.operator()).body
    query = {"q": "Tesfaye", "limit": 1, "cursor": first["next_cursor"]}
    second = world.call("POST", "/v1/ops/search", query, by=world.operator()).body
    assert len({first["items"][0]["booking_id"], second["items"][0]["booking_id"]}) == 2
    wrong = world.call("POST", "/v1/ops/search", query | {"q": "0911223344"}, by=world.operator())
    assert (wrong.status, wrong.code) == (400, "invalid_cursor")
