"""On a developer's machine the examples of the OpenAPI document work as they stand: ids that are there, days to come.

The document that is committed plays on ``DAY``: a guest books a host's listing under ``KEY``. Both ids follow from the
table's salt, so that the local stack's own stand in their places; and every date moves along with the clock.
"""

from __future__ import annotations

import re
from datetime import date

from chalicelib.domain.ids import PersonId, derive_booking_id, derive_listing_id

DAY = date(2027, 1, 2)
KEY = f"a-key-for-{DAY}"
LISTING_ID = "lst_7QK2M9P4T1B8WCD0"
BOOKING_ID = "GZ4T1B8WCD7K2M9Q"

GUEST, HOST, OPERATOR = PersonId("guest-1"), PersonId("host-1"), PersonId("operator-1")
"""Whom the page signs in with a click."""
SEED_KEY = "seed-Bahir-Dar-Lake-house"
"""Under which the local stack publishes the listing of the examples, as ``HOST``."""

_DATE = re.compile(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]")


def with_local_examples(document: str, *, salt: bytes, today: date) -> str:
    """The document's text, whose examples work today in the stack whose tables have ``salt``.

    Who signs in as ``GUEST`` and sends the example of a booking has made the very booking that the other examples name.
    """
    moved = _DATE.sub(lambda found: str(date.fromisoformat(found[0]) + (today - DAY)), document)
    booking_id = derive_booking_id(salt, GUEST, KEY.replace(str(DAY), str(today)))
    return moved.replace(LISTING_ID, derive_listing_id(salt, HOST, SEED_KEY)).replace(BOOKING_ID, booking_id)
