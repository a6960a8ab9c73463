"""The storefront: search, book, pay, list bookings. Its pages call the API as any frontend does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template


def create_blueprint(api: str, places: Sequence[dict[str, Any]]) -> Blueprint:
    """Return the routes below `/shop`. The search suggests the cities of `places`."""
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")
    cities = list(dict.fromkeys(place["city"] for place in places))

    @blueprint.get("")
    def search() -> str:
        return render_template("local/shop/search.html", api=api, page="search", cities=cities)

    @blueprint.get("/listings/<listing_id>")
    def listing(listing_id: str) -> str:
        return render_template("local/shop/listing.html", api=api, page="listing", listing_id=listing_id)

    @blueprint.get("/bookings")
    def bookings() -> str:
        return render_template("local/shop/bookings.html", api=api, page="bookings")

    return blueprint
