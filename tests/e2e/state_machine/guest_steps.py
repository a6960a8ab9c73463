"""`GuestSteps`: guests book, pay, come back, verify, cancel, and repeat their requests."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from local.scenarios.client import Json, Person, ScenarioClient
from tests.e2e.state_machine import invariants, observation
from tests.e2e.state_machine.driver import GATEWAY_ERRORS, BookingRequest, Driver
from tests.e2e.state_machine.gateway_faults import SwitchSetting, gateway_fault
from tests.e2e.state_machine.observation import Observation

OBSERVATIONS = 5
"""How often an observation that breaks an invariant is repeated: its parts are read one after the other."""
LAST_MINUTES = timedelta(minutes=2)

bookings = st.integers(0, 3)
"""Which booking, counted back from the latest."""
attempts = st.integers(0, 2)
"""Which payment of a booking, counted back from the latest."""
presses = st.sampled_from(["pay", "pay", "pay", "telephone", "fail", "cancel"])
"""What a guest does with a link; by telephone it can be paid whatever its state is."""
checkout_fault = gateway_fault("verify", "verify", "verify", "webhook", "callback")


class GuestSteps(RuleBasedStateMachine):
    """An example: a driver, and the last observation of it in which every promise was kept.

    What Hypothesis draws never depends on what happened, so that the same steps can be made again: a step for which
    there is nothing to do does nothing.
    """

    def __init__(self, client: ScenarioClient) -> None:
        super().__init__()
        self.driver = Driver(client)
        self.seen: Observation | None = None

    @property
    def now(self) -> Observation:
        """The observation after the last step."""
        assert self.seen is not None
        return self.seen

    @initialize(
        units=st.integers(1, 2),
        policy=st.sampled_from(["flexible", "moderate", "strict"]),
        pays=st.none() | presses,
        fault=checkout_fault,
    )
    def publish(self, units: int, policy: str, pays: str | None, fault: SwitchSetting | None) -> None:
        """The host publishes, and a guest books."""
        self.driver.open(units, policy)
        self.seen = observation.observe(self.driver)
        self._book(0, first=1, nights=2, units=1, right_total=True)
        if pays:
            self._pay_at_once(pays, fault)

    @invariant()
    def invariants_hold(self) -> None:
        for attempt in range(OBSERVATIONS):
            self.driver.client.wait_until_idle()
            now = observation.observe(self.driver)
            try:
                invariants.check(self.seen, now, self.driver)
            except AssertionError:
                if attempt == OBSERVATIONS - 1:
                    raise
            else:
                self.seen = now
                return

    @rule(
        guest=st.integers(0, 1),
        first=st.integers(0, 2),
        apart=st.sampled_from([True, True, False]),
        nights=st.integers(1, 2),
        units=st.sampled_from([1, 1, 1, 2]),
        right_total=st.sampled_from([None, True, True, False]),
        fault=gateway_fault("initialize"),
        pays=st.none() | presses,
        checkout_fault=checkout_fault,
    )
    def book(
        self,
        *,
        guest: int,
        first: int,
        apart: bool,
        fault: SwitchSetting | None,
        pays: str | None,
        checkout_fault: SwitchSetting | None,
        **stay: Any,
    ) -> None:
        """A guest books nights of her own or some that others book too, and often pays at once."""
        if fault:
            self.driver.set_switch(fault, once=2)
        first += 2 * len(self.driver.requests) if apart else 0
        if self._book(guest, first=first, **stay) and pays:
            self._pay_at_once(pays, checkout_fault)

    def _book(self, guest: int, *, first: int, nights: int, units: int, right_total: bool | None) -> bool:
        driver, who, before = self.driver, self.driver.guests[guest], self.now
        check_in = driver.soon(first)
        days = [(check_in + timedelta(days=day)).isoformat() for day in range(nights)]
        total = units * sum(before.nights[day]["price"]["amount"] for day in days)
        body = {
            "listing_id": driver.listing_id,
            "check_in": days[0],
            "check_out": (check_in + timedelta(days=nights)).isoformat(),
            "units": units,
            "guests": units,
            "contact": {"first_name": who.name, "last_name": "Tesfaye", "email": who.email, "phone": "0911223344"},
            **({} if right_total is None else {"expected_total": total if right_total else total + 1}),
        }
        key = uuid.uuid4().hex[:8]
        reply = driver.call("POST", "/v1/bookings", by=who, body=body, key=key)
        if reply.status != 201:
            # The state may have changed since the last observation: then the present one gives the reason.
            reasons = self._refusals(before, who, units, days) | self._refusals(
                observation.observe(driver), who, units, days
            )
            assert reply.code in reasons | ({"price_changed"} if right_total is False else set()), reply.text
            return False
        made = reply.body
        assert right_total is not False, f"not the expected price: {reply.text}"
        assert made["status"] == "pending_payment"
        assert made["total"]["amount"] == total
        assert made["booking_id"] not in driver.requests, "another key, and the same booking"
        if driver.gateway_is_healthy:
            assert made["payment"]["checkout_url"], reply.text
        driver.requests[made["booking_id"]] = BookingRequest(made["booking_id"], who, key, body)
        return True

    @rule(which=bookings, same=st.booleans())
    def book_again(self, which: int, same: bool) -> None:
        """One Idempotency-Key is one booking with one body, whatever its state and the listing's."""
        booking_id = self._one(which)
        request = self.driver.requests[booking_id]
        body = request.body if same else {**request.body, "language": "am"}
        reply = self.driver.call("POST", "/v1/bookings", by=request.guest, body=body, key=request.key)
        if not same:
            assert (reply.status, reply.code) == (422, "idempotency_key_reused")
            return
        assert (reply.status, reply.headers.get("idempotent-replayed")) == (201, "true"), reply.text
        assert reply.body["booking_id"] == booking_id

    @rule(which=bookings, key=st.sampled_from([None, None, "again"]))
    def open_payment(self, which: int, key: str | None) -> None:
        booking_id = self._one(which)
        guest = self.driver.requests[booking_id].guest
        reply = self.driver.call("POST", f"/v1/bookings/{booking_id}/payments", by=guest, body={}, key=key)
        after = self._booking(booking_id)
        if reply.status < 300:
            assert reply.body["tx_ref"] in {payment["tx_ref"] for payment in after["payments"]}
            assert "idempotent-replayed" in reply.headers or reply.body["checkout_url"], reply.text
        elif reply.code == "booking_not_payable":
            ends = observation.instant(after["hold_expires_at"])
            over = self.driver.client.now() >= ends - LAST_MINUTES
            assert after["status"] != "pending_payment" or over or len(after["payments"]) == 20, reply.text
        elif reply.code == "payment_in_review":
            assert "review" in {payment["status"] for payment in after["payments"]}
        else:
            assert reply.code in (*GATEWAY_ERRORS, "gateway_rejected"), reply.text

    @rule(which=bookings, back=attempts, do=presses, comes_back=st.booleans(), fault=checkout_fault)
    def at_checkout(self, which: int, back: int, do: str, comes_back: bool, fault: SwitchSetting | None) -> None:
        """A guest presses a button of any checkout page that they were ever shown, and perhaps comes back."""
        booking_id = self._one(which)
        payment = self._payment(booking_id, back)
        tx_ref = payment["tx_ref"]
        if fault:
            self.driver.set_switch(fault, tx_ref=tx_ref)
        if do == "telephone":
            self._by_telephone(payment, notify=comes_back)
        elif tx_ref in self.driver.links:
            goal = self.driver.press(tx_ref, do)
            if comes_back and "/pay/" in goal:
                self._page(goal.removeprefix(self.driver.client.api))

    @rule(
        which=bookings, back=attempts, who=st.sampled_from(["guest", "operator", "host", "stranger", "page", "button"])
    )
    def ask(self, which: int, back: int, who: str) -> None:
        """Somebody verifies a payment: by a call, on the guest's page, or by its button."""
        booking_id = self._one(which)
        tx_ref = self._payment(booking_id, back)["tx_ref"]
        if who == "page":
            self._page(f"/pay/{tx_ref}")
            return
        if who == "button":
            assert self.driver.call("POST", f"/pay/{tx_ref}").status == 303
            return
        reply = self.driver.call("POST", f"/v1/payments/{tx_ref}/verify", by=self._person(booking_id, who), body={})
        if who in ("guest", "operator"):
            assert reply.status == 200 or reply.code in GATEWAY_ERRORS, reply.text
        else:
            assert (reply.status, reply.code) == (404, "payment_not_found")

    @rule(which=bookings, by=st.sampled_from(["guest", "guest", "host", "operator", "stranger"]))
    def cancel(self, which: int, by: str) -> None:
        booking_id = self._one(which)
        before = self._booking(booking_id)
        path = f"/v1/bookings/{booking_id}/cancel"
        reply = self.driver.call("POST", path, by=self._person(booking_id, by), body={"reason": "another plan"})
        if by == "stranger":
            assert (reply.status, reply.code) == (404, "booking_not_found")
            return
        if reply.status != 200:
            assert (reply.status, reply.code) == (409, "stay_begun")
            begins = observation.instant(f"{before['check_in']}T11:00:00Z")
            assert before["status"] == "confirmed", "a stay has begun that nobody has"
            assert self.driver.client.now() >= begins, "the stay has not begun"
            return
        after = self._booking(booking_id)
        assert after["status"] == reply.body["status"] == "cancelled"
        if before["status"] == "confirmed":
            received = before["payment"]["received"]["amount"]
            left = received - _going_back(before["payment"])
            by_policy = before["cancellation"]["back_if_cancelled_now"]["amount"]
            promised = min(by_policy, left) if by == "guest" else left
            gone = _going_back(after["payment"]) - _going_back(before["payment"])
            assert gone == promised, f"{gone} of {received} goes back, and {promised} was promised"

    # What the rules share

    def _pay_at_once(self, do: str, fault: SwitchSetting | None) -> None:
        self.invariants_hold()
        self.at_checkout(0, 0, do, comes_back=True, fault=fault)

    def _one(self, which: int) -> str:
        """Return a booking's id."""
        made = list(self.driver.requests)
        return made[-1 - which % len(made)]

    def _booking(self, booking_id: str) -> Json:
        found: Json = self.driver.read(f"/v1/bookings/{booking_id}", self.driver.operator)
        return found

    def _payment(self, booking_id: str, back: int) -> Json:
        """Return one of a booking's payments as last observed."""
        payments: list[Json] = self.now.bookings[booking_id]["payments"]
        return payments[-1 - back % len(payments)]

    def _person(self, booking_id: str, who: str) -> Person:
        driver = self.driver
        people = {"host": driver.host, "operator": driver.operator, "stranger": driver.stranger}
        return people.get(who, driver.requests[booking_id].guest)

    def _by_telephone(self, payment: Json, *, notify: bool) -> None:
        """Pay by telephone, but only while the payment is watched: later nobody could know of the money."""
        watched = self.driver.client.now() < observation.instant(payment["created_at"]) + timedelta(hours=60)
        if watched and self.now.transactions.get(payment["tx_ref"], {}).get("status") not in (None, "paid"):
            self.driver.pay(payment["tx_ref"], notify=notify)

    def _page(self, path: str) -> None:
        reply = self.driver.call("GET", path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "Tesfaye" not in reply.text
        assert "@gmail" not in reply.text

    def _refusals(self, seen: Observation, guest: Person, units: int, days: list[str]) -> set[str]:
        """Return the codes with which a booking may be refused, by the observation."""
        own = [request.booking_id for request in self.driver.requests.values() if request.guest is guest]
        reasons = {
            "listing_closed": seen.listing["status"] == "closed",
            "invalid_request": units > seen.listing["units"],
            "dates_unavailable": any(seen.nights[day]["left"] < units or seen.nights[day]["closed"] for day in days),
            "too_many_open_holds": seen.pending(own) >= invariants.MOST_HOLDS,
            "rate_limited": seen.given_up(own) >= invariants.MOST_GIVEN_UP or len(own) >= invariants.MOST_AN_HOUR,
        }
        return {code for code, is_so in reasons.items() if is_so}


def _going_back(payment: Json) -> int:
    return sum(refund["amount"]["amount"] for refund in payment["refunds"])
