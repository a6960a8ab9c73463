"""Every call by which operators write can be tried: it answers the same shape, and writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chalicelib.api.core.routing import ROUTES, Route
from chalicelib.services.rehearsal import rehearsed
from tests.api.harness import World

READS = {"/v1/ops/search", "/v1/ops/people/export"}
"""Calls whose body is what is looked for."""
SHARED = {
    "/v1/bookings/{booking_id}",
    "/v1/bookings/{booking_id}/cancel",
    "/v1/bookings/{booking_id}/end-stay",
    "/v1/payments/{tx_ref}/verify",
    "/v1/payments/{tx_ref}/refunds",
}
"""Calls that operators share with guests and hosts."""


CSV = "reference,amount,currency\n"


def writes(route: Route) -> bool:
    of_staff = route.role == "operator" or route.path in SHARED
    return of_staff and route.method != "GET" and route.path not in READS


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if writes(route)], ids=lambda route: f"{route.method} {route.path}"
)
def test_it_takes_dry_run(route: Route) -> None:
    assert route.body is not None
    fields = {field.name: field for field in msgspec.structs.fields(route.body)}
    assert fields["dry_run"].default is False


def test_every_shared_call_is_there() -> None:
    assert {route.path for route in ROUTES} >= SHARED


def shape(answer: Any) -> Any:
    """The names of an answer, and the types of what they hold."""
    if isinstance(answer, dict):
        return {name: shape(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [shape(each) for each in answer[:1]]
    return type(answer).__name__


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("POST /v1/payments/{tx_ref}/refunds", {"reason": "One night.", "amount": 100}),
        ("POST /v1/payments/{tx_ref}/verify", {}),
        ("POST /v1/bookings/{booking_id}/cancel", {"reason": "A flood."}),
        ("PATCH /v1/bookings/{booking_id}", {"contact": {"first_name": "Sara"}, "note": "She rang."}),
        ("POST /v1/ops/bookings/{booking_id}/notes", {"note": "She comes late."}),
        ("POST /v1/ops/settlements", {"gateway": "chapa", "from": "2027-01-01", "to": "2027-01-02", "csv": CSV}),
        ("POST /v1/ops/accounts/{guest}/block", {"note": "Stolen cards."}),
        ("POST /v1/ops/listings/{listing_id}/reopen", {}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_it_answers_the_same_and_writes_nothing(world: World, call: str, body: dict[str, Any]) -> None:
    booking = world.paid(world.book())
    ids = {"booking_id": booking["booking_id"], "tx_ref": booking["payment"]["tx_ref"]}
    ids |= {"listing_id": booking["listing_id"], "guest": world.guest().sub}
    world.clock.forward(minutes=1)
    world.messages(world.resources.emails_queue_url)
    world.messages(world.resources.reconcile_queue_url)
    world.container.bookings.salt()
    before, asked = {trail: world.stored(with_trail=trail) for trail in (True, False)}, len(world.gateway.asked)
    method, path = call.format(**ids).split(" ")
    tried = world.call(method, path, body | {"dry_run": True}, by=world.operator(), key="k")
    assert tried.status < 300, tried.text
    # Whoever is shown a guest's contact has looked at it.
    with_trail = "contact" not in tried.body
    assert world.stored(with_trail=with_trail) == before[with_trail]
    assert world.messages(world.resources.emails_queue_url) == world.messages(world.resources.reconcile_queue_url) == []
    assert all(each.startswith("GET ") for each in world.gateway.asked[asked:])
    done = world.call(method, path, body, by=world.operator(), key="k")
    assert (done.status, shape(done.body)) == (tried.status, shape(tried.body))


@pytest.mark.parametrize("call", ["initialize", "refund"])
def test_over_a_trial_no_money_moves_whatever_asks_for_it(world: World, call: str) -> None:
    payment = world.container.bookings.load(world.book()["booking_id"]).payments[0]  # type: ignore[union-attr]
    gateways = rehearsed(world.container).gateways
    for gateway in (gateways.of(payment), gateways.named(payment.gateway)):
        assert not hasattr(gateway, call)
        assert hasattr(gateway, "verify")
