"""`AllSteps`: the steps of guests, gateway, forgers, clock, host and operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from local.sandboxes.chapa.webhooks import FAILED, REFUNDED, SIGNATURES
from local.sandboxes.core.webhook_sender import AUTHENTIC_SIGNATURES
from tests.e2e.state_machine.driver import Keyed
from tests.e2e.state_machine.gateway_faults import (
    CALLS,
    DELIVERY_PATTERNS,
    SwitchSetting,
    gateway_fault,
    switch_setting,
)
from tests.e2e.state_machine.guest_steps import GuestSteps, attempts, bookings

LONGEST = timedelta(days=40)
"""How far the steps of an example may move the clock."""
PRICES = st.sampled_from([{"amount": amount, "currency": "ETB"} for amount in (100, 99999, 245000)])


class AllSteps(GuestSteps):
    """The steps of guests and of everybody else."""

    # The gateway

    @rule(
        setting=st.one_of(st.none(), *(switch_setting(name) for name in (*CALLS, *DELIVERY_PATTERNS))),
        limit=st.sampled_from([{}, {}, {"once": True}, {"once": 3}, {"share": 0.5, "seed": 7}]),
    )
    def set_switch(self, setting: SwitchSetting | None, limit: dict[str, Any]) -> None:
        """Set a switch for all calls, for some or for a share of them; or reset all."""
        if setting is None:
            self.driver.restore_gateway()
        else:
            self.driver.set_switch(setting, **(limit if setting[0] in CALLS else {}))

    @rule(
        which=bookings,
        back=attempts,
        signature=st.sampled_from(["good", "good", *SIGNATURES]),
        event=st.sampled_from([None, None, FAILED, REFUNDED, "charge.reversed", "charge.unheard_of"]),
        times=st.integers(1, 3),
        amount=st.sampled_from([None, None, "1.00"]),
        orphan=st.sampled_from([False, False, False, True]),
    )
    def deliver(self, *, which: int, back: int, signature: str, times: int, orphan: bool, **fields: str | None) -> None:
        """A webhook arrives without an outcome: it is accepted if it is signed, and not believed."""
        if orphan:
            self._orphan()
            return
        given = {name: value for name, value in fields.items() if value is not None}
        tx_ref = self._payment(self._one(which), back)["tx_ref"]
        statuses = self.driver.webhook(tx_ref, signature=signature, times=times, **given)
        assert statuses == [200 if signature in AUTHENTIC_SIGNATURES else 401] * times, statuses

    def _orphan(self) -> None:
        """A payment arrives for an unknown reference; verify confirms it."""
        self.driver.restore_gateway()
        tx_ref = self.driver.invented_tx_ref()
        assert self.driver.webhook(tx_ref, paid=True, amount="100.00") == [200]
        self.driver.orphans.add(tx_ref)

    # The clock

    @rule(
        minutes=st.sampled_from([1, 3, 10, 31, 31, 60, 6 * 60, 13 * 60, 24 * 60, 72 * 60]),
        fault=gateway_fault("verify", "verify", "cancel", "refund", "refund_verify"),
    )
    def time_passes(self, minutes: int, fault: SwitchSetting | None) -> None:
        """Time passes, often with a fault; but false answers end before a payment's watch does."""
        if fault:
            self.driver.set_switch(fault)
        if minutes >= 60 and self.driver.gateway_misreports:
            self.driver.restore_gateway()
        if self.now.now < self.driver.began + LONGEST:
            self.driver.advance(minutes=minutes)

    # The host

    @rule(
        changes=st.one_of(
            st.fixed_dictionaries({"units": st.integers(1, 3)}),
            st.fixed_dictionaries({"nightly_price": PRICES}),
            st.fixed_dictionaries({"status": st.sampled_from(["open", "open", "closed"])}),
            st.fixed_dictionaries({"price": st.none() | PRICES, "closed": st.booleans()}),
        ),
        first=st.integers(0, 3),
    )
    def host_changes(self, changes: dict[str, Any], first: int) -> None:
        """The host changes the listing or one of its nights."""
        path, method, driver = f"/v1/listings/{self.driver.listing_id}", "PATCH", self.driver
        if "closed" in changes:
            path, method = f"{path}/nights", "PUT"
            changes |= {"from": driver.soon(first).isoformat(), "to": driver.soon(first + 1).isoformat()}
        assert driver.call(method, path, by=driver.stranger, body=changes).code == "listing_not_found"
        assert driver.call(method, path, by=driver.host, body=changes).status == 200

    # Money back

    @rule(
        which=bookings,
        back=attempts,
        by=st.sampled_from(["host", "host", "operator", "operator", "guest", "stranger"]),
        amount=st.sampled_from([None, 1, 50000, 10**9]),
        key=st.sampled_from(["one", "two"]),
        fault=gateway_fault("refund", "refund", "refund_verify"),
    )
    def refund(
        self, *, which: int, back: int, by: str, amount: int | None, key: str, fault: SwitchSetting | None
    ) -> None:
        """One Idempotency-Key is one refund, and refunds never exceed the payment."""
        booking_id = self._one(which)
        payment = self.driver.read(f"/v1/payments/{self._payment(booking_id, back)['tx_ref']}", self.driver.operator)
        tx_ref, who = payment["tx_ref"], self._person(booking_id, by)
        if fault:
            self.driver.set_switch(fault, tx_ref=tx_ref)
        body: dict[str, Any] = {"reason": "a kindness", "cancel_booking": False}
        body |= {} if amount is None else {"amount": amount}
        reply = self.driver.call("POST", f"/v1/payments/{tx_ref}/refunds", by=who, body=body, key=key)
        if by in ("guest", "stranger"):
            assert (reply.status, reply.code) == (404, "payment_not_found")
            return
        known = self.driver.keyed.get((tx_ref, by, key))
        if known is not None and known.amount != amount:
            assert (reply.status, reply.code) == (422, "idempotency_key_reused")
        elif known is not None:
            assert (reply.status, reply.headers.get("idempotent-replayed")) == (202, "true"), reply.text
            assert reply.body["refund_id"] == known.refund_id
        elif reply.status == 202:
            assert reply.body["refund_id"] not in {refund["refund_id"] for refund in payment["refunds"]}
            self.driver.keyed[tx_ref, by, key] = Keyed(reply.body["refund_id"], amount)
        else:
            left = _left(payment)
            assert (reply.status, reply.code) == (409, "refund_exceeds_payment")
            assert not left or (amount or 0) > left, f"{left} of {tx_ref} could go back: {reply.text}"

    @rule(
        resolve_as=st.sampled_from(["accept", "refund"]),
        retry_as=st.sampled_from(["post_again", "post_again", "already_refunded", "paid_otherwise"]),
    )
    def resolve_attention(self, resolve_as: str, retry_as: str) -> None:
        """An operator resolves what is in attention."""
        for tx_ref in [payment["tx_ref"] for _, payment in self.now.payments() if payment["status"] == "review"][:1]:
            self._resolve(tx_ref, resolve_as)
        for refund_id in self.now.refunds("attention")[:1]:
            self._retry(refund_id, retry_as)

    def _resolve(self, tx_ref: str, as_: str) -> None:
        path, body = f"/v1/ops/payments/{tx_ref}/resolve", {"as": as_, "note": "seen in the dashboard"}
        reply = self.driver.call("POST", path, by=self.driver.operator, body=body)
        assert (reply.status, reply.body.get("status")) == (200, "completed"), reply.text
        self.driver.resolved.add(tx_ref)
        assert self.driver.call("POST", path, by=self.driver.operator, body=body).code == "not_in_review"

    def _retry(self, refund_id: str, as_: str) -> None:
        path, body = f"/v1/ops/refunds/{refund_id}/resolve", {"as": as_, "note": "seen in the dashboard"}
        reply = self.driver.call("POST", path, by=self.driver.operator, body=body)
        assert reply.status == 202, reply.text
        if as_ == "post_again":
            self.driver.posted_again[refund_id] += 1
        else:
            assert reply.body["status"] == "refunded"
            self.driver.resolved_refunds.add(refund_id)


def _left(payment: dict[str, Any]) -> int:
    """Return how much of a payment can be refunded."""
    if payment["status"] != "completed":
        return 0
    return int(payment["received"]["amount"]) - sum(refund["amount"]["amount"] for refund in payment["refunds"])
