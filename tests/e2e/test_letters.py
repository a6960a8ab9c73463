"""Letters through a whole stack: to a host whose token names no address, to mailboxes that bounce and complain."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from local.scenarios.client import Json, Person, ScenarioClient

pytestmark = pytest.mark.e2e


def claims_of(person: Person) -> Json:
    """What a person's token says."""
    payload = person.token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def confirmed(client: ScenarioClient, guest: Person, listing: Json, *, email: str | None = None) -> str:
    """Book and pay; return the booking's id once its letters went out."""
    changed: dict[str, Any] = {}
    if email is not None:
        contact = {"first_name": "Hanna", "last_name": "Tesfaye", "email": email, "phone": client.gateway.phone}
        changed["contact"] = contact
    booking = client.book(guest, listing, **changed)
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    found: str = booking["booking_id"]
    return found


def letters(client: ScenarioClient, booking_id: str) -> list[tuple[str, str]]:
    """To whom, and under what subject's first words, letters about a booking went."""
    return [(letter["to"], letter["subject"].partition(":")[0]) for letter in client.emails_about(booking_id)]


def messages(client: ScenarioClient, operator: Person, booking_id: str) -> list[Json]:
    found: list[Json] = client.booking(operator, booking_id)["messages"]
    return found


def test_a_host_whose_token_names_no_address_gets_her_letters(client: ScenarioClient) -> None:
    """Signed in as with Cognito: the issuer's userInfo tells the address, and her profile the one of today."""
    host, guest = client.sign_in("abebe", "host"), client.sign_in("hanna")
    assert not {"email", "email_verified"} & claims_of(host).keys()
    listing = client.publish(host)
    assert listing["warnings"] == []
    me = client.call("GET", "/v1/hosts/me", expect=200, by=host)
    assert me["notify"] == {"email": host.email, "phone": None, "language": None}
    first = confirmed(client, guest, listing)
    assert letters(client, first) == [(guest.email, "Your stay is booked"), (host.email, "New booking")]

    notify = {"email": f"lodge.{client.suffix}@example.et", "phone": "011 551 7700", "language": "en"}
    client.call("PUT", "/v1/hosts/me", expect=200, by=host, body={"notify": notify})
    reached = client.booking(guest, first)["host"]
    assert reached == {"email": notify["email"], "phone": "+251115517700"}
    client.call("POST", f"/v1/bookings/{first}/cancel", expect=200, by=guest, body={})
    client.wait_until_idle()
    assert letters(client, first)[-1] == (notify["email"], "Booking cancelled")

    second = confirmed(client, guest, listing)
    told = client.emails_about(second)[0]
    assert f"The host's phone: {reached['phone']}" in told["text"]
    assert f"The host's e-mail: {reached['email']}" in told["text"]


def test_a_host_of_whom_nothing_is_known_is_warned_and_her_letter_is_not_lost(client: ScenarioClient) -> None:
    asked = {"sub": f"selam-{client.suffix}", "groups": ["host"]}
    host = Person("selam", "", client.call_local("POST", "/token", asked)["token"])
    guest, operator = client.sign_in("hanna"), client.sign_in("sara", "operator")
    listing = client.publish(host)
    assert [warning["code"] for warning in listing["warnings"]] == ["no_notify_email"]
    booking_id = confirmed(client, guest, listing)
    assert [to for to, _ in letters(client, booking_id)] == [guest.email]
    [failed] = [message for message in messages(client, operator, booking_id) if message["reader"] == "host"]
    assert (failed["status"], failed["why"], failed["address"]) == ("failed", "no_address", None)
    notify = {"email": f"selam.{client.suffix}@example.et"}
    client.call("PUT", "/v1/hosts/me", expect=200, by=host, body={"notify": notify})
    path = f"/v1/ops/bookings/{booking_id}/messages/{failed['entry_id']}/resend"
    client.call("POST", path, expect=202, by=operator, body={"note": "She gave an address."})
    client.wait_until_idle()
    assert letters(client, booking_id)[-1] == (notify["email"], "New booking")


@pytest.mark.parametrize(
    ("name", "status", "why", "suppressed"),
    [
        ("bounce", "bounced", "permanent", True),
        ("complaint", "complained", "abuse", True),
        ("full", "bounced", "transient", False),
    ],
)
def test_a_letter_that_did_not_arrive_is_seen_corrected_and_sent_again(
    client: ScenarioClient, name: str, status: str, why: str, suppressed: bool
) -> None:
    guest, operator = client.sign_in("hanna"), client.sign_in("sara", "operator")
    address = f"{name}+{client.suffix}@simulator.amazonses.com"
    booking_id = confirmed(client, guest, client.publish(client.sign_in("abebe", "host")), email=address)
    [told] = [message for message in messages(client, operator, booking_id) if message["reader"] == "guest"]
    assert (told["status"], told["why"], told["address"]) == (status, why, address)
    waiting = client.call("GET", "/v1/ops/attention?kind=email&limit=100", expect=200, by=operator)["items"]
    assert booking_id in {item["booking_id"] for item in waiting}

    path = f"/v1/ops/bookings/{booking_id}/messages/{told['entry_id']}/resend"
    if suppressed:
        refused = client.call("POST", path, expect=409, by=operator, body={})
        assert refused["code"] == "address_suppressed"
    contact = {"contact": {"email": guest.email}}
    client.call("PATCH", f"/v1/bookings/{booking_id}", expect=200, by=operator, body=contact)
    client.call("POST", path, expect=202, by=operator, body={"note": "Corrected by telephone."})
    client.wait_until_idle()
    assert letters(client, booking_id)[-1] == (guest.email, "Your stay is booked")
    [told] = [message for message in messages(client, operator, booking_id) if message["reader"] == "guest"]
    assert (told["status"], told["resends"]) == ("sent", 1)
    waiting = client.call("GET", "/v1/ops/attention?kind=email&limit=100", expect=200, by=operator)["items"]
    assert booking_id not in {item["booking_id"] for item in waiting}
