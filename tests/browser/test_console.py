"""The consoles before a local stack: each act is pressed, and what it did is read back from the API."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from chalicelib.adapters.aws.dead_letters import dead_letters_of
from local.scenarios.client import Json, Person, ScenarioClient
from tests.browser.conftest import PHONE, Visitor, need_chromium
from tests.e2e.conftest import Process, folder

need_chromium()

ADDIS_ABABA = ZoneInfo("Africa/Addis_Ababa")
OPS, HOST = "Guzo for operators", "Guzo for hosts"


@pytest.fixture(scope="module")
def desk(chromium: Browser, stack: Process) -> Iterator[Visitor]:
    """One operator, who signs in once and goes from page to page."""
    context = chromium.new_context(viewport={"width": PHONE, "height": 740}, locale="en-GB")
    visitor = Visitor(context.new_page())
    sign_in(visitor.open(f"{stack.api}/ops"))
    yield visitor
    context.close()
    assert visitor.wrong == []


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").first.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def with_token(page: Page, person: Person) -> None:
    page.get_by_text("With an access token").click()
    page.get_by_label("Access token").fill(person.token)
    page.get_by_role("button", name="Sign in").last.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def booked(client: ScenarioClient, *, pays: bool = True) -> Json:
    host, guest = client.sign_in("host-1", "host"), client.sign_in("hanna")
    booking = client.book(guest, client.publish(host))
    if not pays:
        return booking
    client.pay_at_gateway(booking["payment"]["tx_ref"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    return booking


def go(desk: Visitor, address: str) -> Page:
    """To a page, without a reload, which would sign out; and it is whole."""
    page = desk.page
    page.evaluate("address => { location.hash = `#/${address}`; }", address)
    expect(page.locator("main[aria-busy], main [aria-busy]")).to_have_count(0)
    return page


def open_booking(desk: Visitor, booking: Json) -> Page:
    page = go(desk, f"booking/{booking['booking_id']}")
    expect(page.get_by_role("heading", name=booking["booking_id"])).to_be_visible()
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    return page


def press(page: Page, name: str) -> Locator:
    """Press an act; answers its dialog."""
    page.locator("main").get_by_role("button", name=name, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=name)).to_be_visible()
    return dialog


def refused(desk: Visitor) -> None:
    """The browser writes to its console that a call was refused: that is what was meant to be."""
    assert desk.wrong
    desk.wrong.clear()


def stored(client: ScenarioClient, booking: Json) -> Json:
    operator = client.sign_in("operator-1", "operator")
    found: Json = client.call("GET", f"/v1/bookings/{booking['booking_id']}", expect=200, by=operator)
    return found


def next_morning(visitor: Visitor, client: ScenarioClient) -> None:
    """Move the clocks to six o'clock where the listings are, the browser's too."""
    six = datetime.combine(client.today() + timedelta(days=1), time(6), ADDIS_ABABA)
    client.advance(seconds=(six - client.now()).total_seconds())
    visitor.page.clock.set_system_time(six)


def test_the_day_and_the_search(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    page = go(desk, "today")
    for chart in ("Bookings by day", "Net by day, ETB", "From hold to confirmation", "Refunds by age"):
        expect(page.get_by_text(chart, exact=True).first).to_be_visible()
    desk.look("ops-today", title=f"Today · {OPS}")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog").get_by_text("the next line")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button").click()
    page.keyboard.press("/")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.locator("main input")).to_be_focused()
    page.keyboard.type(booking["contact"]["email"].upper())
    page.keyboard.press("Enter")
    expect(page.get_by_text(booking["booking_id"]).first).to_be_visible()
    assert booking["contact"]["email"] not in page.url
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []

    go(desk, "bookings")
    row = page.locator("tr[data-row]").first
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()


def test_a_refund_is_pressed_once_and_shut_while_it_is_under_way(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    page = open_booking(desk, booking)
    expect(page.get_by_text("The guest arrives on")).to_be_visible()
    desk.look("ops-booking", title=f"Booking · {OPS}", kept=True)
    dialog = press(page, "Refund")
    dialog.get_by_label("Reason").fill("The water was cold.")

    # All of a confirmed booking's money: the API asks what becomes of the booking, and nothing is lost.
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("say whether the booking is cancelled")
    refused(desk)
    expect(dialog.get_by_label("Reason")).to_have_value("The water was cold.")
    dialog.get_by_label("If all of it goes back").select_option("no")
    desk.look("ops-refund", title=f"Booking · {OPS}")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("If you press on:")).to_be_visible()
    assert stored(client, booking)["payment"]["refunds"] == []
    dialog.get_by_role("button", name="Refund now").dblclick()
    expect(dialog).to_be_hidden()
    # Shut until the gateway has it; by then it may have it.
    expect(page.get_by_text("-R1").first).to_be_visible()
    client.wait_until_idle()
    [refund] = stored(client, booking)["payment"]["refunds"]
    assert refund["reason"] == "The water was cold."


def test_a_stale_page_is_told_and_nothing_typed_is_lost(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    page = open_booking(desk, booking)
    operator = client.sign_in("operator-2", "operator")
    path = f"/v1/bookings/{booking['booking_id']}"
    changed = {"contact": {"phone": "0911556677"}}
    client.call("PATCH", path, body=changed, expect=200, by=operator)

    dialog = press(page, "Correct the contact")
    dialog.get_by_label("E-mail").fill("corrected@gmail.com")
    dialog.get_by_role("button", name="Correct the contact").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody changed this meanwhile")
    refused(desk)
    expect(dialog.get_by_text("What you typed is still here")).to_be_visible()
    expect(dialog.get_by_label("E-mail")).to_have_value("corrected@gmail.com")
    desk.look("ops-stale", title=f"Booking · {OPS}", kept=True)
    assert stored(client, booking)["contact"]["email"] != "corrected@gmail.com"

    dialog.get_by_label("E-mail").fill("not@an-address")
    dialog.get_by_role("button", name="Correct the contact").click()
    expect(dialog.locator(".field", has=page.get_by_label("E-mail")).get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_label("E-mail")).to_be_focused()
    refused(desk)
    dialog.get_by_label("E-mail").fill("corrected@gmail.com")
    dialog.get_by_role("button", name="Correct the contact").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("corrected@gmail.com").first).to_be_visible()
    assert stored(client, booking)["contact"]["phone"] == "0911556677", "the colleague's correction stays"


def test_notes_letters_disputes_and_a_cancellation(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    page = open_booking(desk, booking)
    page.get_by_label("New note, for operators").fill("She comes late.")
    page.get_by_role("button", name="Add the note").dblclick()
    expect(page.get_by_role("heading", name="Notes (1)")).to_be_visible()

    dialog = press(page, "Send again")
    dialog.get_by_label("Note").fill("She asked for it.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("If you press on:")).to_be_visible()
    dialog.get_by_role("button", name="Send again now").click()
    expect(dialog).to_be_hidden()
    client.wait_until_idle()
    assert stored(client, booking)["messages"][0]["resends"] == 1

    # The letter went out since the page was read: nobody is asked about that; the browser notes the first answer.
    dialog = press(page, "Enter a dispute")
    dialog.get_by_label("Reason").fill("The card's owner does not know it.")
    dialog.get_by_label("To be answered by").fill("2031-01-20T16:00")
    dialog.get_by_label("Note").fill("The gateway wrote.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Enter a dispute now").click()
    expect(dialog).to_be_hidden()
    refused(desk)
    go(desk, "disputes")
    expect(page.get_by_text("d left").first).to_be_visible()
    desk.look("ops-disputes", title=f"Disputes · {OPS}")

    go(desk, "today")
    item = page.locator("tr[data-row]", has_text=booking["booking_id"])
    expect(item).to_contain_text("ETB 7,350.00")
    desk.look("ops-attention", title=f"Today · {OPS}", kept=True)
    item.get_by_role("button", name="It is answered").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("Sent.")
    dialog.get_by_role("button", name="It is answered").click()
    expect(dialog).to_be_hidden()
    expect(item).to_have_count(0)
    go(desk, "disputes")
    dialog = press(page, "Close the dispute")
    dialog.get_by_label("Note").fill("We won.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Close the dispute now").click()
    expect(page.get_by_text("Nobody disputes a payment.")).to_be_visible()

    open_booking(desk, booking)
    dialog = press(page, "Cancel the booking")
    dialog.get_by_label("Reason").fill("The roof leaks.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Cancel the booking now").click()
    expect(dialog).to_be_hidden()
    assert stored(client, booking)["status"] == "cancelled"


def test_money_that_does_not_match_is_decided(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client, pays=False)
    page = open_booking(desk, booking)
    press(page, "Ask the gateway").get_by_role("button", name="Ask the gateway").click()
    expect(page.get_by_text("Held and not paid.")).to_be_visible()
    with client.switches(verify="wrong_amount"):
        client.pay_at_gateway(booking["payment"]["tx_ref"])
    go(desk, "today")
    item = page.locator("tr[data-row]", has_text=booking["booking_id"])
    item.get_by_role("button", name="Decide").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("As", exact=True).select_option("refund")
    dialog.get_by_label("Note").fill("Too little.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Decide now").click()
    expect(dialog).to_be_hidden()
    expect(item).to_have_count(0)
    assert len(stored(client, booking)["payments"][0]["refunds"]) == 1


def test_a_statement_is_matched_a_host_paid_and_a_listing_closed(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    page = go(desk, "matching")
    page.get_by_role("button", name="Match", exact=True).click()
    expect(page.get_by_role("heading", name="Lines of the statement")).to_be_visible()
    expect(page.get_by_text("matched", exact=True).first).to_be_visible()
    desk.look("ops-matching", title=f"Matching · {OPS}")
    go(desk, "ledger")
    expect(page.get_by_role("heading", name="Totals")).to_be_visible()
    desk.look("ops-ledger", title=f"Ledger · {OPS}")

    go(desk, f"listings/{booking['listing_id']}")
    dialog = press(page, "Close the listing")
    dialog.get_by_label("Bookings to come").select_option("yes")
    dialog.get_by_label("Reason").fill("The host leaves.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("ETB 7,350.00").first).to_be_visible()
    assert client.call("GET", f"/v1/listings/{booking['listing_id']}", expect=200)["status"] == "open"
    dialog.get_by_role("button", name="Close the listing now").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()
    desk.look("ops-listing", title=f"Listings · {OPS}")
    assert client.call("GET", f"/v1/listings/{booking['listing_id']}", expect=200)["status"] == "closed"
    dialog = press(page, "Open it again")
    dialog.get_by_label("Note").fill("She stays.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Open it again now").click()
    expect(page.locator("h2 .status", has_text="open")).to_be_visible()
    operator = client.sign_in("operator-1", "operator")
    closing = client.call("GET", f"/v1/ops/listings/{booking['listing_id']}/close", expect=200, by=operator)
    assert closing["reopened_note"] == "She stays."

    page.get_by_role("link", name=f"host-1-{client.suffix}").click()
    dialog = press(page, "Mark as paid")
    dialog.get_by_label("Amount").fill("1,200.50")
    dialog.get_by_label("The bank’s reference").fill("FT27001ABC")
    dialog.get_by_label("Note").fill("January.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("ETB 1,200.50")).to_be_visible()
    dialog.get_by_role("button", name="Mark as paid now").click()
    expect(page.get_by_text("FT27001ABC")).to_be_visible()
    desk.look("ops-host", title=f"Hosts · {OPS}")
    dialog = press(page, "It was not paid")
    dialog.get_by_label("Note").fill("A mistake.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="It was not paid now").click()
    expect(page.get_by_text("payout taken back")).to_be_visible()


def test_an_account_is_blocked_raised_and_unblocked(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    sub = f"hanna-{client.suffix}"
    page = go(desk, f"accounts/{sub}")
    expect(page.get_by_text("may book", exact=True)).to_be_visible()
    for label, then in (("Block", "blocked"), ("Unblock", "may book"), ("Set its limits", "may book")):
        dialog = press(page, label)
        if label == "Set its limits":
            dialog.get_by_label("Unpaid bookings at once").fill("9")
        dialog.get_by_label("Note").fill("As agreed.")
        dialog.get_by_role("button", name="See what would be").click()
        dialog.get_by_role("button", name=f"{label} now").click()
        expect(page.locator("main .facts").first.get_by_text(then, exact=True)).to_be_visible()
    desk.look("ops-account", title=f"Accounts · {OPS}")
    operator = client.sign_in("operator-1", "operator")
    account = client.call("GET", f"/v1/ops/accounts/{sub}", expect=200, by=operator)
    assert [act["act"] for act in account["acts"]][-3:] == ["block", "unblock", "limits"]
    assert booking["booking_id"] in str(account["bookings"])


def test_a_person_is_exported_and_not_erased_before_the_stay(desk: Visitor, client: ScenarioClient) -> None:
    booking = booked(client)
    email = booking["contact"]["email"]
    page = go(desk, "people")
    page.get_by_label("E-mail address or telephone number").fill(email)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Download all of it")).to_be_visible()
    desk.look("ops-people", title=f"People · {OPS}")
    assert email not in page.url
    dialog = press(page, "Erase")
    dialog.get_by_label("Note").fill("Asked for in writing.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("still needed")
    expect(dialog.get_by_text(f"stay: {booking['booking_id']}")).to_be_visible()
    refused(desk)


def test_every_page_in_both_languages_and_what_says_that_there_is_nothing(
    desk: Visitor, client: ScenarioClient
) -> None:
    page = go(desk, "arrivals/2026-01-01")
    expect(page.get_by_text("Nobody arrives, stays or departs.")).to_be_visible()
    go(desk, "ledger/2024-01-01/2024-01-31")
    expect(page.get_by_text("No money moved.").first).to_be_visible()
    booking = booked(client)
    page.get_by_role("button", name="አማርኛ").click()
    for address, title in (
        ("today", "ዛሬ"),
        ("search", "ፍለጋ"),
        ("bookings", "ማስያዣዎች"),
        ("arrivals", "የሚደርሱ"),
        ("hosts", "አከራዮች"),
        ("accounts", "መለያዎች"),
        ("people", "ሰዎች"),
        (f"booking/{booking['booking_id']}", "ቦታ ማስያዝ"),
    ):
        go(desk, address)
        name = f"ops-{address.partition('/')[0]}-am"
        desk.look(name, title=f"{title} · ጉዞ ለባልደረቦች", language="am")
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    desk.look("ops-sign-in", title=f"Sign in · {OPS}")
    sign_in(page)


def test_a_host_sees_who_comes_and_changes_nights(visitors: Callable[..., Visitor], client: ScenarioClient) -> None:
    visitor = visitors()
    next_morning(visitor, client)  # a stay that begins today can be cancelled until its guest may come
    host, guest = client.sign_in("host-console", "host"), client.sign_in("dawit")
    listing = client.publish(host)
    today = client.today()
    leaves = today + timedelta(days=3)
    booking = client.book(guest, listing, check_in=f"{today}", check_out=f"{leaves}")
    client.pay_at_gateway(booking["payment"]["tx_ref"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    page = visitor.open(f"{client.api}/host")
    with_token(page, host)
    expect(page.get_by_role("heading", name="Arrive today (1)")).to_be_visible()
    expect(page.get_by_role("link", name="Call")).to_have_attribute("href", f"tel:{booking['contact']['phone']}")
    visitor.look("host-today", title=f"Today · {HOST}", kept=True)
    page.get_by_role("button", name="አማርኛ").click()
    expect(page.get_by_role("heading", name="ዛሬ የሚደርሱ (1)")).to_be_visible()
    visitor.look("host-today-am", title="ዛሬ · ጉዞ ለአከራዮች", language="am", kept=True)
    page.get_by_role("button", name="English").click()

    go(visitor, f"calendar/{listing['listing_id']}")
    page.get_by_role("link", name="Next month").click()
    later = (today.replace(day=1) + timedelta(days=32)).strftime("%B %Y")
    expect(page.locator("caption")).to_have_text(later)
    night = page.locator("button.night").last
    night.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("These nights").select_option("yes")
    dialog.get_by_role("button", name="Change nights").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("button.night.closed")).to_have_count(1)
    visitor.look("host-calendar", title=f"Calendar · {HOST}", kept=True)

    for address, title in (("listings", "Listings"), ("statement", "Statement"), ("profile", "Profile")):
        go(visitor, address)
        visitor.look(f"host-{address}", title=f"{title} · {HOST}")
    dialog = press(page, "Change")
    dialog.get_by_label("Telephone").fill("0911223344")
    dialog.get_by_role("button", name="Change").click()
    expect(page.get_by_text("0911223344").first).to_be_visible()

    go(visitor, "bookings")
    visitor.look("host-bookings", title=f"Bookings · {HOST}")
    dialog = press(page, "Cancel the booking")
    dialog.get_by_label("Reason").fill("The roof leaks.")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Cancel the booking now").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("cancelled", exact=True)).to_be_visible()


def standing_still(desk: Visitor, client: ScenarioClient) -> Json:
    """A booking of which a refund stands still: the sandbox in test mode refuses refunds, and to post it takes two."""
    booking = booked(client)
    dialog = press(open_booking(desk, booking), "Refund")
    dialog.get_by_label("Reason").fill("The water was cold.")
    dialog.get_by_label("Amount in ETB").fill("100")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Refund now").click()
    expect(dialog).to_be_hidden()
    client.wait_until_idle()
    client.wait_until(
        "it stands still", lambda: stored(client, booking)["payment"]["refunds"][0]["status"] == "attention"
    )
    return booking


def test_a_second_person_decides_what_one_may_not(
    desk: Visitor, visitors: Callable[..., Visitor], client: ScenarioClient
) -> None:
    booking = standing_still(desk, client)
    page = go(desk, "today")
    page.locator("tr[data-row]", has_text=booking["booking_id"]).get_by_role("button", name="Decide").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("As", exact=True).select_option("paid_otherwise")
    dialog.get_by_label("Note").fill("In cash, at the door.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("It needs a second person")).to_be_visible()
    dialog.get_by_role("button", name="Decide now").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("A second person must approve this.")
    refused(desk)
    dialog.get_by_role("link", name="Show the proposal").click()
    expect(page.get_by_text("In cash, at the door.").first).to_be_visible()
    desk.look("ops-proposal", title=f"Proposals · {OPS}")
    # Whoever proposed it is told the same again.
    dialog = press(page, "Approve")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("It needs a second person")).to_be_visible()
    refused(desk)
    dialog.get_by_role("button", name="Not now").click()

    other = visitors()
    second = other.open(f"{client.api}/ops")
    with_token(second, client.sign_in("sara", "operator"))
    go(other, "proposals")
    other.look("ops-proposals", title=f"Proposals · {OPS}")
    second.locator("tr[data-row]", has_text=booking["booking_id"]).get_by_role("link").first.click()
    dialog = press(second, "Approve")
    dialog.get_by_role("button", name="See what would be").click()
    dialog.get_by_role("button", name="Approve now").click()
    expect(second.locator("h2 .status", has_text="approved")).to_be_visible()
    [made] = stored(client, booking)["payment"]["refunds"]
    assert made["status"] == "refunded"


def test_a_second_person_rejects_what_one_proposed(
    desk: Visitor, visitors: Callable[..., Visitor], client: ScenarioClient
) -> None:
    booking = standing_still(desk, client)
    refund_id = stored(client, booking)["payment"]["refunds"][0]["refund_id"]
    operator = client.sign_in("operator-1", "operator")
    body = {"as": "paid_otherwise", "note": "In cash, at the door."}
    client.call("POST", f"/v1/ops/refunds/{refund_id}/resolve", body=body, expect=409, by=operator)
    other = visitors()
    page = other.open(f"{client.api}/ops")
    with_token(page, client.sign_in("sara", "operator"))
    go(other, f"proposals/{booking['booking_id']}-P1")
    dialog = press(page, "Reject")
    dialog.get_by_label("Note").fill("Nobody was at the door.")
    dialog.get_by_role("button", name="Reject").click()
    expect(page.locator("h2 .status", has_text="rejected")).to_be_visible()
    expect(page.get_by_text("Nobody was at the door.").first).to_be_visible()
    [kept] = stored(client, booking)["payment"]["refunds"]
    assert kept["status"] == "attention"


def test_money_that_was_taken_back_and_money_of_nobody_are_dealt_with(
    desk: Visitor, client: ScenarioClient, stack: Process
) -> None:
    booking, lost = booked(client), booked(client, pays=False)
    operator = client.sign_in("operator-1", "operator")
    tx_ref, of_nobody = booking["payment"]["tx_ref"], lost["payment"]["tx_ref"]
    with client.switches(verify="reversed"):
        client.advance(seconds=5)
        client.call("POST", f"/v1/payments/{tx_ref}/verify", body={}, expect=200, by=operator)
    dynamodb, told = aws(stack, "dynamodb")
    dynamodb.delete_item(TableName=told["BOOKINGS_TABLE"], Key={"booking_id": {"S": lost["booking_id"]}})
    client.pay_at_gateway(of_nobody)
    page = go(desk, "today")
    page.get_by_role("button", name="አማርኛ").click()
    expect(page.locator("tr[data-row]", has_text=of_nobody)).to_contain_text("የእኛ ላልሆነ መለያ ቁጥር የመጣ ገንዘብ")
    page.get_by_role("button", name="English").click()
    for names in (booking["booking_id"], of_nobody):
        item = page.locator("tr[data-row]", has_text=names)
        item.get_by_role("button", name="It is dealt with").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Note").fill("Asked at the gateway.")
        dialog.get_by_role("button", name="It is dealt with").click()
        expect(dialog).to_be_hidden()
        expect(item).to_have_count(0)
    waiting = client.call("GET", "/v1/ops/attention?limit=100", expect=200, by=operator)["items"]
    assert {tx_ref, of_nobody}.isdisjoint(each["subject"] for each in waiting)


def test_the_stay_of_a_guest_who_did_not_come_is_ended(desk: Visitor, client: ScenarioClient) -> None:
    next_morning(desk, client)
    today = client.today()
    host, guest = client.sign_in("host-1", "host"), client.sign_in("dawit")
    leaves = f"{today + timedelta(days=3)}"
    booking = client.book(guest, client.publish(host), check_in=f"{today}", check_out=leaves)
    client.pay_at_gateway(booking["payment"]["tx_ref"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.advance(hours=10)  # check-in was at two in the afternoon
    page = open_booking(desk, booking)
    dialog = press(page, "End the stay")
    dialog.get_by_label("As", exact=True).select_option("no_show")
    dialog.get_by_label("Note").fill("Not reached by phone.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("If you press on:")).to_be_visible()
    dialog.get_by_role("button", name="End the stay now").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="End the stay", exact=True)).to_have_count(0)
    ended = stored(client, booking)
    assert (ended["status"], ended["stay_ended"]["as"]) == ("confirmed", "no_show")


def test_a_person_of_whom_nothing_is_under_way_is_erased(desk: Visitor, client: ScenarioClient) -> None:
    host, guest = client.sign_in("host-1", "host"), client.sign_in("almaz")
    booking = client.book(guest, client.publish(host))
    client.advance(days=4)  # nobody paid, and no late money is watched for any more
    page = go(desk, "people")
    page.get_by_label("E-mail address or telephone number").fill(guest.email)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Download all of it")).to_be_visible()
    dialog = press(page, "Erase")
    dialog.get_by_label("Note").fill("Asked for in writing.")
    dialog.get_by_role("button", name="See what would be").click()
    expect(dialog.get_by_text("If you press on:")).to_be_visible()
    assert stored(client, booking)["contact"]["email"] == guest.email
    dialog.get_by_role("button", name="Erase now").click()
    expect(dialog).to_be_hidden()
    assert guest.email not in json.dumps(stored(client, booking))


def aws(stack: Process, service: str) -> tuple[Any, dict[str, str]]:
    """A client of the stack's own AWS, and what its app reads from its environment."""
    written = (folder(stack) / "env").read_text(encoding="utf-8").splitlines()
    told = {name: "".join(shlex.split(value)) for name, _, value in (line[7:].partition("=") for line in written)}
    made = boto3.client(
        service,
        endpoint_url=told["AWS_ENDPOINT_URL"],
        region_name=told["AWS_DEFAULT_REGION"],
        aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
    )
    return made, told


def test_dead_letters_are_sent_back_and_dropped(desk: Visitor, client: ScenarioClient, stack: Process) -> None:
    booking = booked(client)
    sqs, told = aws(stack, "sqs")
    dead = dead_letters_of(sqs, told["RECONCILE_QUEUE_URL"])
    for body in (json.dumps({"booking_id": booking["booking_id"]}), "hello"):
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    page = go(desk, "today")
    expect(page.get_by_role("link", name="Look at them")).to_have_attribute("href", "#/dead_letters")
    page.get_by_role("navigation").get_by_role("link", name="Dead letters").click()
    task, stranger = (page.locator("tr[data-row]", has_text=says) for says in (booking["booking_id"], "hello"))
    expect(task.get_by_role("link", name=booking["booking_id"])).to_be_visible()
    desk.look("ops-dead-letters", title=f"Dead letters · {OPS}")
    for row, act in ((stranger, "Drop"), (task, "Send back")):
        row.get_by_role("button", name=act).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Note").fill("The cause is mended.")
        dialog.get_by_role("button", name="See what would be").click()
        dialog.get_by_role("button", name=f"{act} now").click()
        expect(dialog).to_be_hidden()
        expect(row).to_have_count(0)
    expect(page.get_by_text("Nothing failed too often")).to_be_visible()
