"""The storefront: search, book, pay, list bookings. Its pages call the API as any frontend does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template


def create_blueprint(api: str, places: Sequence[dict[str, Any]], *, currency: str) -> Blueprint:
    """Return the routes below `/shop`. The search suggests the cities of `places`, in their currencies.

    `currency` is the stage's first: that of a search which names none.
    """
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")
    cities = {place["city"]: place["nightly_price"]["currency"] for place in places}
    currencies = list(dict.fromkeys([currency, *cities.values()]))

    @blueprint.get("")
    def search() -> str:
        suggested = {"cities": cities, "currencies": currencies}
        return render_template("local/shop/search.html", api=api, page="search", **suggested)

    @blueprint.get("/listings/<listing_id>")
    def listing(listing_id: str) -> str:
        return render_template("local/shop/listing.html", api=api, page="listing", listing_id=listing_id)

    @blueprint.get("/bookings")
    def bookings() -> str:
        return render_template("local/shop/bookings.html", api=api, page="bookings")

    return blueprint
