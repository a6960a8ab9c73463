"""What everybody else does: the gateway, forgers, the clock, the host and the operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from local.sandboxes.chapa.webhooks import FAILED, REFUNDED, SIGNATURES
from tests.e2e.machine.guests import Guests, attempts, bookings
from tests.e2e.machine.switching import CALLS, MANNERS, Turn, some_trouble, turned
from tests.e2e.machine.town import Keyed

LONGEST = timedelta(days=40)
"""How long the steps of an example may take by the clock."""
PRICES = st.sampled_from([{"amount": amount, "currency": "ETB"} for amount in (100, 99999, 245000)])


class Others(Guests):
    """Guests, and all that befalls them."""

    # The gateway

    @rule(
        turn=st.one_of(st.none(), *(turned(name) for name in (*CALLS, *MANNERS))),
        limit=st.sampled_from([{}, {}, {"once": True}, {"once": 3}, {"share": 0.5, "seed": 7}]),
    )
    def turn(self, turn: Turn | None, limit: dict[str, Any]) -> None:
        """A switch is turned for everybody, for some calls, or for a share of them; or all go back."""
        if turn is None:
            self.town.be_well()
        else:
            self.town.turn(turn, **(limit if turn[0] in CALLS else {}))

    @rule(
        which=bookings,
        back=attempts,
        signature=st.sampled_from(["good", "good", *SIGNATURES]),
        event=st.sampled_from([None, None, FAILED, REFUNDED, "charge.reversed", "charge.unheard_of"]),
        times=st.integers(1, 3),
        amount=st.sampled_from([None, None, "1.00"]),
        orphan=st.sampled_from([False, False, False, True]),
    )
    def deliver(self, *, which: int, back: int, signature: str, times: int, orphan: bool, **says: str | None) -> None:
        """A webhook comes that nothing made the gateway send: taken if it is signed, and not believed."""
        if orphan:
            self._orphan()
            return
        said = {name: value for name, value in says.items() if value is not None}
        tx_ref = self._payment(self._one(which), back)["tx_ref"]
        statuses = self.town.webhook(tx_ref, signature=signature, times=times, **said)
        assert statuses == [200 if signature == "good" else 401] * times, statuses

    def _orphan(self) -> None:
        """Money comes for a reference that we never gave; the gateway shows it when it is asked."""
        self.town.be_well()
        tx_ref = self.town.invented_tx_ref()
        assert self.town.webhook(tx_ref, paid=True, amount="100.00") == [200]
        self.town.orphans.add(tx_ref)

    # The clock

    @rule(
        minutes=st.sampled_from([1, 3, 10, 31, 31, 60, 6 * 60, 13 * 60, 24 * 60, 72 * 60]),
        trouble=some_trouble("verify", "verify", "cancel", "refund", "refund_verify"),
    )
    def time_passes(self, minutes: int, trouble: Turn | None) -> None:
        """Often in trouble, which may last; but nobody lies for so long that money is forgotten by then."""
        if trouble:
            self.town.turn(trouble)
        if minutes >= 60 and self.town.gateway_lies:
            self.town.be_well()
        if self.now.now < self.town.began + LONGEST:
            self.town.advance(minutes=minutes)

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
        """The listing, or one of its nights."""
        path, method, town = f"/v1/listings/{self.town.listing_id}", "PATCH", self.town
        if "closed" in changes:
            path, method = f"{path}/nights", "PUT"
            changes |= {"from": town.soon(first).isoformat(), "to": town.soon(first + 1).isoformat()}
        assert town.call(method, path, by=town.stranger, body=changes).code == "listing_not_found"
        assert town.call(method, path, by=town.host, body=changes).status == 200

    # Money back

    @rule(
        which=bookings,
        back=attempts,
        by=st.sampled_from(["host", "host", "operator", "operator", "guest", "stranger"]),
        amount=st.sampled_from([None, 1, 50000, 10**9]),
        key=st.sampled_from(["one", "two"]),
        trouble=some_trouble("refund", "refund", "refund_verify"),
    )
    def refund(self, *, which: int, back: int, by: str, amount: int | None, key: str, trouble: Turn | None) -> None:
        """One key is one refund; and never more goes back than came."""
        booking_id = self._one(which)
        payment = self.town.read(f"/v1/payments/{self._payment(booking_id, back)['tx_ref']}", self.town.operator)
        tx_ref, who = payment["tx_ref"], self._person(booking_id, by)
        if trouble:
            self.town.turn(trouble, tx_ref=tx_ref)
        body = {"reason": "a kindness"} | ({} if amount is None else {"amount": amount})
        reply = self.town.call("POST", f"/v1/payments/{tx_ref}/refunds", by=who, body=body, key=key)
        if by in ("guest", "stranger"):
            assert (reply.status, reply.code) == (404, "payment_not_found")
            return
        known = self.town.keyed.get((tx_ref, by, key))
        if known is not None and known.amount != amount:
            assert (reply.status, reply.code) == (422, "idempotency_key_reused")
        elif known is not None:
            assert (reply.status, reply.headers.get("idempotent-replayed")) == (202, "true"), reply.text
            assert reply.body["refund_id"] == known.refund_id
        elif reply.status == 202:
            assert reply.body["refund_id"] not in {refund["refund_id"] for refund in payment["refunds"]}
            self.town.keyed[tx_ref, by, key] = Keyed(reply.body["refund_id"], amount)
        else:
            left = _left(payment)
            assert (reply.status, reply.code) == (409, "refund_exceeds_payment")
            assert not left or (amount or 0) > left, f"{left} of {tx_ref} could go back: {reply.text}"

    @rule(
        resolve_as=st.sampled_from(["accept", "refund"]),
        retry_as=st.sampled_from(["post_again", "post_again", "already_refunded", "paid_otherwise"]),
    )
    def settle(self, resolve_as: str, retry_as: str) -> None:
        """An operator sees to what needs a person."""
        for tx_ref in [payment["tx_ref"] for _, payment in self.now.payments() if payment["status"] == "review"][:1]:
            self._resolve(tx_ref, resolve_as)
        for refund_id in self.now.refunds("attention")[:1]:
            self._retry(refund_id, retry_as)

    def _resolve(self, tx_ref: str, as_: str) -> None:
        path, body = f"/v1/ops/payments/{tx_ref}/resolve", {"as": as_, "note": "seen in the dashboard"}
        reply = self.town.call("POST", path, by=self.town.operator, body=body)
        assert (reply.status, reply.body.get("status")) == (200, "completed"), reply.text
        self.town.resolved.add(tx_ref)
        assert self.town.call("POST", path, by=self.town.operator, body=body).code == "not_in_review"

    def _retry(self, refund_id: str, as_: str) -> None:
        path, body = f"/v1/ops/refunds/{refund_id}/resolve", {"as": as_, "note": "seen in the dashboard"}
        reply = self.town.call("POST", path, by=self.town.operator, body=body)
        assert reply.status == 202, reply.text
        if as_ == "post_again":
            self.town.posted_again[refund_id] += 1
        else:
            assert reply.body["status"] == "refunded"
            self.town.settled.add(refund_id)


def _left(payment: dict[str, Any]) -> int:
    """What of a payment can go back."""
    if payment["status"] != "completed":
        return 0
    return int(payment["received"]["amount"]) - sum(refund["amount"]["amount"] for refund in payment["refunds"])
