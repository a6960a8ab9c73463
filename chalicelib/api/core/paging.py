"""Lists: ``limit`` and ``cursor`` in, ``items`` and ``next_cursor`` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from chalicelib.api.core.cursors import seal, unseal
from chalicelib.api.core.http import Answer, Call

T = TypeVar("T")

Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a query that every list understands."""

    limit: Limit = 20
    cursor: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. It may hold fewer items than ``limit``, even none: only ``next_cursor: null`` is the end."""

    items: Sequence[T]
    next_cursor: str | None


def position(call: Call) -> Any:
    """Where this page begins; None for the first. Raises InvalidCursor."""
    query: Paged = call.query
    return None if query.cursor is None else unseal(call.container.bookings.salt(), _scope(call), query.cursor)


def page(call: Call, items: Sequence[Any], after: Any) -> Answer:
    """One page; ``after`` (JSON) is where the next begins, None at the end."""
    following = None if after is None else seal(call.container.bookings.salt(), _scope(call), after)
    return Answer(Page(items, following))


def _scope(call: Call) -> str:
    """The route, the caller, and every filter of the query: a cursor is good for nothing else."""
    filters = sorted(
        (name, value) for name, value in msgspec.to_builtins(call.query).items() if name not in ("cursor", "limit")
    )
    person = call.principal.person_id if call.principal else ""
    return repr((call.request.method, call.request.path, sorted(call.path.items()), person, filters))
