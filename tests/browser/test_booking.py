"""A guest's way, in a browser: find, book, pay, come back; and the ways that go wrong first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from local.scenarios.client import Json, Person, ScenarioClient
from tests.browser.conftest import Visitor, need_chromium

need_chromium()

TEST_NUMBER = "0900123456"

SHOWN_WHOLE = """() => {
  const letter = document.querySelector("iframe").contentDocument.documentElement;
  return letter.clientHeight > 400 && letter.scrollHeight === letter.clientHeight;
}"""


@pytest.fixture
def guest(client: ScenarioClient) -> Person:
    return client.sign_in("hanna")


def booked(client: ScenarioClient, guest: Person, **changed: object) -> Json:
    """A booking of a fresh listing's only unit, made by somebody's frontend."""
    return client.book(guest, client.publish(client.sign_in("selam", "host"), units=1), **changed)


def pay(page: Page) -> None:
    page.get_by_role("button", name=TEST_NUMBER).first.click()


def test_search_book_pay_and_come_back(visitor: Visitor, client: ScenarioClient) -> None:
    email = f"hanna.{client.suffix}@gmail.com"
    page = visitor.open(f"{client.local}/shop")
    page.get_by_role("button", name="Lalibela").click()
    place = page.get_by_role("link", name="Rock view lodge")
    expect(place).to_be_visible()
    place.click()

    check_in = client.today() + timedelta(days=20)
    expect(page.get_by_label("Check-in", exact=True)).to_have_value((client.today() + timedelta(days=7)).isoformat())
    page.get_by_label("Check-out", exact=True).fill((check_in + timedelta(days=2)).isoformat())
    page.get_by_label("Check-in", exact=True).fill(check_in.isoformat())
    page.get_by_label("E-mail").fill(email)
    expect(page.locator("#quote")).to_have_text("2 nights: ETB 4,900.00")
    page.get_by_role("button", name="Book and pay").click()

    page.wait_for_url("**/chapa/checkout/*")
    expect(page.get_by_text("ETB 4,900.00")).to_be_visible()
    pay(page)

    # The page of Guzo's sends her on by itself, to where the storefront wanted her.
    page.wait_for_url("**/shop/bookings*")
    assert any("/pay/" in url for url in visitor.been)
    expect(page.get_by_role("alert")).to_have_text("Your stay is booked. The receipt is in your mailbox.")
    expect(page.locator(".card", has_text=check_in.isoformat()).locator(".status")).to_have_text("confirmed")

    client.wait_until_idle()
    visitor.open(f"{client.local}/mailbox")
    page.get_by_role("link", name=email).click()
    expect(page.get_by_role("heading", name="Your stay is booked: Rock view lodge")).to_be_visible()
    expect(page.get_by_role("link", name=".ics")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("ETB 4,900.00").first).to_be_visible()
    page.wait_for_function(SHOWN_WHOLE)


def test_wrong_fields_are_marked_with_what_is_wrong_beside_them(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop")
    page.get_by_role("link", name="Bole guest house").click()
    expect(page.locator("#quote")).to_contain_text("nights: ETB")
    phone, first_name = page.get_by_label("Phone"), page.get_by_label("First name")
    phone.fill("123")
    first_name.fill(" ")
    page.get_by_role("button", name="Book and pay").click()
    expect(phone).to_have_attribute("aria-invalid", "true")
    expect(first_name).to_have_attribute("aria-invalid", "true")
    expect(first_name).to_be_focused()
    beside = page.locator(".field", has=phone).locator(".error")
    expect(beside).to_contain_text("Must be")
    assert beside.get_attribute("id") == phone.get_attribute("aria-describedby")
    expect(page.locator(".field", has=first_name).locator(".error")).to_have_text("Must not be empty.")
    expect(page.get_by_role("alert")).not_to_contain_text("phone")
    visitor.look("shop-listing-wrong", title="Bole guest house · Guzo")
    assert "400 (Bad Request)" in visitor.wrong.pop()

    phone.fill("0911223344")
    expect(page.locator(".error")).to_have_count(1)
    first_name.fill("Hanna")
    page.get_by_role("button", name="Book and pay").click()
    page.wait_for_url("**/chapa/checkout/*")


def test_a_guest_with_one_name_books(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop")
    page.get_by_role("link", name="Bole guest house").click()
    expect(page.locator("#quote")).to_contain_text("nights: ETB")
    page.get_by_label("Last name").fill("")
    page.get_by_role("button", name="Book and pay").click()
    page.wait_for_url("**/chapa/checkout/*")


def test_the_search_is_in_the_address(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop")
    expect(page.get_by_role("link", name="Bole guest house")).to_be_visible()
    days = [(client.today() + timedelta(days=n)).isoformat() for n in (7, 10)]
    assert page.url.endswith(f"/shop?city=Addis+Ababa&check_in={days[0]}&check_out={days[1]}&guests=2")
    page.get_by_label("Guests").fill("1")
    page.get_by_role("button", name="Lalibela").click()
    expect(page.get_by_role("link", name="Rock view lodge")).to_be_visible()
    assert "city=Lalibela" in page.url
    assert "guests=1" in page.url

    page.reload()
    expect(page.get_by_role("link", name="Rock view lodge")).to_be_visible()
    expect(page.get_by_label("City")).to_have_value("Lalibela")
    expect(page.get_by_label("Guests")).to_have_value("1")

    page.get_by_role("link", name="Rock view lodge").click()
    expect(page.locator("#quote")).to_contain_text("nights: ETB")
    page.go_back()
    expect(page.get_by_role("link", name="Rock view lodge")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Bole guest house")).to_be_visible()
    expect(page.get_by_label("City")).to_have_value("Addis Ababa")
    expect(page.get_by_role("link", name="Rock view lodge")).to_have_count(0)

    visitor.open(f"{client.local}/shop?city=Gondar")
    expect(page.get_by_role("link", name="Royal enclosure inn")).to_be_visible()
    expect(page.locator("#results .price")).to_contain_text("a night")
    expect(page.get_by_label("Check-in", exact=True)).to_have_value("")


def test_photos_are_shown_and_a_letter_in_their_place(visitor: Visitor, client: ScenarioClient) -> None:
    good, bad = "https://photos.example.et/lake.svg", "https://photos.example.et/gone.svg"
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
    page = visitor.page
    page.route(good, lambda route: route.fulfill(body=drawing, content_type="image/svg+xml"))
    page.route(bad, lambda route: route.fulfill(status=404))
    listing = client.publish(client.sign_in("selam", "host"), photos=[good, bad])
    visitor.open(f"{client.local}/shop/listings/{listing['listing_id']}")
    expect(page.locator(f'#photos img[src="{good}"]')).to_be_visible()
    expect(page.locator("#photos .photo")).to_have_count(2)
    expect(page.locator("#photos img")).to_have_count(1)
    assert "404" in visitor.wrong.pop()

    visitor.open(f"{client.local}/shop")
    place = page.locator("#results .photo").first
    expect(place).to_be_visible()
    assert place.get_attribute("data-letter") == "P", "Piazza courtyard has no photo"


def test_a_place_that_there_is_not_cannot_be_booked(visitor: Visitor, client: ScenarioClient) -> None:
    page = visitor.open(f"{client.local}/shop/listings/lst_nope")
    expect(page.get_by_role("alert")).to_have_text("There is no such listing.")
    expect(page.get_by_role("button", name="Book and pay")).to_be_hidden()
    assert "404 (Not Found)" in visitor.wrong.pop()


def test_cancelled_in_the_storefront(visitor: Visitor, client: ScenarioClient, guest: Person) -> None:
    booking = booked(client, guest)
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    page = visitor.open(f"{client.local}/shop/bookings")
    page.get_by_label("Signed in as").fill(f"hanna-{client.suffix}")
    page.get_by_role("button", name="Sign in").click()
    card = page.locator(".card", has_text=booking["booking_id"])
    page.once("dialog", lambda asked: asked.accept())
    card.get_by_role("button", name="Cancel the booking").click()
    expect(card.locator(".status")).to_have_text("cancelled")
    expect(card).to_contain_text("completed, ETB 7,350.00 is ")


def test_failed_at_the_checkout_then_paid_by_keyboard(visitor: Visitor, client: ScenarioClient, guest: Person) -> None:
    booking = booked(client, guest)
    page = visitor.open(booking["payment"]["checkout_url"])
    page.get_by_role("button", name="Try this number").click()
    expect(page.get_by_role("alert")).to_contain_text("That payment failed.")
    client.wait_until_idle()
    visitor.stand_still()
    visitor.open(f"{client.api}/pay/{booking['payment']['tx_ref']}")
    expect(page.get_by_role("heading", name="The payment did not go through")).to_be_visible()
    visitor.look("pay-failed", title="The payment did not go through · Guzo")

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/chapa/checkout/*")
    pay(page)
    page.wait_for_url("**/pay/*")
    # Failed a moment ago, it is not asked for again at once: the webhook brings the news.
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    page.reload()
    expect(page.get_by_role("heading", name="Your stay is booked")).to_be_visible()


def test_a_waiting_guest_is_not_moved_until_there_is_news(
    visitor: Visitor, client: ScenarioClient, guest: Person
) -> None:
    booking = booked(client, guest)
    page = visitor.open(f"{client.api}/pay/{booking['payment']['tx_ref']}")
    link = page.get_by_role("link", name="Look again now")
    link.focus()
    for _ in range(2):
        page.wait_for_event("requestfinished", lambda request: "/pay/" in request.url)
    expect(link).to_be_focused()
    assert len(visitor.been) == 1, "the page was loaded once"

    client.pay_on_page(booking["payment"]["checkout_url"])
    expect(page.get_by_role("heading", name="Your stay is booked")).to_be_visible()


def test_a_hold_that_ended(visitor: Visitor, client: ScenarioClient, guest: Person) -> None:
    booking = booked(client, guest)
    client.advance(minutes=31)
    visitor.open(f"{client.api}/pay/{booking['payment']['tx_ref']}")
    expect(visitor.page.get_by_role("heading", name="The time to pay is over")).to_be_visible()
    expect(visitor.page.get_by_role("button")).to_have_count(0)
    visitor.look("pay-expired", title="The time to pay is over · Guzo")
    visitor.open(booking["payment"]["checkout_url"])
    visitor.look("checkout-expired", title="Pay ETB 7,350.00")


def test_in_amharic(visitor: Visitor, client: ScenarioClient, guest: Person) -> None:
    booking = booked(client, guest, language="am")
    back = f"{client.api}/pay/{booking['payment']['tx_ref']}"
    visitor.stand_still()
    visitor.open(back)
    visitor.look("pay-waiting-am", title="ክፍያዎን እየጠበቅን ነው · Guzo", language="am")
    visitor.page.get_by_role("button", name="ወደ ክፍያው ይሂዱ").click()
    visitor.page.wait_for_url("**/chapa/checkout/*")
    pay(visitor.page)
    visitor.page.wait_for_url(f"{back}*")
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", name="ቦታዎ ተይዟል")).to_be_visible()
    visitor.look("pay-paid-am", title="ቦታዎ ተይዟል · Guzo", language="am")


def test_without_scripts(visitors: Callable[..., Visitor], client: ScenarioClient, guest: Person) -> None:
    booking = booked(client, guest)
    page = visitors(scripts=False).open(booking["payment"]["checkout_url"])
    page.get_by_role("button", name="Try this number").click()
    expect(page.get_by_role("alert")).to_contain_text("tries left")
    pay(page)
    page.wait_for_url("**/pay/*")
    # Failed a moment ago, it is not asked for again at once: the webhook brings the news.
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    page.reload()
    expect(page.get_by_role("heading", name="Your stay is booked")).to_be_visible()
