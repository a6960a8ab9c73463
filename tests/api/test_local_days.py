"""Today is the listing's own day: what can be booked and found, wherever it is, around midnight here and there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.api.harness import World

MOMENTS = [
    # zone, now in UTC, and the date at the listing
    ("Africa/Addis_Ababa", "2027-01-14T20:59", "2027-01-14"),
    ("Africa/Addis_Ababa", "2027-01-14T21:00", "2027-01-15"),
    ("Pacific/Pago_Pago", "2027-01-14T10:59", "2027-01-13"),
    ("Pacific/Kiritimati", "2027-01-14T10:00", "2027-01-15"),
    ("America/New_York", "2027-07-15T03:59", "2027-07-14"),
    ("Europe/Berlin", "2027-07-14T22:00", "2027-07-15"),
]


@pytest.mark.parametrize(("zone", "now", "today"), MOMENTS)
def test_from_today_on_a_listing_is_found_and_booked(world: World, zone: str, now: str, today: str) -> None:
    world.clock.at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    listing = world.listing(time_zone=zone)
    for days, fits in ((-1, False), (0, True), (540, True), (541, False)):
        check_in = date.fromisoformat(today) + timedelta(days=days)
        stay = {"check_in": check_in.isoformat(), "check_out": (check_in + timedelta(days=1)).isoformat()}
        reply = world.call("POST", "/v1/bookings", world.request(listing, **stay), by=world.guest(), key=f"{days}")
        assert reply.status == (201 if fits else 400), (days, reply.text)
        assert fits or list(reply.wrong()) == ["check_in"]
        if days in (-1, 0, 541):
            found = world.call("GET", "/v1/listings", query={"city": listing["city"], **stay})
            assert found.status == (200 if fits else 400)
            assert list(found.wrong()) == ["check_in"] if not fits else len(found.body["items"]) == 1


@pytest.mark.parametrize(("zone", "now", "today"), MOMENTS)
def test_what_a_guest_does_today_is_told_by_the_day_at_the_listing(
    world: World, zone: str, now: str, today: str
) -> None:
    listing = world.listing(time_zone=zone)
    there = date.fromisoformat(today)
    made = []
    for days, movement in ((-1, "departs"), (0, "arrives"), (1, None)):
        stay: dict[str, Any] = {
            "check_in": f"{there + timedelta(days=days)}",
            "check_out": f"{there + timedelta(days=days + 1)}",
        }
        booking = world.paid(world.book(listing, key=f"{days}", **stay))
        made.append((booking["booking_id"], movement))
    world.clock.at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    query = {"listing_id": listing["listing_id"], "arriving_from": f"{there - timedelta(days=1)}"}
    found = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query=query).body["items"]
    assert [(each["booking_id"], each.get("movement")) for each in found] == made
