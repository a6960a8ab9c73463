"""How instants, days and money are written in every answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.domain.money import Money

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""An instant, in UTC and whole seconds."""
Day = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
"""A day."""


def instant(at: datetime) -> str:
    """An instant as RFC 3339 has it, in UTC and whole seconds: ``2027-01-14T08:15:30Z``."""
    # strftime would leave out the zeros of an early year.
    return f"{at.replace(microsecond=0, tzinfo=None).isoformat()}Z"


class MoneyOut(msgspec.Struct, frozen=True):
    """An amount in minor units, and the same for people."""

    amount: int
    """In minor units, as cents."""
    currency: str
    """ISO 4217 code."""
    formatted: str
    """The same amount for people, such as `ETB 2,450.00`."""

    @classmethod
    def of(cls, money: Money) -> MoneyOut:
        return cls(money.minor, money.currency, money.formatted)
