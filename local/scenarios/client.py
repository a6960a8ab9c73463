"""`ScenarioClient`: drive a running Guzo over HTTP as a frontend, a guest's browser, and at the local controls.

A result that differs from the promise raises `PromiseBroken`.
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

from local.scenarios.gateways import SCENARIO_GATEWAYS, ScenarioGateway

PATIENCE = 20.0
LOOK_AGAIN = 0.05
IDLE_ASKED = 4
"""How often it is asked whether all work is done: each time the local stack waits a minute itself."""

Json = dict[str, Any]


class PromiseBroken(Exception):
    """A result differs from the promise; the text has both."""


@dataclass(frozen=True)
class Person:
    """A person with a token."""

    name: str
    email: str
    token: str


@dataclass
class ScenarioClient:
    """A Guzo at `api`, with sandboxes, issuer, clock and mailbox at `local`; bookings are paid with `gateway`."""

    api: str
    local: str
    gateway: ScenarioGateway = SCENARIO_GATEWAYS["chapa"]
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.trust_env = False  # no proxy stands between one machine and itself
        self.suffix = uuid.uuid4().hex[:6]

    # as a frontend

    def sign_in(self, name: str, *groups: str) -> Person:
        """Get a token for a person of this name, who is new with each client."""
        email = f"{name}.{self.suffix}@gmail.com"
        asked = {"sub": f"{name}-{self.suffix}", "groups": list(groups), "email": email}
        return Person(name, email, self.call_local("POST", "/token", asked)["token"])

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
        """Call the API and return its JSON. Raises PromiseBroken for another status."""
        all_headers = dict(headers or {})
        if by is not None:
            all_headers["Authorization"] = f"Bearer {by.token}"
        answer = self.http.request(method, f"{self.api}{path}", json=body, headers=all_headers, timeout=40)
        if answer.status_code != expect:
            raise PromiseBroken(
                f"{method} {path} promises {expect}, and answered {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json() if answer.content else {}

    def listing_body(self, **changed: Any) -> Json:
        """Return a body for `POST /v1/listings`, in a city of its own."""
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
        """Publish a listing of this host."""
        return self.call("POST", "/v1/listings", expect=201, by=host, body=self.listing_body(**changed))

    def book(self, guest: Person, listing: Json, **changed: Any) -> Json:
        """Book three nights of a listing, thirty days from now."""
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
        """Return a booking as its guest sees it."""
        return self.call("GET", f"/v1/bookings/{booking_id}", expect=200, by=guest)

    def nights_left(self, booking: Json) -> set[int]:
        """Return how many units are left on the nights of a booking's stay."""
        path = f"/v1/listings/{booking['listing_id']}/availability"
        found = self.call("GET", f"{path}?from={booking['check_in']}&to={booking['check_out']}", expect=200)
        return {night["left"] for night in found["nights"]}

    def wait_for_status(self, guest: Person, booking_id: str, status: str) -> Json:
        """Wait until the booking has this status, and return it."""

        def look() -> Json | None:
            booking = self.booking(guest, booking_id)
            return booking if booking["status"] == status else None

        return self.wait_until(f"booking {booking_id} becomes {status}", look)

    # as a guest's browser

    def pay_on_page(self, checkout_url: str) -> str:
        """Open the gateway's checkout page and pay with a test number; return the address that it redirects to."""
        page = self.http.get(checkout_url, timeout=40)
        check("the checkout page opens", page.status_code, 200)
        method, account = self.gateway.pays
        return self.press_button(checkout_url, do="pay", method=method, account=account)

    def press_button(self, checkout_url: str, **form: str) -> str:
        """Submit a form of the checkout page; return the address that it redirects to."""
        pressed = self.http.post(checkout_url, data=form, timeout=40, allow_redirects=False)
        check("the checkout page sends the browser on", pressed.status_code, 303)
        return urljoin(checkout_url, pressed.headers["Location"])

    def follow_redirect(self, url: str) -> str:
        """Return the address to which the API redirects `url`."""
        answer = self.http.get(url, timeout=40, allow_redirects=False)
        check(f"{url} sends the browser on", answer.status_code, 303)
        return urljoin(url, answer.headers["Location"])

    def page(self, url: str) -> str:
        """Return the HTML of a page of the API."""
        answer = self.http.get(url, timeout=40, allow_redirects=False)
        check(f"{url} shows a page", answer.status_code, 200)
        return answer.text

    # at the controls

    def call_local(self, method: str, path: str, body: Json | None = None) -> Any:
        """Call the local port and return its JSON."""
        answer = self.http.request(method, f"{self.local}{path}", json=body, timeout=90)
        if answer.status_code >= 300:
            raise PromiseBroken(f"{method} {path} (local) was answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def now(self) -> datetime:
        """Return the instant of the local clock."""
        return datetime.fromisoformat(self.call_local("GET", "/clock")["now"])

    def today(self) -> date:
        """Return that day in Addis Ababa and Nairobi (three hours ahead of UTC, all year)."""
        return (self.now() + timedelta(hours=3)).date()

    def advance(self, **by: float) -> None:
        """Move the clock, for example by `minutes=31`, and wait until all queues are empty."""
        seconds = timedelta(**by).total_seconds()
        self.call_local("POST", "/clock", {"advance_seconds": seconds})
        self.wait_until_idle()

    def sweep(self) -> Json:
        """Run the sweep, and wait until all queues are empty."""
        return dict(self.call_local("POST", "/sweep"))

    def wait_until_idle(self) -> None:
        """Wait until all queues are empty and no delivery is running; a machine that is busy itself is asked again."""
        for _ in range(IDLE_ASKED - 1):
            if self.http.get(f"{self.local}/idle", timeout=90).status_code == 200:
                return
        self.call_local("GET", "/idle")

    @contextmanager
    def switches(self, **switches: Any) -> Iterator[None]:
        """Set switches of the sandbox for all payments, and reset them at the end."""
        control = f"/{self.gateway.gateway}/_control"
        self.call_local("POST", control, switches)
        try:
            yield
        finally:
            self.call_local("POST", control, dict.fromkeys(switches))

    def pay_at_gateway(self, tx_ref: str) -> None:
        """Pay at the gateway, whatever the link's state is, and wait until all queues are empty."""
        self.call_local("POST", f"/{self.gateway.gateway}/_pay", {"tx_ref": tx_ref})
        self.wait_until_idle()

    def send_webhooks(self, tx_ref: str, **how: Any) -> list[int]:
        """Send webhooks, well signed or forged; return the statuses of their answers."""
        sent = self.call_local("POST", f"/{self.gateway.gateway}/_webhook", {"tx_ref": tx_ref, **how})
        return [answer["status"] for answer in sent["answers"]]

    def gateway_log(self, tx_ref: str, **wanted: str) -> list[Json]:
        """Return the sandbox's log of a payment: the requests that it received and the webhooks that it sent."""
        query = "&".join(f"{name}={value}" for name, value in {"tx_ref": tx_ref, **wanted}.items())
        return list(self.call_local("GET", f"/{self.gateway.gateway}/_log?{query}"))

    def verify_calls(self, tx_ref: str) -> list[Json]:
        """Return the verify calls about a payment, with their answers."""
        return self.gateway_log(tx_ref, call=f"{self.gateway.calls}verify")

    def emails_about(self, booking_id: str) -> list[Json]:
        """Return the e-mails about a booking, oldest first."""
        return [letter for letter in self.call_local("GET", "/emails") if booking_id in letter["text"]]

    def wait_until(self, promise: str, look: Callable[[], Any]) -> Any:
        """Call `look` until it returns something true. Raises PromiseBroken after 20 s."""
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            if time.monotonic() > deadline:
                raise PromiseBroken(f"not within {PATIENCE:.0f} s: {promise}")
            time.sleep(LOOK_AGAIN)
        return found


def check(promise: str, found: object, promised: object) -> None:
    """Raise `PromiseBroken` unless `found` equals `promised`."""
    if found != promised:
        raise PromiseBroken(f"{promise}: promised {promised!r}, found {found!r}")
