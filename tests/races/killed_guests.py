"""Guests of a stack that is killed again and again: they retry, and remember what the API answered."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests

from tests.races.killable_stack import KillableStack

PATIENCE = 60.0
AGAIN = 0.2
Json = dict[str, Any]


class GaveUp(Exception):
    """The API did not answer for longer than a guest waits."""


@dataclass
class Expectations:
    """What the API answered and must keep, and the payments that it must account for."""

    booked: dict[str, str] = field(default_factory=dict)  # booking id: its guest
    confirmed: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    paid: set[str] = field(default_factory=set)  # tx_refs
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Caller:
    """One person with one browser: signs in again, and repeats requests that were not answered."""

    def __init__(self, stack: KillableStack, name: str, *groups: str) -> None:
        self._stack = stack
        self.name = name
        self.email = f"{name}@gmail.com"
        self._groups = list(groups)
        self._token = ""
        self._http = requests.Session()
        self._http.trust_env = False

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Json | None = None, key: str = "") -> tuple[int, Json]:
        """Repeat a request until it is answered for good: not by silence, a retryable problem or an old token's 401."""
        headers = {"Idempotency-Key": key} if key else {}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if not self._token:
                    self._token = self._sign_in()
                headers["Authorization"] = f"Bearer {self._token}"
                answer = self._http.request(method, self._stack.api + path, json=body, headers=headers, timeout=40)
            except requests.RequestException:
                time.sleep(AGAIN)
                continue
            if answer.status_code in (401, 403):
                self._token = ""
            elif answer.status_code < 500 and "Retry-After" not in answer.headers:
                return answer.status_code, answer.json()
            time.sleep(AGAIN)
        raise GaveUp(f"{method} {path}")

    def _sign_in(self) -> str:
        asked = {"sub": self.name, "groups": self._groups, "email": self.email}
        answer = self._http.post(f"{self._stack.local}/token", json=asked, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["token"])


def publish(stack: KillableStack, host: Caller, *, units: int) -> str:
    body = {
        "title": "Lake house", "description": "On the shore.", "city": "Bahir Dar", "units": units,
        "time_zone": "Africa/Addis_Ababa", "nightly_price": {"amount": 245000, "currency": "ETB"},
        "guests_per_unit": 2, "cancellation_policy": "flexible",
    }  # fmt: skip
    status, listing = host.call("POST", "/v1/listings", body, key=f"lake-house-{units}")
    assert status == 201, listing
    return str(listing["listing_id"])


class Guest:
    """Books again and again until stopped; pays, leaves or cancels each booking."""

    def __init__(
        self, stack: KillableStack, expected: Expectations, listings: list[str], *, seed: int, number: int
    ) -> None:
        self._stack = stack
        self._expected = expected
        self._listings = listings
        self._number = number
        self._chance = random.Random(seed * 1000 + number)
        self._over = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"guest-{number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Make no more bookings after the present one."""
        self._over.set()

    def join(self) -> None:
        self._thread.join(timeout=2 * PATIENCE)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            for turn in range(1000):
                if self._over.is_set():
                    return
                person = Caller(self._stack, f"guest-{self._number}-{turn}")
                try:
                    self._one_booking(person)
                finally:
                    person.close()
        except BaseException as failure:  # noqa: BLE001 - it is raised where the guest is joined
            self.failure = failure

    def _one_booking(self, person: Caller) -> None:
        key = f"{person.name}-{self._chance.random()}"
        status, booking = person.call("POST", "/v1/bookings", self._booking_body(person), key=key)
        if status != 201:
            assert status == 409, booking
            self._expected.refused += 1
            time.sleep(AGAIN)
            return
        booking_id = booking["booking_id"]
        with self._expected.lock:
            self._expected.booked[booking_id] = person.name
        what = self._chance.choices(("pay", "pay unseen", "cancel", "pay and cancel", "leave"), (50, 15, 10, 15, 10))[0]
        if "pay" in what:
            self._pay(person, booking_id, notify="unseen" not in what)
            status, seen = person.call("GET", f"/v1/bookings/{booking_id}")
            assert status == 200, seen
            if seen["status"] == "confirmed":
                with self._expected.lock:
                    self._expected.confirmed.add(booking_id)
        if "cancel" in what:
            status, answer = person.call("POST", f"/v1/bookings/{booking_id}/cancel", {})
            assert status == 200, answer
            with self._expected.lock:
                self._expected.cancelled.add(booking_id)

    def _booking_body(self, person: Caller) -> Json:
        check_in = (self._stack.clock.now() + timedelta(days=30 + self._chance.randrange(8))).date()
        nights = self._chance.randint(1, 3)
        return {
            "listing_id": self._chance.choice(self._listings),
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=nights)).isoformat(),
            "units": 1,
            "guests": 2,
            "contact": {
                "first_name": "Hanna", "last_name": "Tesfaye", "email": person.email, "phone": "0911223344",
            },
        }  # fmt: skip

    def _pay(self, person: Caller, booking_id: str, *, notify: bool) -> None:
        """Ask for a link, press the button; with ``notify`` callback and webhook follow."""
        status, answer = person.call("POST", f"/v1/bookings/{booking_id}/payments", {})
        if status not in (200, 201):
            assert status == 409, answer  # the hold ran out meanwhile
            return
        tx_ref = answer["tx_ref"]
        if self._stack.pay(tx_ref, notify=notify):
            with self._expected.lock:
                self._expected.paid.add(tx_ref)
