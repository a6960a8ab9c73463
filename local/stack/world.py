"""How a story reaches a running Guzo: as a frontend, a guest's browser, and the person at the controls.

Everything goes over HTTP. What is not as promised raises `Differed`, which names the promise.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import requests

from local.scenarios.story_gateways import STORY_GATEWAYS, StoryGateway

PATIENCE = 20.0
LOOK_AGAIN = 0.05

Json = dict[str, Any]


class Differed(Exception):
    """Something is not as it was promised; the text names the promise and what was found."""


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    name: str
    email: str
    token: str


@dataclass
class World:
    """A Guzo at `api`, with its local things (sandboxes, issuer, clock, mailbox) at `local`; payments by `gateway`."""

    api: str
    local: str
    gateway: StoryGateway = STORY_GATEWAYS["chapa"]
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.trust_env = False  # no proxy stands between one machine and itself
        self.mark = uuid.uuid4().hex[:6]

    # as a frontend

    def sign_in(self, name: str, *groups: str) -> Person:
        """A person of this name, new for this world."""
        email = f"{name}.{self.mark}@gmail.com"
        asked = {"sub": f"{name}-{self.mark}", "groups": list(groups), "email": email}
        return Person(name, email, self.at_local("POST", "/token", asked)["token"])

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: int,
        by: Person | None = None,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        """Call the API; its JSON when the status is the expected one."""
        all_headers = dict(headers or {})
        if by is not None:
            all_headers["Authorization"] = f"Bearer {by.token}"
        answer = self.http.request(method, f"{self.api}{path}", json=body, headers=all_headers, timeout=40)
        if answer.status_code != expect:
            raise Differed(f"{method} {path} promises {expect}, and answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else {}

    def draft(self, **changed: Any) -> Json:
        """A listing to be published, in a city of its own."""
        return {
            "title": "Lake house",
            "description": "On the shore of the lake, with a garden.",
            "city": f"{self.gateway.city} {uuid.uuid4().hex[:6]}",
            "time_zone": self.gateway.time_zone,
            "nightly_price": {"amount": 245000, "currency": self.gateway.currency},
            "units": 2,
            "guests_per_unit": 2,
            "cancellation_policy": "flexible",
            **changed,
        }

    def publish(self, host: Person, **changed: Any) -> Json:
        """A listing of this host's."""
        return self.call("POST", "/v1/listings", expect=201, by=host, body=self.draft(**changed))

    def book(self, guest: Person, listing: Json, **changed: Any) -> Json:
        """Three nights of a listing, thirty days from now."""
        check_in = self.today() + timedelta(days=30)
        body = {
            "listing_id": listing["listing_id"],
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=3)).isoformat(),
            "units": 1,
            "guests": 2,
            "contact": {
                "first_name": guest.name.capitalize(),
                "last_name": "Tesfaye",
                "email": guest.email,
                "phone": self.gateway.phone,
            },
            "language": "en",
            **changed,
        }
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return self.call("POST", "/v1/bookings", expect=201, by=guest, body=body, headers=key)

    def booking(self, guest: Person, booking_id: str) -> Json:
        """A booking as its guest sees it."""
        return self.call("GET", f"/v1/bookings/{booking_id}", expect=200, by=guest)

    def nights_left(self, booking: Json) -> set[int]:
        """How many units are left on the nights of a booking's stay."""
        path = f"/v1/listings/{booking['listing_id']}/availability"
        found = self.call("GET", f"{path}?from={booking['check_in']}&to={booking['check_out']}", expect=200)
        return {night["left"] for night in found["nights"]}

    def becomes(self, guest: Person, booking_id: str, status: str) -> Json:
        """The booking, once it has this status."""

        def look() -> Json | None:
            booking = self.booking(guest, booking_id)
            return booking if booking["status"] == status else None

        return self.until(f"booking {booking_id} becomes {status}", look)

    # as a guest's browser

    def pay_on_page(self, checkout_url: str) -> str:
        """Open the gateway's checkout page and press a test number; answers where the browser is sent."""
        page = self.http.get(checkout_url, timeout=40)
        check("the checkout page opens", page.status_code, 200)
        method, account = self.gateway.pays
        return self.press(checkout_url, do="pay", method=method, account=account)

    def press(self, checkout_url: str, **form: str) -> str:
        """Press a button of the checkout page; answers where the browser is sent."""
        pressed = self.http.post(checkout_url, data=form, timeout=40, allow_redirects=False)
        check("the checkout page sends the browser on", pressed.status_code, 303)
        return urljoin(checkout_url, pressed.headers["Location"])

    def sent_on(self, url: str) -> str:
        """Where the API sends the browser on to, from where the gateway sent it."""
        answer = self.http.get(url, timeout=40, allow_redirects=False)
        check(f"{url} sends the browser on", answer.status_code, 303)
        return urljoin(url, answer.headers["Location"])

    def page(self, url: str) -> str:
        """A page of the API's, as the browser gets it."""
        answer = self.http.get(url, timeout=40, allow_redirects=False)
        check(f"{url} shows a page", answer.status_code, 200)
        return answer.text

    # at the controls

    def at_local(self, method: str, path: str, body: Json | None = None) -> Any:
        """Call something on the local port; its JSON."""
        answer = self.http.request(method, f"{self.local}{path}", json=body, timeout=90)
        if answer.status_code >= 300:
            raise Differed(f"{method} {path} (local) was answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def now(self) -> datetime:
        """The instant that the app believes."""
        return datetime.fromisoformat(self.at_local("GET", "/clock")["now"])

    def today(self) -> date:
        """The day, by that instant, in Addis Ababa and Nairobi (three hours ahead of UTC, all year)."""
        return (self.now() + timedelta(hours=3)).date()

    def advance(self, **by: float) -> None:
        """Push the clock, for example `minutes=31`, and wait until what became due is done."""
        seconds = timedelta(**by).total_seconds()
        self.at_local("POST", "/clock", {"advance_seconds": seconds})
        self.idle()

    def sweep(self) -> Json:
        """Run the sweep and wait for what follows."""
        return dict(self.at_local("POST", "/sweep"))

    def idle(self) -> None:
        """Wait until nothing is left to do."""
        self.at_local("GET", "/idle")

    @contextmanager
    def switched(self, **switches: Any) -> Iterator[None]:
        """The sandbox behaves like this, for all payments, for a while."""
        control = f"/{self.gateway.gateway}/_control"
        self.at_local("POST", control, switches)
        try:
            yield
        finally:
            self.at_local("POST", control, dict.fromkeys(switches))

    def pay_late(self, tx_ref: str) -> None:
        """The guest's money moves at the gateway, whatever became of the link; wait for what follows."""
        self.at_local("POST", f"/{self.gateway.gateway}/_pay", {"tx_ref": tx_ref})
        self.idle()

    def webhook(self, tx_ref: str, **how: Any) -> list[int]:
        """The gateway (or somebody else) sends webhooks; the statuses that they were answered with."""
        sent = self.at_local("POST", f"/{self.gateway.gateway}/_webhook", {"tx_ref": tx_ref, **how})
        return [answer["status"] for answer in sent["answers"]]

    def gateway_log(self, tx_ref: str, **wanted: str) -> list[Json]:
        """What the sandbox was asked about a payment, and what it sent."""
        query = "&".join(f"{name}={value}" for name, value in {"tx_ref": tx_ref, **wanted}.items())
        return list(self.at_local("GET", f"/{self.gateway.gateway}/_log?{query}"))

    def verifies(self, tx_ref: str) -> list[Json]:
        """How the sandbox was asked what became of a payment, and what it answered."""
        return self.gateway_log(tx_ref, call=f"{self.gateway.calls}verify")

    def letters(self, booking_id: str) -> list[Json]:
        """The e-mails about a booking, oldest first."""
        return [letter for letter in self.at_local("GET", "/emails") if booking_id in letter["text"]]

    def until(self, promise: str, look: Callable[[], Any]) -> Any:
        """Look again until there is something; `Differed` after a while."""
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            if time.monotonic() > deadline:
                raise Differed(f"not within {PATIENCE:.0f} s: {promise}")
            time.sleep(LOOK_AGAIN)
        return found


def check(promise: str, found: object, promised: object) -> None:
    """Raise `Differed` unless what was found is what was promised."""
    if found != promised:
        raise Differed(f"{promise}: promised {promised!r}, found {found!r}")
