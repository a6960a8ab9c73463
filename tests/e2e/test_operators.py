"""What hosts and operators do after a booking, through a whole stack: who comes, ending a stay, closing a listing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.scenarios.client import Json, Person, ScenarioClient

pytestmark = pytest.mark.e2e


def confirmed(client: ScenarioClient, guest: Person, listing: Json, *, first: int, nights: int) -> Json:
    """A paid booking that begins so many days from now."""
    check_in = client.today() + timedelta(days=first)
    booking = client.book(
        guest, listing, check_in=check_in.isoformat(), check_out=(check_in + timedelta(days=nights)).isoformat()
    )
    client.pay_on_page(booking["payment"]["checkout_url"])
    return client.wait_for_status(guest, booking["booking_id"], "confirmed")


def test_a_guest_comes_leaves_early_and_the_listing_closes(client: ScenarioClient) -> None:
    host, guest = client.sign_in("host-of-a-house", "host"), client.sign_in("guest-of-a-house")
    operator = client.sign_in("operator-of-houses", "operator")
    listing = client.publish(host, units=3)
    here = confirmed(client, guest, listing, first=0, nights=3)
    others = [confirmed(client, guest, listing, first=day, nights=2) for day in (5, 6)]
    today = client.today().isoformat()
    for who in ("", f"&listing_id={listing['listing_id']}", f"&host_id={listing['host_id']}"):
        found = client.call("GET", f"/v1/ops/arrivals?date={today}{who}&limit=100", expect=200, by=operator)["items"]
        assert [each["movement"] for each in found if each["booking_id"] == here["booking_id"]] == ["arrives"]
    # The listing's check-in time is over tomorrow at the latest.
    client.advance(days=1)
    end = {"as": "left_early", "last_night": today, "refund": 100, "note": "She rang."}
    ended = client.call("POST", f"/v1/bookings/{here['booking_id']}/end-stay", expect=200, by=host, body=end)
    assert ended["stay_ended"]["last_night"] == today
    closing = f"/v1/ops/listings/{listing['listing_id']}/close"
    why = {"cancel_bookings": True, "reason": "The host has left."}
    shown = client.call("POST", closing, expect=202, by=operator, body=why | {"dry_run": True})
    assert [each["booking_id"] for each in shown["bookings"]] == [each["booking_id"] for each in others]
    client.call("POST", closing, expect=202, by=operator, body=why)
    client.wait_until_idle()
    client.advance(minutes=1)
    client.sweep()
    told = client.call("GET", closing, expect=200, by=operator)
    assert (told["state"], told["cancelled"], told["left"]) == ("finished", 2, 0)
    statuses = [client.booking(guest, each["booking_id"])["status"] for each in (here, *others)]
    assert statuses == ["confirmed", "cancelled", "cancelled"]
    subjects = [letter["subject"] for letter in client.emails_about(here["booking_id"])]
    assert any(subject.startswith("Your stay ends earlier") for subject in subjects)
