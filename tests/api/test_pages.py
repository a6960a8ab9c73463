"""The guest's page: what it says in every state, where it leads, and that it tells nobody anything else."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.services.ports.outcomes import StoreBusy
from tests.adapters.chapa_server import LINK, Talk, failed
from tests.api.harness import OPENS, SHOP, Reply, World, answers

PERSONAL = ("Hanna", "Tesfaye", "hanna.tesfaye@gmail.com", "0911223344", "251911223344")


def page(world: World, booking: dict[str, Any], status: int = 200) -> str:
    reply = world.call("GET", f"/pay/{booking['payment']['tx_ref']}", query={"trx_ref": "x", "status": "success"})
    assert reply.status == status
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert not [word for word in PERSONAL if word in reply.text]
    assert world.guest().sub not in reply.text
    return reply.text


def title(text: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
    assert found
    return html.unescape(found[1]).strip()


def refresh(text: str) -> tuple[int, str] | None:
    found = re.search(r'http-equiv="refresh" content="(\d+)(?:;\s*url=([^"]*))?"', text)
    return (int(found[1]), html.unescape(found[2] or "")) if found else None


def press(world: World, booking: dict[str, Any]) -> Reply:
    """The guest presses the button."""
    path = f"/pay/{booking['payment']['tx_ref']}"
    return world.call("POST", path, raw="", content_type="application/x-www-form-urlencoded")


def leads_back(reply: Reply, tx_ref: str) -> None:
    assert (reply.status, reply.headers["Location"], reply.text) == (303, f"./{tx_ref}", "")


def test_waiting_it_looks_again_ever_more_slowly(world: World) -> None:
    booking = world.book()
    pauses = []
    for _ in range(12):
        text = page(world, booking)
        assert title(text) == "Waiting for your payment"
        assert "<form" in text
        found = refresh(text)
        assert found is not None
        assert found[1] == ""
        pauses.append(found[0])
        world.clock.forward(seconds=60)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (3, 60)
    assert world.gateway.looks() < 12


def test_it_tells_what_is_paid_for_until_it_is_too_late(world: World) -> None:
    booking = world.book()
    text = page(world, booking)
    assert f"<strong>{booking['listing_title']}</strong>" in text
    assert f"Total <strong>{booking['total']['formatted']}</strong>" in text
    assert "Pay by <strong>" in text
    world.clock.forward(minutes=31)
    text = page(world, booking)
    assert title(text) == "The time to pay is over"
    assert "Pay by <strong>" not in text


def test_the_return_itself_makes_us_ask(world: World) -> None:
    booking = world.book()
    world.gateway.says = "success"
    assert title(page(world, booking)) == "Your stay is booked"
    assert world.read(booking)["status"] == "confirmed"


def test_paid_it_goes_on_to_the_shop_without_a_status(world: World) -> None:
    booking = world.book(return_url=f"{SHOP}/thanks?from=a%20b&x=%22%3E%3Cscript%3E#top")
    assert "/thanks" not in page(world, booking), "not before it is paid"
    world.paid(booking)
    found = refresh(page(world, booking))
    assert found is not None
    parts = urlsplit(found[1])
    assert (f"{parts.scheme}://{parts.netloc}{parts.path}", parts.fragment) == (f"{SHOP}/thanks", "top")
    assert parse_qsl(parts.query) == [
        ("from", "a b"),
        ("x", '"><script>'),
        ("booking_id", booking["booking_id"]),
        ("tx_ref", booking["payment"]["tx_ref"]),
    ]
    assert "<script" not in page(world, booking)


def test_paid_without_a_shop_it_stays(world: World) -> None:
    text = page(world, world.paid(world.book()))
    assert (title(text), refresh(text)) == ("Your stay is booked", None)
    assert "<form" not in text


def test_the_states_in_which_nothing_can_be_paid(world: World) -> None:
    listing = world.listing(units=1)
    booking = world.book(listing, return_url=f"{SHOP}/thanks")
    world.clock.forward(hours=1)
    text = page(world, booking)
    assert title(text) == "The time to pay is over"
    assert f'href="{SHOP}/"' in text
    assert "booking_id=" not in text
    leads_back(press(world, booking), booking["payment"]["tx_ref"])

    neighbour = world.guest("other")
    other = world.paid(world.book(listing, by=neighbour), by=neighbour)
    world.paid(booking)
    assert title(page(world, booking)) == "Your money is coming back"
    leads_back(press(world, booking), booking["payment"]["tx_ref"])

    world.call("POST", f"/v1/bookings/{other['booking_id']}/cancel", {}, by=world.guest("other"))
    assert title(page(world, other)) == "Your money is coming back"
    world.gateway.says = "pending"
    given_up = world.book(listing, by=world.guest("third"))
    world.call("POST", f"/v1/bookings/{given_up['booking_id']}/cancel", {}, by=world.guest("third"))
    assert title(page(world, given_up)) == "This booking is cancelled"
    leads_back(press(world, given_up), given_up["payment"]["tx_ref"])


def test_in_review_nobody_is_asked_to_pay_again(world: World) -> None:
    booking = world.book()
    world.gateway.changed = {"amount": 1}
    world.paid(booking)
    text = page(world, booking)
    assert title(text) == "We are checking your payment"
    assert "<form" not in text
    leads_back(press(world, booking), booking["payment"]["tx_ref"])


def test_failed_the_button_opens_a_new_attempt(world: World) -> None:
    world.gateway.open = answers(400, failed({"email": ["validation.email"]}))
    booking = world.book()
    text = page(world, booking)
    assert (title(text), "Try again" in text) == ("The payment did not go through", True)
    leads_back(press(world, booking), booking["payment"]["tx_ref"])
    world.gateway.open = OPENS
    reply = press(world, booking)
    assert (reply.status, reply.headers["Location"]) == (303, LINK)
    assert world.read(booking)["payment"]["tx_ref"] == f"{booking['booking_id']}-3"
    # An old address shows how the booking is now.
    assert title(page(world, booking)) == "Waiting for your payment"


def test_a_guest_who_pays_at_the_second_try_soon_reads_so(world: World) -> None:
    booking = world.book()
    world.gateway.says = "failed"
    found = refresh(page(world, booking))
    assert found is not None
    assert found[0] <= 5
    world.gateway.says = "success"
    world.clock.forward(seconds=6)
    assert title(page(world, booking)) == "Your stay is booked"


def test_a_guest_who_pays_at_the_second_try_late_reads_so_within_a_minute(world: World) -> None:
    booking = world.book()
    world.clock.forward(minutes=20)
    world.gateway.says = "failed"
    found = refresh(page(world, booking))
    assert found is not None
    assert found[0] <= 20
    world.gateway.says = "success"
    world.clock.forward(seconds=found[0])
    assert title(page(world, booking)) == "Your stay is booked"


def test_said_to_have_failed_it_may_still_be_tried_on_the_open_link(world: World) -> None:
    booking = world.book()
    world.gateway.says = "failed"
    assert title(page(world, booking)) == "The payment did not go through"
    reply = press(world, booking)
    assert (reply.status, reply.headers["Location"]) == (303, LINK)
    assert len(world.gateway.opened) == 1


def test_waiting_the_button_leads_to_the_open_link(world: World) -> None:
    booking = world.book()
    reply = press(world, booking)
    assert (reply.status, reply.headers["Location"]) == (303, LINK)
    assert reply.headers["Cache-Control"] == "no-store"


def test_nobody_can_make_it_lead_elsewhere(world: World) -> None:
    booking = world.paid(world.book())
    tx_ref = booking["payment"]["tx_ref"]
    query = {"return_url": "https://evil.example", "next": "//evil.example", "checkout_url": "https://evil.example"}
    for method in ("GET", "POST"):
        reply = world.call(method, f"/pay/{tx_ref}", query=query, headers={"host": "evil.example", "referer": "x"})
        assert "evil.example" not in reply.text + str(reply.headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("tx_ref", ["xyz", "SALT", "GZ4T1B8WCD7K2M9Q-1", "<script>", "..", "GZ4T1B8WCD7K2M9Q-0"])
def test_a_payment_that_is_not_there(world: World, method: str, tx_ref: str) -> None:
    reply = world.call(method, f"/pay/{tx_ref}")
    assert (reply.status, title(reply.text)) == (404, "We do not know this payment")
    assert tx_ref == ".." or tx_ref not in reply.text
    assert world.gateway.asked == []


def test_in_amharic(world: World) -> None:
    text = page(world, world.book(language="am"))
    assert 'lang="am"' in text
    assert title(text) == "ክፍያዎን እየጠበቅን ነው"


@pytest.mark.parametrize(
    ("asked", "heading"),
    [
        (None, "We do not know this payment"),
        ("am-ET,am;q=0.9,en;q=0.8", "ይህን ክፍያ አላገኘነውም"),
        ("fr, am;q=0.2", "ይህን ክፍያ አላገኘነውም"),
        ("en, am;q=0.9", "We do not know this payment"),
        ("am;q=0, fr", "We do not know this payment"),
    ],
)
def test_whose_language_is_not_known_is_asked_in_the_browsers(world: World, asked: str | None, heading: str) -> None:
    headers = {} if asked is None else {"accept-language": asked}
    for method in ("GET", "POST"):
        assert title(world.call(method, "/pay/xyz", headers=headers).text) == heading


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("wrong", "status"), [(StoreBusy("marked"), 503), (RuntimeError("marked"), 500)])
def test_a_guest_who_meets_a_fault_of_ours_is_shown_a_page(
    world: World, method: str, wrong: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(language="en")

    def fail(*_: Any, **__: Any) -> None:
        raise wrong

    monkeypatch.setattr(world.container.bookings, "load", fail)
    path = f"/pay/{booking['payment']['tx_ref']}"
    reply = world.call(method, path, headers={"accept-language": "am"})
    assert (reply.status, title(reply.text)) == (status, "ክፍያዎን አሁን ማሳየት አልቻልንም")
    assert 'lang="am"' in reply.text
    assert "marked" not in reply.text
    assert refresh(reply.text) == (30, "")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (reply.headers["Cache-Control"], reply.headers["X-Frame-Options"]) == ("no-store", "DENY")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert title(world.call(method, path).text) == "We cannot show your payment right now"


def test_when_pages_cannot_be_made_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("marked")

    monkeypatch.setattr("chalicelib.api.routes.pages.render_page", fail)
    reply = world.call("GET", "/pay/xyz")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert "marked" not in reply.text


def test_when_nobody_answers_the_page_says_what_is_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.book()
    world.gateway.verify = answers(500, b"")
    assert title(page(world, booking)) == "Waiting for your payment"

    def busy(*_: Any, **__: Any) -> None:
        raise StoreBusy("marked")

    monkeypatch.setattr(world.container.bookings, "save", busy)
    world.clock.forward(minutes=2)
    assert title(page(world, booking)) == "Waiting for your payment"


ASKING = "The payment service has not answered us yet. We are still asking."


def test_while_the_gateway_is_silent_the_page_says_that_we_are_still_asking(world: World) -> None:
    booking = world.book()
    assert ASKING not in page(world, booking)
    world.gateway.verify = answers(500, b"")
    world.clock.forward(seconds=10)
    text = page(world, booking)
    assert (title(text), ASKING in text, refresh(text)) == ("Waiting for your payment", True, (3, ""))
    world.clock.forward(seconds=1)
    assert ASKING in page(world, booking), "it is told by what is stored, too"
    world.gateway.verify = None
    world.clock.forward(minutes=1)
    assert ASKING not in page(world, booking)
    world.gateway.says = "success"
    assert ASKING not in page(world, world.paid(booking))


def test_while_somebody_else_asks_the_page_says_so(world: World) -> None:
    booking = world.book()
    seen: list[str] = []

    def meanwhile(talk: Talk) -> object:
        seen.append(page(world, booking))
        return answers(200, world.gateway.word(booking["payment"]["tx_ref"]))(talk)

    world.gateway.verify = meanwhile
    page(world, booking)
    assert [ASKING in text for text in seen] == [True]


def test_the_button_leads_back_to_a_page_that_says_so_while_a_payment_is_opened(world: World) -> None:
    world.gateway.open = answers(400, failed({"email": ["validation.email"]}))
    booking = world.book(language="am")
    world.impatient()
    world.gateway.open = Talk.silence
    leads_back(press(world, booking), booking["payment"]["tx_ref"])
    text = page(world, booking)
    assert (title(text), "የክፍያ አገልግሎቱ ገና አልመለሰልንም" in text) == ("ክፍያዎን እየጠበቅን ነው", True)
    assert refresh(text) == (3, "")
    assert len(world.messages(world.resources.reconcile_queue_url)) == 1
