"""The place in Nairobi, paid for in shillings: another gateway's page, and its way back."""

from __future__ import annotations

from playwright.sync_api import expect

from local.scenarios.client import ScenarioClient
from tests.browser.conftest import Visitor, need_chromium

need_chromium()

TEST_CARD = "4084 0840 8408 4081"


def test_declined_then_paid_with_paystack(visitor: Visitor, client: ScenarioClient) -> None:
    email = f"wanjiru.{client.suffix}@gmail.com"
    page = visitor.open(f"{client.local}/shop")
    page.get_by_role("button", name="Nairobi").click()
    page.get_by_role("link", name="Acacia garden rooms").click()
    expect(page.locator("#quote")).to_have_text("3 nights: KES 22,500.00")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Phone").fill("+254 712 345 678")
    page.get_by_role("button", name="Book and pay").click()

    page.wait_for_url("**/paystack/checkout/*")
    visitor.look("checkout-paystack", title="Pay KES 22,500.00")
    page.get_by_role("button", name="Try this number").click()
    expect(page.get_by_role("alert")).to_contain_text("Card 4000 0000 0000 0002 was declined")
    visitor.look("checkout-paystack-declined", title="Pay KES 22,500.00")
    page.get_by_role("button", name=TEST_CARD).click()

    page.wait_for_url("**/shop/bookings*")
    assert any("/pay/" in url for url in visitor.been)
    expect(page.get_by_role("alert")).to_have_text("Your stay is booked. The receipt is in your mailbox.")
    client.wait_until_idle()
    assert "KES 22,500.00" in next(each["text"] for each in client.call_local("GET", "/emails") if each["to"] == email)
