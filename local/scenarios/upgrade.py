"""`UpgradeScenario`: two releases on the same tables, one after the other, and back, with guests in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.scenarios.deployment import Deployment, DeploymentScenario, check, say
from local.scenarios.next_release import NEXT_FORM

Deploy = Callable[[], None]


class UpgradeScenario(DeploymentScenario):
    """Plays that a release is deployed, goes back, and is deployed again; nothing that a guest has may be lost."""

    def __init__(self, deployment: Deployment, *, forward: Deploy, back: Deploy) -> None:
        super().__init__(deployment)
        self._forward, self._back = forward, back
        self._operator = deployment.issuer.token("operator-1", groups=("operator",))

    def run(self) -> None:
        """Run all steps in order. Raises ScenarioError at the first result that differs."""
        listing = self.publish()
        older = self._book(listing, days=90, key="older")
        self.pay(older)
        self._forward()
        check("what the next release reads", self._read(older)["status"], "confirmed")
        newer = self._book(listing, days=90, key="newer")
        check("the form of its own booking", self._form_of(newer), NEXT_FORM)
        say(f"the next release reads {older['booking_id']} and holds {newer['booking_id']} in form {NEXT_FORM}")
        items = self._items()
        self._back()
        self._check_release_before(older, newer)
        self._forward()
        self._check_next_release(older, newer)
        check("items of the bookings' table", sorted(items - self._items()), [])

    def _check_release_before(self, older: dict[str, Any], newer: dict[str, Any]) -> None:
        """Check what the release before does with its own booking, and with the one that it cannot read."""
        self._problem("GET", f"/v1/bookings/{newer['booking_id']}", 503, "busy", token=self._guest)
        # Money comes for it meanwhile: the webhook finds nobody who can read the booking.
        self._pay_at_gateway(newer)
        check("the guest's list", self._listed(older, newer), [older["booking_id"]])
        check("what a person is asked about", self._asked_about(newer), ["unreadable"])
        cancelled = f"/v1/bookings/{older['booking_id']}/cancel"
        self._call("POST", cancelled, token=self._guest, body={"reason": "other plans"}, expect=200)
        # Chapa gives back live money only: in test mode every refund ends with a person.
        self._wait_until("the refund to be worked on", lambda: self._refund_of(older) == "attention")
        check("the form of a booking that nobody could read", self._form_of(newer), NEXT_FORM)
        say("the release before cancels and refunds its own booking, and leaves the other to a person, unread")

    def _check_next_release(self, older: dict[str, Any], newer: dict[str, Any]) -> None:
        """Check that the next release finds everything, and what came meanwhile."""
        check("the guest's list", set(self._listed(older, newer)), {older["booking_id"], newer["booking_id"]})
        check(
            "what became of the older one",
            (self._read(older)["status"], self._refund_of(older)),
            ("cancelled", "attention"),
        )
        self._wait_until("the money to be found", lambda: self._verified(newer) == "confirmed")
        check("what a person is asked about", self._asked_about(newer), [])
        say(
            "the next release is back: the money that came meanwhile confirms its booking, and nobody is asked any more"
        )

    def _read(self, booking: dict[str, Any]) -> dict[str, Any]:
        return self._call("GET", f"/v1/bookings/{booking['booking_id']}", token=self._guest, expect=200)

    def _verified(self, booking: dict[str, Any]) -> str:
        """The booking's status once the gateway was asked, by the guest or by whoever is asking already."""
        path = f"/v1/payments/{booking['payment']['tx_ref']}/verify"
        self._call("POST", path, token=self._guest, expect=200)
        status: str = self._read(booking)["status"]
        return status

    def _refund_of(self, booking: dict[str, Any]) -> str:
        (refund,) = self._read(booking)["payment"]["refunds"]
        status: str = refund["status"]
        return status

    def _listed(self, *bookings: dict[str, Any]) -> list[str]:
        """Those of these bookings that their guest's list shows."""
        shown = {
            each["booking_id"] for each in self._call("GET", "/v1/bookings", token=self._guest, expect=200)["items"]
        }
        return [booking["booking_id"] for booking in bookings if booking["booking_id"] in shown]

    def _asked_about(self, booking: dict[str, Any]) -> list[str]:
        """The kinds of a booking's attention items."""
        found = self._call("GET", "/v1/ops/attention", token=self._operator, expect=200)["items"]
        return [item["kind"] for item in found if item["booking_id"] == booking["booking_id"]]

    def _form_of(self, booking: dict[str, Any]) -> int:
        table, key = self._deployment.outputs["BookingsTableName"], {"booking_id": {"S": booking["booking_id"]}}
        found = self._deployment.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        return int(found["Item"]["schema"]["N"])

    def _items(self) -> set[str]:
        """The keys of everything in the bookings' table."""
        pages = self._deployment.client("dynamodb").get_paginator("scan")
        found = pages.paginate(TableName=self._deployment.outputs["BookingsTableName"], ConsistentRead=True)
        return {item["booking_id"]["S"] for page in found for item in page["Items"]}
