"""Every page there is: its title and language, no sideways scroll on a phone, nothing wrong on the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from local.scenarios.client import ScenarioClient
from tests.browser.conftest import Visitor, need_chromium

need_chromium()


def test_the_storefront(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop")
    expect(page.get_by_role("link", name="Bole guest house")).to_be_visible()
    visitor.look("shop", title="Find a stay · Guzo")
    page.get_by_role("link", name="Bole guest house").click()
    expect(page.locator("#quote")).to_contain_text("nights: ETB")
    expect(page.get_by_text("Addis Ababa · Bole Road")).to_be_visible()
    visitor.look("shop-listing", title="Bole guest house · Guzo")


def test_a_day_that_is_none_is_told(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop")
    field = page.get_by_label("Check-in", exact=True)
    expect(field).to_have_value((client.today() + timedelta(days=7)).isoformat())
    for wrong, message in (("2031-02-30", "Write the day"), ("11/12/2031", "Write the day"), ("2020-01-01", "Choose")):
        field.fill(wrong)
        assert message in str(field.evaluate("field => field.validationMessage")), wrong
    field.fill("2031-02-28")
    assert field.evaluate("field => field.validationMessage") == ""


def test_my_bookings_the_mailbox_and_both_ends_of_a_payment(visitor: Visitor, client: ScenarioClient) -> None:
    guest = client.sign_in("hanna")
    booking = client.book(guest, client.publish(client.sign_in("selam", "host")))
    checkout = booking["payment"]["checkout_url"]
    back = f"{client.api}/pay/{booking['payment']['tx_ref']}"
    visitor.stand_still()
    visitor.open(back)
    visitor.look("pay-waiting", title="Waiting for your payment · Guzo")
    visitor.open(checkout)
    visitor.look("checkout", title="Pay ETB 7,350.00")
    client.pay_on_page(checkout)
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    visitor.open(back)
    visitor.look("pay-paid", title="Your stay is booked · Guzo")
    visitor.open(checkout)
    visitor.look("checkout-paid", title="Pay ETB 7,350.00")

    page = visitor.open(f"{client.local}/shop/bookings")
    page.get_by_label("Signed in as").fill(f"hanna-{client.suffix}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".card", has_text=booking["booking_id"]).locator(".status")).to_have_text("confirmed")
    visitor.look("shop-bookings", title="My bookings · Guzo")

    visitor.open(f"{client.local}/mailbox")
    visitor.look("mailbox", title="Mailbox · Guzo")
    page.get_by_role("link", name=guest.email).click()
    visitor.look("mailbox-letter", title="Your stay is booked: Lake house · Mailbox")


def test_the_first_page(visitor: Visitor, client: ScenarioClient) -> None:
    visitor.open(f"{client.local}/")
    visitor.look("home", title="Guzo on this machine")


@pytest.mark.parametrize(("name", "brand"), [("chapa", "Chapa"), ("paystack", "Paystack")])
def test_a_gateway_is_made_to_misbehave(
    visitors: Callable[..., Visitor], client: ScenarioClient, name: str, brand: str
) -> None:
    visitor = visitors(scripts=False)
    page = visitor.open(f"{client.local}/{name}/_control")
    page.get_by_label("verify", exact=False).first.select_option("timeout")
    page.get_by_role("button", name="Set", exact=True).click()
    assert client.call_local("GET", f"/{name}/_control")["switches"]["verify"] == "timeout"
    visitor.look(f"control-{name}", title=f"{brand} sandbox")
    page.get_by_role("button", name="Reset all").click()
    expect(page.locator(".changed")).to_have_count(0)
    assert client.call_local("GET", f"/{name}/_control")["switches"]["verify"] == "normal"


def test_the_documents_of_the_api(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.api}/docs")
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    expect(page.get_by_text("/v1/bookings", exact=True).first).to_be_visible()
    visitor.look("docs", title="Guzo API")


def test_what_is_not_there(visitor: Visitor, client: ScenarioClient) -> None:
    visitor.open(f"{client.api}/pay/GZ00000000000000-1", status=404)
    visitor.look("pay-not-found", title="We do not know this payment · Guzo")
    visitor.open(f"{client.local}/chapa/checkout/gone", status=404)
    visitor.look("checkout-missing", title="No such checkout")
    visitor.open(f"{client.local}/nowhere", status=404)
    visitor.look("nothing-here", title="Nothing here · Guzo")


def test_nobody_has_bookings_at_first(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop/bookings")
    page.get_by_label("Signed in as").fill(f"nobody-{client.suffix}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No bookings yet.")).to_be_visible()
    visitor.look("shop-bookings-none", title="My bookings · Guzo")
