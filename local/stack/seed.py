"""The seed data: a few listings, published through the API once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from local.stack.issuer import Issuer

HOST_ID = "host-1"

Call = Callable[[str, str, dict[str, str], bytes | None], dict[str, Any]]


class SeedError(Exception):
    """The API refused a listing; the message has its answer."""


PUBLISHED_BEFORE = "idempotency_key_reused"
"""The refusal of a listing that an earlier version published with another text."""

COMMON = {"check_in_time": "14:00", "check_out_time": "11:00"}
ZONES = {"ETB": "Africa/Addis_Ababa", "KES": "Africa/Nairobi"}

# title, city, address, currency, price of a night, units, guests in each, cancellation policy, description
ROWS = [
    ("Bole guest house", "Addis Ababa", "Bole Road, near Edna Mall", "ETB", 180000, 6, 2, "flexible",
     "Quiet rooms ten minutes from the airport, with a garden and coffee at any hour."),
    ("Piazza courtyard", "Addis Ababa", "Adwa Street, Piazza", "ETB", 125000, 4, 2, "moderate",
     "An old house around a courtyard, near the cathedral and the best macchiato in town."),
    ("Rock view lodge", "Lalibela", "Above Bete Giyorgis", "ETB", 245000, 5, 2, "moderate",
     "Stone cottages above the valley; the churches are a walk of fifteen minutes."),
    ("Lake house", "Bahir Dar", "Shore road, by the jetty", "ETB", 210000, 3, 4, "flexible",
     "On the shore of Lake Tana: boats to the monasteries leave from the jetty."),
    ("Royal enclosure inn", "Gondar", "Opposite Fasil Ghebbi", "ETB", 165000, 8, 2, "strict",
     "Rooms with a view of the castles of Fasilides."),
    ("Hawassa lakeside", "Hawassa", "Lake front, near the fish market", "ETB", 155000, 10, 3, "flexible",
     "Fresh fish for breakfast, and monkeys in the fig trees."),
    ("Acacia garden rooms", "Nairobi", "Riverside Drive, Westlands", "KES", 750000, 5, 2, "flexible",
     "A garden of acacias above the river. It is paid in shillings, with Paystack."),
]  # fmt: skip

PLACES: list[dict[str, Any]] = [
    {
        **COMMON,
        "time_zone": ZONES[currency],
        "title": title,
        "description": description,
        "city": city,
        "address": address,
        "nightly_price": {"amount": price, "currency": currency},
        "units": units,
        "guests_per_unit": guests,
        "cancellation_policy": policy,
    }
    for title, city, address, currency, price, units, guests, policy, description in ROWS
]


def places(currencies: Collection[str]) -> list[dict[str, Any]]:
    """Return the places with a price in one of these currencies."""
    return [place for place in PLACES if place["nightly_price"]["currency"] in currencies]


def publish_seed(call: Call, issuer: Issuer, places: Sequence[dict[str, Any]]) -> None:
    """Publish the places as host-1; those of an earlier run stay as they are. Raises SeedError."""
    token = issuer.token(HOST_ID, groups=("host",), email="host-1@guzo.example")
    for place in places:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"seed {place['city']} {place['title']}".replace(" ", "-"),
        }
        answer = call("POST", "/v1/listings", headers, json.dumps(place).encode())
        if answer["statusCode"] != 201 and json.loads(answer["body"]).get("code") != PUBLISHED_BEFORE:
            raise SeedError(f"Publishing {place['title']!r} was answered {answer['statusCode']}: {answer['body']}")
