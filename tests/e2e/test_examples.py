"""The examples of the OpenAPI document on a local stack, sent as they stand, one call after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.scenarios.client import Person, ScenarioClient
from tests.e2e.conftest import Process, a_stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Process]:
    """A stack of its own: the examples change the seed data."""
    yield from a_stack()


class Reader:
    """Somebody who presses Execute on the page of the document."""

    def __init__(self, client: ScenarioClient) -> None:
        self.client = client
        self.operations = {
            made["operationId"]: (method, path, made)
            for path, methods in client.call("GET", "/openapi.json", expect=200)["paths"].items()
            for method, made in methods.items()
        }

    def sign_in(self, sub: str, *groups: str) -> Person:
        email = f"{sub}@guzo.example"
        asked = {"sub": sub, "groups": list(groups), "email": email}
        return Person(sub, email, self.client.call_local("POST", "/token", asked)["token"])

    def execute(self, name: str, by: Person | None = None, expect: int = 200) -> Any:
        method, path, made = self.operations[name]
        given: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for each in made.get("parameters", ()):
            if each["required"]:
                given[each["in"]][each["name"]] = str(each["example"])
        query = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in given["query"].items())
        body = made["requestBody"]["content"]["application/json"]["example"] if "requestBody" in made else None
        return self.client.call(
            method.upper(),
            path.format(**given["path"]) + (f"?{query}" if query else ""),
            expect=expect,
            by=by,
            body=body,
            headers=given["header"],
        )


def test_they_work_as_they_stand(client: ScenarioClient) -> None:
    reader = Reader(client)
    guest, host, operator = reader.sign_in("guest-1"), reader.sign_in("host-1", "host"), reader.sign_in("o", "operator")
    (found,) = reader.execute("search_listings")["items"]
    assert found["listing_id"] == reader.execute("read_listing")["listing_id"]
    assert [night["left"] for night in reader.execute("read_availability")["nights"]][-3:] == [3, 3, 3]

    booking = reader.execute("create_booking", guest, 201)
    assert reader.execute("read_booking", guest)["booking_id"] == booking["booking_id"]
    assert reader.execute("open_payment", guest)["tx_ref"] == booking["payment"]["tx_ref"]
    assert reader.execute("read_payment", guest)["status"] == "pending"
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    assert reader.execute("verify_payment", guest)["status"] == "completed"
    assert reader.execute("list_payment_events", guest)["items"]

    assert reader.execute("refund_payment", operator, 202)["status"] == "owed"
    assert [made["booking_id"] for made in reader.execute("list_bookings_by_day", operator)["items"]] == [
        booking["booking_id"]
    ]
    client.wait_until_idle()
    assert reader.execute("read_report", operator)["items"]
    assert reader.execute("cancel_booking", guest)["status"] == "cancelled"

    assert reader.execute("set_nights", host)["nights"]
    assert reader.execute("publish_listing", host, 201)["host_id"] == "host-1"
    assert reader.execute("change_listing", host)["units"] == 5
