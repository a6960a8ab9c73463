"""A month of a listing as one item: what it says of each day, and every condition on it.

Of the 14th, ``t14`` is how many units are taken, ``p14`` its own price (minor units of the month's ``currency``), and
``c14`` stands there while the host has it closed. What is untouched is absent. The names are short because a write is
billed by the whole item: a month in which every day is taken, priced and closed stays below 1 KB, with room for one
more number a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pynamodb.expressions.condition import And, Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamodb.calls import Item
from chalicelib.adapters.dynamodb.tables import MONTH, MonthItem, month_part
from chalicelib.domain.ids import ListingId
from chalicelib.domain.listings.calendar import UNCHANGED, Night, NightChange, Nights, by_month, dates_between
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.services.ports.outcomes import Unreadable

MONTH_FORM = 2
"""The form of a month that this release writes, and the newest that it reads. It is not that of the records: a release
that stores bookings otherwise must not make the months unreadable that it sells first."""


def month_parts(start: date, end: date) -> list[str]:
    """The sort keys of the months that have a night from ``start`` up to, not including, ``end``."""
    return [month_part(days[0]) for days in by_month(dates_between(start, end))]


def nights_of(items: Iterable[Item | None], start: date, end: date) -> Nights:
    """The nights from ``start`` up to, not including, ``end`` that these months say something of."""
    every = (night for item in items if item is not None for night in _nights(item))
    return {night.date: night for night in every if start <= night.date < end and night != Night(night.date)}


def take(
    transaction: TransactWrite, listing: Listing, days: Sequence[date], units: int, *, priced: Nights | None
) -> None:
    """Take ``units`` on each of these days, one write a month. ``priced``: at these prices only; None: at any."""
    for month in by_month(days):
        conditions = [_has_room(day, listing, units) & _is_open(day) for day in month]
        if priced is not None:
            conditions += [_is_priced(day, priced.get(day)) for day in month]
        transaction.update(
            _month(listing.listing_id, month),
            actions=[*(_taken(day).add(units) for day in month), _form()],
            condition=_all(conditions),
        )


def release(transaction: TransactWrite, listing_id: ListingId, days: Sequence[date], units: int) -> None:
    """Give back ``units`` on each of these days, one write a month."""
    for month in by_month(days):
        transaction.update(
            _month(listing_id, month),
            actions=[_taken(day).add(-units) for day in month],
            condition=_all([_is_taken(day, units) for day in month]),
        )


def edit(transaction: TransactWrite, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
    """Make a host's change of these days, one write a month."""
    for month in by_month(days):
        actions = [_form(), *(action for day in month for action in _changes(day, change))]
        if isinstance(change.price, Money):
            actions.append(MonthItem.currency.set(change.price.currency))
        # No condition: what is taken is not touched, and the last word of a host counts.
        transaction.update(_month(listing_id, month), actions=actions)


def _changes(day: date, change: NightChange) -> Iterable[Action]:
    if change.price is not UNCHANGED:
        yield _price(day).remove() if change.price is None else _price(day).set(change.price.minor)
    if change.closed is not None:
        yield _closed(day).set(True) if change.closed else _closed(day).remove()


def _has_room(day: date, listing: Listing, units: int) -> Condition:
    """The listing has ``units`` left: it has as many and none was ever taken, or the others leave as many."""
    # Conditions have no arithmetic, so the room that must be left is computed here.
    room = _taken(day) <= listing.units - units
    return _taken(day).does_not_exist() | room if listing.units >= units else room


def _is_open(day: date) -> Condition:
    """The host has not closed the day."""
    return _closed(day).does_not_exist()


def _is_priced(day: date, night: Night | None) -> Condition:
    """The day's own price, or that it has none, is still what was read when the guest's stay was priced."""
    if night is None or night.price is None:
        return _price(day).does_not_exist()
    return _price(day) == night.price.minor


def _is_taken(day: date, units: int) -> Condition:
    """At least ``units`` are taken: a night is never given back twice."""
    return _taken(day) >= units


def _all(conditions: Sequence[Condition]) -> Condition:
    """Every one of them holds. Halved, not chained, so that parentheses of a whole month nest a few deep, not sixty."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return And(_all(conditions[:half]), _all(conditions[half:]))


def _month(listing_id: ListingId, days: Sequence[date]) -> MonthItem:
    return MonthItem(listing_id, month_part(days[0]))


def _form() -> Action:
    """Say the item's form, unless it says one already: another release's is not this one's to change."""
    return MonthItem.schema.set(MonthItem.schema | MONTH_FORM)


def _taken(day: date) -> Path:
    return Path(f"t{day.day:02}")


def _price(day: date) -> Path:
    return Path(f"p{day.day:02}")


def _closed(day: date) -> Path:
    return Path(f"c{day.day:02}")


def _nights(item: Item) -> Iterable[Night]:
    if _number(item["schema"]) > MONTH_FORM:
        raise Unreadable(f"{item['listing_id']['S']} {item['part']['S']}")
    month = item["part"]["S"].removeprefix(MONTH)
    for number in {name[1:] for name in item if name[1:].isdigit()}:
        price = Money(_number(item[f"p{number}"]), item["currency"]["S"]) if f"p{number}" in item else None
        taken = _number(item.get(f"t{number}", {"N": "0"}))
        yield Night(date.fromisoformat(f"{month}-{number}"), taken, price, closed=f"c{number}" in item)


def _number(value: dict[str, Any]) -> int:
    return int(value["N"])
