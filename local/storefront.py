"""A little shop: find a place, book, pay, see your bookings. Its pages use the real API, as any frontend."""

from __future__ import annotations

from flask import Blueprint, render_template


def create_blueprint(api: str) -> Blueprint:
    """The routes below `/shop`."""
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.get("")
    def search() -> str:
        return render_template("local/shop/search.html", api=api, here="search")

    @blueprint.get("/listings/<listing_id>")
    def listing(listing_id: str) -> str:
        return render_template("local/shop/listing.html", api=api, here="search", listing_id=listing_id)

    @blueprint.get("/bookings")
    def bookings() -> str:
        return render_template("local/shop/bookings.html", api=api, here="bookings")

    return blueprint
