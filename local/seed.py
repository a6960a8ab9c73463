"""A few places to stay, so that a fresh stack has something to find. Published through the API, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.issuer import Issuer

HOST_ID = "host-1"

Call = Callable[[str, str, dict[str, str], bytes | None], dict[str, Any]]


class SeedTrouble(Exception):
    """The API did not take a listing; the message shows its answer."""


STAYS = "idempotency_key_reused"
"""The answer when an earlier version published the place, with other words."""

COMMON = {"time_zone": "Africa/Addis_Ababa", "check_in_time": "14:00", "check_out_time": "11:00"}

# title, city, address, price of a night, units, guests in each, cancellation policy, description
ROWS = [
    ("Bole guest house", "Addis Ababa", "Bole Road, near Edna Mall", 180000, 6, 2, "flexible",
     "Quiet rooms ten minutes from the airport, with a garden and coffee at any hour."),
    ("Piazza courtyard", "Addis Ababa", "Adwa Street, Piazza", 125000, 4, 2, "moderate",
     "An old house around a courtyard, near the cathedral and the best macchiato in town."),
    ("Rock view lodge", "Lalibela", "Above Bete Giyorgis", 245000, 5, 2, "moderate",
     "Stone cottages above the valley; the churches are a walk of fifteen minutes."),
    ("Lake house", "Bahir Dar", "Shore road, by the jetty", 210000, 3, 4, "flexible",
     "On the shore of Lake Tana: boats to the monasteries leave from the jetty."),
    ("Royal enclosure inn", "Gondar", "Opposite Fasil Ghebbi", 165000, 8, 2, "strict",
     "Rooms with a view of the castles of Fasilides."),
    ("Hawassa lakeside", "Hawassa", "Lake front, near the fish market", 155000, 10, 3, "flexible",
     "Fresh fish for breakfast, and monkeys in the fig trees."),
]  # fmt: skip

PLACES: list[dict[str, Any]] = [
    {
        **COMMON,
        "title": title,
        "description": description,
        "city": city,
        "address": address,
        "nightly_price": {"amount": price, "currency": "ETB"},
        "units": units,
        "guests_per_unit": guests,
        "cancellation_policy": policy,
    }
    for title, city, address, price, units, guests, policy, description in ROWS
]


def plant(call: Call, issuer: Issuer) -> None:
    """Publish the places as host-1. What an earlier run published stays as it is. Raises SeedTrouble."""
    token = issuer.token(HOST_ID, groups=("host",), email="host-1@guzo.example")
    for place in PLACES:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"seed {place['city']} {place['title']}".replace(" ", "-"),
        }
        answer = call("POST", "/v1/listings", headers, json.dumps(place).encode())
        if answer["statusCode"] != 201 and json.loads(answer["body"]).get("code") != STAYS:
            raise SeedTrouble(f"Publishing {place['title']!r} was answered {answer['statusCode']}: {answer['body']}")
