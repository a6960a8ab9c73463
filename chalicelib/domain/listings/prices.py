"""What a stay costs: each night at its own price or the listing's, summed up line by line."""

from __future__ import annotations

from itertools import groupby

from chalicelib.domain.listings.calendar import Night, Nights, Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money, zero
from chalicelib.domain.record import Record


class Line(Record, frozen=True):
    """One line of a bill."""

    description: str
    amount: Money


class Quote(Record, frozen=True):
    """What a stay costs: its ``lines`` add up to ``total``."""

    lines: tuple[Line, ...]
    total: Money


def price_of(listing: Listing, night: Night | None) -> Money:
    """The price of one unit for one night."""
    return night.price if night is not None and night.price is not None else listing.nightly_price


def quote(listing: Listing, nights: Nights, stay: Stay) -> Quote:
    """Price a stay: one line for each run of nights at the same price."""
    prices = [price_of(listing, nights.get(day)) for day in stay.dates]
    lines = []
    total = zero(listing.nightly_price.currency)
    for price, run in groupby(prices):
        count = len(list(run))
        amount = price * (count * stay.units)
        lines.append(Line(f"{_counted(count, 'night')} × {_counted(stay.units, 'unit')}", amount))
        total += amount
    return Quote(tuple(lines), total)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
