"""The consoles before a local stack: each act is pressed, and what it did is read back from the API."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from local.scenarios.client import Json, ScenarioClient
from tests.browser.conftest import Visitor, need_chromium

need_chromium()


def confirmed(client: ScenarioClient) -> Json:
    host, guest = client.sign_in("host-1", "host"), client.sign_in("guest-console")
    booking = client.book(guest, client.publish(host))
    client.pay_at_gateway(booking["payment"]["tx_ref"])
    return client.wait_for_status(guest, booking["booking_id"], "confirmed")


def sign_in(visitor: Visitor, address: str) -> Page:
    page = visitor.open(address)
    page.get_by_role("button", name="Sign in").first.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


def test_operators_see_the_day_and_find_a_booking(visitor: Visitor, client: ScenarioClient) -> None:
    booking = confirmed(client)
    page = sign_in(visitor, f"{client.api}/ops")
    expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    expect(page.get_by_text("Net by day, ETB")).to_be_visible()
    visitor.look("ops-today", title="Guzo: operators")

    page.keyboard.press("/")
    page.get_by_label("Booking, tx_ref").fill(booking["contact"]["email"].upper())
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text(booking["booking_id"]).first).to_be_visible()
    assert booking["contact"]["email"] not in page.url
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []


def test_a_refund_is_pressed_once(visitor: Visitor, client: ScenarioClient) -> None:
    booking = confirmed(client)
    page = sign_in(visitor, f"{client.api}/ops")
    page.goto(f"{client.api}/ops#/booking/{booking['booking_id']}")
    expect(page.get_by_role("heading", name=booking["booking_id"])).to_be_visible()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    visitor.look("ops-booking", title="Guzo: operators")
    page.get_by_role("button", name="Refund").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The water was cold.")

    # All of a confirmed booking's money: the API asks what becomes of the booking, and nothing is lost.
    dialog.get_by_role("button", name="Refund").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cancel_booking")
    visitor.wrong.clear()  # the browser says that a call was refused
    expect(dialog.get_by_label("Reason")).to_have_value("The water was cold.")
    dialog.get_by_label("If all of it goes back").select_option("no")
    dialog.get_by_role("button", name="Refund").dblclick()
    expect(dialog).to_be_hidden()
    client.wait_until_idle()
    operator = client.sign_in("operator-1", "operator")
    [refund] = client.call("GET", f"/v1/payments/{booking['payment']['tx_ref']}", expect=200, by=operator)["refunds"]
    assert refund["reason"] == "The water was cold."


def test_a_contact_is_corrected(visitor: Visitor, client: ScenarioClient) -> None:
    booking = confirmed(client)
    page = sign_in(visitor, f"{client.api}/ops")
    page.goto(f"{client.api}/ops#/booking/{booking['booking_id']}")
    page.get_by_role("button", name="Correct the contact").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("not@an-address")
    dialog.get_by_role("button", name="Correct the contact").click()
    expect(dialog.get_by_role("alert")).to_contain_text("contact.email")
    visitor.wrong.clear()  # the browser says that a call was refused
    dialog.get_by_label("E-mail").fill("corrected@gmail.com")
    dialog.get_by_role("button", name="Correct the contact").click()
    expect(page.get_by_text("corrected@gmail.com").first).to_be_visible()


def test_a_statement_is_matched_and_a_listing_closed(visitor: Visitor, client: ScenarioClient) -> None:
    booking = confirmed(client)
    page = sign_in(visitor, f"{client.api}/ops")
    page.get_by_role("link", name="Matching").click()
    page.get_by_role("button", name="Match", exact=True).click()
    expect(page.get_by_role("heading", name="Lines")).to_be_visible()
    expect(page.get_by_text("matched", exact=True).first).to_be_visible()
    visitor.look("ops-matching", title="Guzo: operators")

    page.get_by_role("link", name="Listings").click()
    page.get_by_label("Listing", exact=True).fill(booking["listing_id"])
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="Close the listing").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Bookings to come").select_option("yes")
    dialog.get_by_label("Reason").fill("The host leaves.")
    dialog.get_by_role("button", name="Close the listing").click()
    expect(dialog.get_by_text("ETB 7,350.00")).to_be_visible()
    assert client.call("GET", f"/v1/listings/{booking['listing_id']}", expect=200)["status"] == "open"
    dialog.get_by_role("button", name="Close the listing").click()
    expect(dialog).to_be_hidden()
    assert client.call("GET", f"/v1/listings/{booking['listing_id']}", expect=200)["status"] == "closed"


def test_pages_without_anything_say_so(visitor: Visitor, client: ScenarioClient) -> None:
    page = sign_in(visitor, f"{client.api}/ops")
    for menu, empty in (
        ("Disputes", "Nobody disputes a payment."),
        ("Arrivals", "Arrivals"),
        ("Ledger", "Totals"),
        ("Matching", "Match a gateway’s statement"),
        ("Hosts", "Host (the token’s sub)"),
        ("Listings", "Listing"),
        ("Accounts", "Account (the token’s sub)"),
    ):
        page.get_by_role("link", name=menu, exact=True).click()
        expect(page.get_by_text(empty).first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_host_sees_who_comes_and_closes_a_night(visitor: Visitor, client: ScenarioClient) -> None:
    host = client.sign_in("host-console", "host")
    listing = client.publish(host)
    page = visitor.open(f"{client.api}/host")
    page.get_by_text("With an access token").click()
    page.get_by_label("Access token").fill(host.token)
    page.get_by_role("button", name="Sign in").last.click()
    expect(page.get_by_role("heading", name="Arrivals")).to_be_visible()
    visitor.look("host-today", title="Guzo: hosts")
    page.get_by_role("button", name="አማርኛ").click()
    expect(page.get_by_role("link", name="ዛሬ")).to_be_visible()
    page.get_by_role("button", name="English").click()

    page.goto(f"{client.api}/host#/calendar/{listing['listing_id']}")
    page.get_by_role("button", name="Close nights").click()
    page.get_by_role("dialog").get_by_role("button", name="Close nights").click()
    expect(page.get_by_role("cell", name="closed").first).to_be_visible()
    visitor.look("host-calendar", title="Guzo: hosts")
