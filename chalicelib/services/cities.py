"""The directory of cities that have open listings."""

from __future__ import annotations

import json

from chalicelib.domain.listings.cities import City, fold, keys_of_names
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports


def cities(ports: Ports, *, beginning: str, limit: int, after: str | None) -> Page[City]:
    """The cities whose name begins so: first those that are better known by another one, then the rest by name."""
    folded = fold(beginning)
    known = sorted(key for key in keys_of_names(beginning) if not key.startswith(folded)) if folded else []
    # A position: how many of the known ones were shown, and where in the directory to go on.
    shown, inside = json.loads(after) if after else (0, None)
    asked = known[shown : shown + limit]
    found = tuple(ports.listings.find_cities(asked)) if asked else ()
    if shown + limit < len(known) or len(asked) == limit:
        return Page(found, json.dumps([shown + len(asked), None]))
    page = ports.listings.cities(folded, limit=limit - len(asked), after=inside)
    position = None if page.next_cursor is None else json.dumps([len(known), page.next_cursor])
    return Page((*found, *page.items), position)
